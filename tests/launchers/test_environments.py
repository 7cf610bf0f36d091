"""Making an engine's environment: from local wheels, killed, twice at once, and with no index to be had."""

import asyncio
import base64
import contextlib
import hashlib
import http.server
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from launchers.errors import FetchError
from launchers.runtime.environments import Environments
from launchers.store.progress import Progress
from profiles.home import Home

MAKER = """
import asyncio, sys
from pathlib import Path
from launchers.runtime.environments import Environments
from profiles.home import Home
environments = Environments(Home(Path(sys.argv[1])), Path(sys.argv[2]))
asyncio.run(environments.ensure("toy", lambda step: print(step.note, flush=True)))
"""


def wheel(folder: Path, name: str) -> str:
    """A package of one line; returns its pin with hash."""
    record = f"{name}-1.0.dist-info"
    texts = {
        f"{name}.py": f"WHO = {name!r}\n",
        f"{record}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{record}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = [
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b'=').decode()},"
        f"{len(text)}"
        for path, text in texts.items()
    ]
    texts[f"{record}/RECORD"] = "\n".join([*lines, f"{record}/RECORD,,"]) + "\n"
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as file:
        for member, text in texts.items():
            file.writestr(member, text)
    return f"{name}==1.0 --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


@pytest.fixture
def engines(tmp_path: Path) -> Path:
    """An engine called toy that needs two packages, lying beside it as wheels."""
    folder = tmp_path / "engines"
    folder.mkdir()
    (folder / "toy.req").write_text(wheel(folder, "alpha") + wheel(folder, "beta"))
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def wheels(engines: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """uv finds the wheels, and nothing else."""
    monkeypatch.setenv("UV_FIND_LINKS", str(engines))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    return engines


@pytest.fixture
def silent_index(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """An index that takes a request and answers only when the event is set, and then with 404."""
    asked, answer = threading.Event(), threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.set()
            answer.wait(20)
            with contextlib.suppress(OSError):  # uv was killed while it waited
                self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://127.0.0.1:{server.server_port}/simple")
        yield answer
        answer.set()
        server.shutdown()


def who(python: Path) -> str:
    code = "import alpha, beta; print(alpha.WHO, beta.WHO)"
    return subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True).stdout.strip()


async def test_made_once_and_then_without_uv(home: Home, wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environments, steps = Environments(home, wheels), list[Progress]()
    assert environments.python("toy") is None
    python = await environments.ensure("toy", steps.append)
    assert who(python) == "alpha beta"
    assert steps[-1] == Progress(what="environment of toy", unit="packages", done=2, total=2)
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    monkeypatch.setattr("launchers.runtime.environments.find_uv_bin", lambda: pytest.fail("uv was asked"))
    used = time.process_time()
    assert await environments.ensure("toy", steps.append) == python
    assert time.process_time() - used < 0.05
    assert [(state.engine, state.ready) for state in environments.states()] == [("toy", True)]


async def test_it_outlives_the_cache_and_other_pins_are_another_one(home: Home, wheels: Path) -> None:
    environments = Environments(home, wheels)
    python = await environments.ensure("toy", lambda _: None)
    shutil.rmtree(home.cache)
    assert who(python) == "alpha beta"
    (wheels / "toy.req").write_text(wheel(wheels, "alpha"))
    assert environments.python("toy") is None
    assert await environments.ensure("toy", lambda _: None) != python


async def test_half_of_one_is_made_again(home: Home, wheels: Path) -> None:
    environments = Environments(home, wheels)
    python = await environments.ensure("toy", lambda _: None)
    (environments.folder("toy") / ".ready").unlink()
    next(environments.folder("toy").rglob("beta.py")).unlink()
    assert environments.python("toy") is None
    assert who(await environments.ensure("toy", lambda _: None)) == "alpha beta"
    python.unlink()  # as when the system's Python is replaced
    assert who(await environments.ensure("toy", lambda _: None)) == "alpha beta"


async def test_killed_in_the_middle_and_two_at_once(
    home: Home, engines: Path, silent_index: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    argv = [sys.executable, "-c", MAKER, str(home.root), str(engines)]
    first = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.DEVNULL)
    environments = Environments(home, engines)
    while not list(home.envs.glob("toy-*/pyvenv.cfg")):
        await asyncio.sleep(0.02)
    notes = list[str]()
    monkeypatch.delenv("UV_DEFAULT_INDEX")
    monkeypatch.setenv("UV_FIND_LINKS", str(engines))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    async with asyncio.TaskGroup() as tasks:
        second = tasks.create_task(environments.ensure("toy", lambda step: notes.append(step.note)))
        while not notes:
            await asyncio.sleep(0.02)
        first.kill()
        await first.wait()
        silent_index.set()  # lets the orphaned uv end; until then it holds the lock
    assert "waiting" in notes[0]
    assert who(second.result()) == "alpha beta"


async def test_a_cancel_takes_uv_with_it(home: Home, engines: Path, silent_index: threading.Event) -> None:
    environments, before = Environments(home, engines), psutil.Process().children()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(environments.ensure("toy", lambda _: None), 1.5)
    assert [child for child in psutil.Process().children() if child not in before] == []
    assert environments.python("toy") is None


@pytest.mark.parametrize(
    ("variables", "pins", "words"),
    [
        ({"UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple"}, None, "check the network"),
        ({"UV_NO_INDEX": "1"}, "alpha==1.0 --hash=sha256:" + "0" * 64, "not the one that was pinned"),
    ],
)
async def test_what_goes_wrong_is_one_plain_line(
    home: Home,
    engines: Path,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    pins: str | None,
    words: str,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    if pins:
        monkeypatch.setenv("UV_FIND_LINKS", str(engines))
        (engines / "toy.req").write_text(pins)
    with pytest.raises(FetchError) as caught:
        await Environments(home, engines).ensure("toy", lambda _: None)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("The environment of toy could not be made: ")


async def test_no_such_engine_and_no_room(home: Home, engines: Path) -> None:
    with pytest.raises(FetchError, match="no engine called tyo; the known ones are toy"):
        await Environments(home, engines).ensure("tyo", lambda _: None)
    home.root.mkdir()
    home.envs.write_text("in the way")
    with pytest.raises(FetchError, match="could not be made"):
        await Environments(home, engines).ensure("toy", lambda _: None)
