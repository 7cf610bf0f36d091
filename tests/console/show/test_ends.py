"""However a show ends, nothing of it stays."""

import os
import signal
import time
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from tests.support.real_show import RealShow

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def pids(show: RealShow) -> list[int]:
    rows = show.status()["services"]
    return [pid for row in rows for pid in (row["pid"], row["shim_pid"])]


def gone(numbers: list[int], within: float = 2.0) -> bool:
    """A process on its way out no longer shows its token, but may take a moment to let go of its memory."""
    deadline = time.monotonic() + within
    while any(lives(n) for n in numbers):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_stop(quick: RealShow) -> None:
    engines = pids(quick)
    began = time.monotonic()
    assert quick.cli("stop").returncode == 0
    assert time.monotonic() - began < 10 and gone(engines)
    assert quick.process is not None and quick.process.wait(1) == 0
    assert not quick.leftovers()
    for verb in ("status", "stop", "press", "release", "say hello"):
        done = quick.cli(*verb.split())
        assert done.returncode == 5 and done.stderr.count("\n") == 1 and "no show is running" in done.stderr, verb


def test_control_c(quick: RealShow) -> None:
    engines = pids(quick)
    assert quick.process is not None
    quick.process.send_signal(signal.SIGINT)
    assert quick.process.wait(10) == 130
    assert gone(engines) and not quick.leftovers()
    assert (quick.home / "show.err").read_text() == ""


def test_a_killed_show_leaves_its_engines_to_the_next(quick: RealShow) -> None:
    engines = pids(quick)
    os.kill(quick.file.pid, signal.SIGKILL)
    assert quick.process is not None
    quick.process.wait()
    again = RealShow(quick.home, "--rig", "quick").start()
    try:
        seconds = next(e["seconds"] for e in again.events() if e.get("type") == "ShowReady")
        print(f"READY {seconds} s after its start")
        assert pids(again) == engines and all(row["adopted"] for row in again.status()["services"])
        assert again.ask("--text", "Are you back?")["outcome"] == "completed"
        assert again.cli("stop").returncode == 0
        assert gone(engines) and not again.leftovers()
    finally:
        again.end()


def test_a_killed_show_that_nobody_follows(quick: RealShow, tmp_path: Path) -> None:
    """And a second one, whose engines are to die with it."""
    engines = pids(quick)
    os.kill(quick.file.pid, signal.SIGKILL)
    assert quick.cli("stop").returncode == 0, "what is left is ended without waiting for the window"
    assert gone(engines) and not quick.leftovers()
    rig = tmp_path / "alone.toml"
    rig.write_text('extends = "quick"\ntitle = "Alone"\nadopt_window_s = 0.5\n')
    alone = RealShow(quick.home, "--rig", str(rig)).start()
    engines = pids(alone)
    os.kill(alone.file.pid, signal.SIGKILL)
    alone.wait_nothing_left()
    assert gone(engines)
    alone.end()


def test_show_and_shims_killed_together_then_stop(quick: RealShow) -> None:
    rows = quick.status()["services"]
    os.kill(rows[0]["shim_pid"], signal.SIGSTOP)
    os.kill(quick.file.pid, signal.SIGKILL)
    for row in rows:
        os.kill(row["shim_pid"], signal.SIGKILL)
    done = quick.cli("stop")
    assert done.returncode in (0, 5) and not quick.leftovers()


def test_a_second_show_of_the_same_rig_is_refused(quick: RealShow) -> None:
    done = quick.cli("run", "--headless", "--rig", "quick")
    assert done.returncode == 2 and "running already" in done.stderr and done.stderr.count("\n") == 1
    assert quick.ask("--text", "Are you still there?")["outcome"] == "completed"
