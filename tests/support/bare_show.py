"""A show whose one engine is somebody else's and away: it starts in a second, needs no model, answers nobody."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from console.host.run_lock import ShowFile, alive
from profiles.home import CHECKOUT, Home

_UP_S = 60.0
_RIG = """title = "Bare"
character = "mr_bones"
[engines.llm]
engine = "llama_cpp"
launch = "attach"
url = "http://127.0.0.1:9"
[audio]
microphone = "recorded"
speaker = "null"
"""


class BareShow:
    """`console.py run --headless --rig bare` in a child; `cli` runs other commands against it."""

    def __init__(self, home: Path, **environment: str) -> None:
        self.home = Home(home)
        self.state = self.home.state("bare")
        self.environment = os.environ | {"GALACTUS_HOME": str(home)} | environment
        self.process: subprocess.Popen[bytes]
        (home / "profiles" / "rigs").mkdir(parents=True, exist_ok=True)
        (home / "profiles" / "rigs" / "bare.toml").write_text(_RIG)

    def start(self, **more: Any) -> "BareShow":
        """Returns once it can be asked."""
        with (self.home.root / "show.out").open("wb") as out, (self.home.root / "show.err").open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, str(CHECKOUT / "console.py"), "run", "--headless", "--rig", "bare"],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
                **more,
            )
        wait_for(lambda: self.process.poll() is not None or alive(self.state) is not None, _UP_S)
        assert self.process.poll() is None, self.words()
        return self

    def words(self) -> str:
        return (self.home.root / "show.err").read_text("utf-8", "replace")

    @property
    def file(self) -> ShowFile:
        found = alive(self.state)
        assert found is not None, self.words()
        return found

    def cli(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(CHECKOUT / "console.py"), *words],
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


@contextmanager
def bare_show(home: Path, **environment: str) -> Iterator[BareShow]:
    """One that runs while the block lasts."""
    show = BareShow(home, **environment)
    try:
        yield show.start()
    finally:
        show.end()


def wait_for(true: Any, within_s: float = 10.0) -> None:
    """Until it is; fails when it does not become so."""
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
