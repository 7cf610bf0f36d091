"""`console.py logs`: the running show's or the last run's, merged, followed through a rotation, crashes in words."""

import logging
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from msgspec import structs

from console.cli.main import main
from console.host.show_log import show_log
from console.logbook.line import split_stamp
from profiles.home import CHECKOUT
from supervisors.crash.crash_report import folder
from supervisors.shim.log_file import LogFile
from tests.console.pictures.recorded_logs import reports, stamp, write_logs


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GALACTUS_HOME", str(tmp_path))
    monkeypatch.setenv("NO_COLOR", "1")
    return tmp_path


@pytest.fixture
def run(home: Path) -> Path:
    for name in ("20261121-200000-rehearsal-17", "20261122-200000-rehearsal-42", "20261122-210000-other-rig-43"):
        (home / "logs" / name).mkdir(parents=True)
    run = home / "logs" / "20261122-200000-rehearsal-42"
    write_logs(run)
    return run


Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def say(capfd: pytest.CaptureFixture[str]) -> Say:
    def said(*words: str) -> tuple[int, str, str]:
        code = main(["logs", *words])
        out = capfd.readouterr()
        return code, out.out, out.err

    return said


def test_one_log_of_the_last_run(say: Say, run: Path) -> None:
    code, out, err = say("llm", "--rig", "rehearsal")
    lines = out.splitlines()
    assert code == 0 and "this is the last run" in err and run.name in err
    assert lines[0] == f"{stamp(1.0)} load_model: loading model file model.gguf"
    assert lines[2] == f"{stamp(1.5)} loading tensors 100 %" and "\x1b" not in out
    assert len(lines) == (run / "llm.log").read_bytes().count(b"\n")


def test_all_logs_are_merged_and_named(say: Say, run: Path) -> None:
    _, out, _ = say("--rig", "rehearsal")
    lines = out.splitlines()
    assert lines == sorted(lines, key=lambda line: line[:24]) and len(lines) == sum(
        path.read_bytes().count(b"\n") for path in run.glob("*.log")
    )
    assert lines[0].split()[1] == "show" and {line.split()[1] for line in lines} == {"show", "stt", "llm", "tts"}


def test_an_unknown_service_is_one_sentence_with_those_there_are(say: Say, run: Path) -> None:
    code, out, err = say("ttss", "--rig", "rehearsal")
    assert code == 2 and out == ""
    assert err == "there is no service ttss; this run has stt, llm, tts, standby, show, or all for all of them.\n"


def test_nothing_to_show_is_told(say: Say, home: Path) -> None:
    code, _, err = say("llm")
    assert code == 5 and "nothing has been run yet" in err and err.count("\n") == 1
    (home / "logs" / "20261122-200000-rehearsal-42").mkdir(parents=True)
    code, out, err = say("llm")
    assert code == 0 and out == "" and "llm: nothing has been written yet." in err
    code, _, err = say("llm", "--crash")
    assert code == 0 and err.endswith("llm has not crashed in the last run.\n")


def test_the_last_crash_in_words_and_those_before(say: Say, run: Path) -> None:
    older = run.parent / "20261121-200000-rehearsal-17"
    folder(older).mkdir()
    before = structs.replace(reports()[0], wall="2026-11-21T20:11:12.000Z", end="exited with code 3")
    (folder(older) / "0-tts.json").write_bytes(msgspec.json.encode(before))
    (folder(older) / "1-tts.json").write_bytes(b"no report")
    code, out, _ = say("tts", "--crash", "--rig", "rehearsal")
    assert code == 0 and out.startswith("tts ended: killed by SIGSEGV\n")
    for words in (
        "during    turn 6, SPEAKING",
        "ran for   1 min 6 s",
        "190 to 480 MB in its last 59 s",
        "HF_TOKEN=(redacted)",
    ):
        assert words in out
    assert out.count("CUDA error: out of memory") == 2 and "Its last 13 lines" in out
    assert re.search(r"Before that\n2026-11-2\d \d\d:\d1:12  tts ended: exited with code 3\n$", out)
    _, out, _ = say("all", "--crash", "--rig", "rehearsal")
    assert out.startswith("llm ended: no answer to 3 probes of /health in a row\n") and "tts ended: killed" in out


def test_half_lines_binary_and_hostile_words_to_a_pipe(say: Say, run: Path) -> None:
    (run / "tts.log").write_bytes(b"\x00\xff\xfe\n" + b"x" * 65536 + b"\n\x1b]0;evil\x07\x1b[2Jlast, half")
    _, out, _ = say("tts", "--rig", "rehearsal")
    assert out.splitlines() == [" \ufffd\ufffd", " " + "x" * 65536, " last, half"]


def test_a_reader_who_leaves_ends_it_quietly(run: Path, home: Path) -> None:
    (run / "tts.log").write_bytes(b"line\n" * 200_000)
    with running(home, "logs", "tts", "--rig", "rehearsal") as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(20) == 0 and "Traceback" not in process.stderr.read().decode()


def test_following_survives_rotation_and_emptying_and_ends_with_ctrl_c(run: Path, home: Path) -> None:
    log = LogFile(str(run / "tts.log"), limit=30_000)
    with running(home, "logs", "tts", "-f", "--rig", "rehearsal") as process:
        assert process.stdout is not None and process.stderr is not None
        first = [process.stdout.readline() for _ in range(20)]
        assert first[-1] == f"{stamp(126)} INFO said 131 characters in 0.24 s\n".encode()
        for n in range(4000):
            log.write(b"line %d\n" % n)
            if n % 400 == 0:
                time.sleep(0.15)
        told = [process.stdout.readline().split()[-1] for _ in range(4000)]
        assert told == [b"%d" % n for n in range(4000)]
        log.write(b"half")
        (run / "tts.log").write_bytes(b"emptied\n")
        assert process.stdout.readline().endswith(b"Z emptied\n")
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
        words = process.stderr.read().decode()
        assert "tts: the log was emptied" in words and "Traceback" not in words
    log.close()


def test_the_show_s_own_log_has_the_same_stamps(tmp_path: Path) -> None:
    with show_log(tmp_path / "show.log"):
        logging.getLogger("test").info("hello")
    own, said = split_stamp((tmp_path / "show.log").read_bytes())
    assert said == b"INFO test: hello\n"
    assert (
        abs(
            time.time() - time.mktime(time.strptime(own[:19].decode() + " UTC", "%Y-%m-%dT%H:%M:%S %Z")) + time.timezone
        )
        < 5
    )


@contextmanager
def running(home: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, str(CHECKOUT / "console.py"), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "GALACTUS_HOME": str(home)},
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
