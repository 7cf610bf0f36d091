"""An engine is lost in the middle of a show: the visitor is answered all the same, and the engine comes back."""

import os
import signal
import threading
import time

import pytest

from tests.console.test_first_turn import recording
from tests.real_show import RealShow

pytestmark = [pytest.mark.engines, pytest.mark.slow, pytest.mark.timeout(240)]


def kill(show: RealShow, name: str) -> None:
    os.kill(show.service(name)["pid"], signal.SIGKILL)


def wait_ready(show: RealShow, name: str, within: float = 30.0) -> None:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        row = show.service(name)
        if row["state"] == "READY" and row["restarts"] >= 1:
            assert "SIGKILL" in row["last_error"], row
            return
        time.sleep(0.1)
    raise AssertionError(show.service(name))


@pytest.mark.parametrize("lost", ["llm", "tts", "stt"])
def test_an_engine_is_killed_between_two_turns(quick: RealShow, lost: str) -> None:
    kill(quick, lost)
    done = quick.cli("ask", "--wav", str(recording("01_bm_george")), "--json")
    if lost == "stt":
        assert done.returncode in (0, 4), done
        assert done.returncode == 0 or "TRANSCRIBING" in done.stderr
    else:
        assert done.returncode == 0, done
        assert '"outcome":"degraded"' in done.stdout or '"outcome":"completed"' in done.stdout
    wait_ready(quick, lost)
    assert quick.ask("--wav", str(recording("01_bm_george")))["outcome"] == "completed"


@pytest.mark.parametrize(("lost", "stage"), [("llm", "THINKING"), ("tts", "SPEAKING")])
def test_an_engine_is_killed_in_its_stage(quick: RealShow, lost: str, stage: str) -> None:
    """The model, as soon as the question is in; the voice, as soon as it speaks."""
    pid = quick.service(lost)["pid"]

    def assassin() -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if any(e.get("stage") == stage for e in quick.events() if e.get("type") == "StageEntered"):
                os.kill(pid, signal.SIGKILL)
                return
            time.sleep(0.002)

    thread = threading.Thread(target=assassin)
    thread.start()
    turn = quick.ask("--text", "Tell me a long story about the sea, the wind and the old bones of a whale.")
    thread.join()
    assert turn["outcome"] in ("degraded", "completed"), turn
    assert turn["transcript"].startswith("Tell me a long story") and turn["heard"]
    wait_ready(quick, lost)
    assert quick.ask("--text", "Are you well again?")["outcome"] == "completed"
