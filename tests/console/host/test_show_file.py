"""The file that a running show is found by holds what is true now, whatever comes between."""

import asyncio
import os
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from console.host.run_lock import RunLock, ShowFile, alive
from console.show.endpoint_guard import EndpointGuard
from profiles.home import Home


def test_a_file_cut_off_in_the_moment_it_is_written_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the show would take what is left for its own, and could never be found again."""
    replace = Path.replace

    def then_cut(part: Path, target: Path) -> Path:
        replace(part, target)
        os.truncate(target, 20)
        return target

    home, me = Home(tmp_path), ShowFile(pid=os.getpid(), rig="booth", rig_file="", character="", socket="/n", logs="")
    with RunLock(home, "booth") as here:
        with monkeypatch.context() as cutting:
            cutting.setattr(Path, "replace", then_cut)
            here.announce(me)
        assert alive(home.state("booth")) is None
        here.restore()
        assert alive(home.state("booth")) == me


async def test_the_newest_place_of_the_sockets_is_told_last(tmp_path: Path) -> None:
    """The thread may be slow with the old one while the loop has the new one."""
    told: list[str] = []
    old_comes, new_tried = threading.Event(), threading.Event()

    class Slow(RunLock):
        def restore(self, show: ShowFile | None = None) -> None:
            if show is not None and show.socket == "/old":
                old_comes.set()
                new_tried.wait(0.5)  # in vain, where the new one waits for its turn
            if show is not None:
                told.append(show.socket)
                new_tried.set()

    named = SimpleNamespace(name="booth", file="", value=None)
    with Slow(Home(tmp_path), "booth") as presence:
        lookout = EndpointGuard(cast(Any, SimpleNamespace(rig=named, character=named, logs=tmp_path)), presence)
        lookout.mind(cast(Any, SimpleNamespace(path=Path("/stop"))))
        thread = threading.Thread(target=lookout.announce, args=(cast(Any, SimpleNamespace(path=Path("/old"))),))
        thread.start()
        assert await asyncio.to_thread(old_comes.wait, 5)
        lookout.announce(cast(Any, SimpleNamespace(path=Path("/new"))))
        thread.join()
    assert told == ["/old", "/new"]
