"""An engine is lost in the middle of a show: the visitor is answered all the same, and the engine comes back."""

import json
import os
import signal
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from console.api.commands import Restart
from tests.console.show.test_first_turn import recording
from tests.support.real_show import RealShow

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

QUESTION = recording("01_bm_george")
LONG = "Tell me a long story about the sea, the wind and the old bones of a whale."


def fresh(show: RealShow, name: str) -> dict[str, Any]:
    """Its row, after a start by hand: what crashed before no longer delays the next restart."""
    before = show.service(name)["pid"]
    show.call_now(Restart(service=name))
    deadline = time.monotonic() + 30
    while (row := show.service(name))["pid"] in (None, before) or row["state"] != "READY":
        assert time.monotonic() < deadline, row
        time.sleep(0.05)
    return row


def wait_ready(show: RealShow, name: str, restarts: int, within: float = 30.0) -> None:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        row = show.service(name)
        if row["state"] == "READY" and row["restarts"] > restarts:
            assert "SIGKILL" in row["last_error"], row
            return
        time.sleep(0.1)
    raise AssertionError(show.service(name))


@pytest.mark.parametrize("lost", ["llm", "tts", "stt"])
def test_an_engine_is_killed_between_two_turns(brief: RealShow, lost: str) -> None:
    row = fresh(brief, lost)
    os.kill(row["pid"], signal.SIGKILL)
    done = brief.cli("ask", "--wav", str(QUESTION), "--json")
    if lost == "stt":
        assert done.returncode in (0, 4), done
        assert done.returncode == 0 or "TRANSCRIBING" in done.stderr
    else:
        assert done.returncode == 0, done
        assert '"outcome":"degraded"' in done.stdout or '"outcome":"completed"' in done.stdout
    wait_ready(brief, lost, row["restarts"])
    assert brief.ask("--wav", str(QUESTION))["outcome"] == "completed"


@pytest.mark.parametrize(
    ("lost", "stage"),
    [
        ("stt", "LISTENING"),
        ("stt", "TRANSCRIBING"),
        ("llm", "LISTENING"),
        ("llm", "THINKING"),
        ("llm", "SPEAKING"),
        ("tts", "THINKING"),
        ("tts", "SPEAKING"),
    ],
)
def test_an_engine_is_killed_in_a_stage(brief: RealShow, lost: str, stage: str) -> None:
    """The turn ends with the stage named, or goes on; nothing that was understood is lost; the next turn works."""
    before = fresh(brief, lost)
    done = brief.events()
    assassin = threading.Thread(target=kill_in, args=(brief, before["pid"], stage, len(done)))
    assassin.start()
    typed = lost != "stt" and stage != "LISTENING"
    answer = brief.cli("ask", "--json", *(("--text", LONG) if typed else ("--wav", str(QUESTION))))
    assassin.join()
    turn = json.loads(answer.stdout)
    if answer.returncode == 4:
        assert turn["stage"] in ("TRANSCRIBING", stage) and turn["stage"] in answer.stderr, json.dumps(turn)
    else:
        assert answer.returncode == 0 and turn["outcome"] in ("degraded", "completed") and turn["heard"], turn
    if lost != "stt":
        assert turn["transcript"], turn
        kept = [json.loads(line) for line in (Path(brief.file.logs) / "turns.jsonl").read_text().splitlines()]
        assert kept[-1]["turn"] == turn["turn"] and kept[-1]["transcript"] == turn["transcript"]
    wait_ready(brief, lost, before["restarts"])
    crash = next(e for e in brief.events()[len(done) :] if e.get("type") == "ServiceCrashed")
    report = json.loads(Path(crash["report"]).read_text())
    assert crash["name"] == lost and report["end"] == "killed by SIGKILL"
    assert report["during"] == f"turn {turn['turn']}, {stage}"
    assert report["tail"] and report["memory"] and report["argv"]
    assert brief.ask("--text", "Are you well again?")["outcome"] == "completed"


def kill_in(show: RealShow, pid: int, stage: str, seen: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if any(e.get("stage") == stage for e in show.events()[seen:] if e.get("type") == "StageEntered"):
            return os.kill(pid, signal.SIGKILL)
        time.sleep(0.002)


def test_the_reasons_are_on_the_screen_at_once(brief: RealShow) -> None:
    """From the death of an engine to the event with its report, as the show's clock has it."""
    row, seen = fresh(brief, "tts"), len(brief.events())
    os.kill(row["pid"], signal.SIGKILL)
    killed = time.time()
    wait_ready(brief, "tts", row["restarts"])
    crash = next(e for e in brief.events()[seen:] if e.get("type") == "ServiceCrashed")
    late = datetime.fromisoformat(crash["wall"]).timestamp() - killed
    print(f"told {late * 1000:.0f} ms after the kill")
    assert late < 0.3
