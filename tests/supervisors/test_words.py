"""The log on disk, and the end of a process in plain words."""

import random
import re
from pathlib import Path

import msgspec
import pytest

from supervisors.exits import Exit, describe
from supervisors.shim.log_file import LINE_CAP, LogFile
from supervisors.states import ServiceState

STAMP = re.compile(rb"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ", re.M)


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (Exit(signal=9, tail="tensor 291 of 291\n"), "killed by SIGKILL"),
        (Exit(signal=11, tail="fatal: bad tensor\nbye\n"), "killed by SIGSEGV: fatal: bad tensor"),
        (Exit(code=3, tail="one\n\n  \ntwo\n---\n"), "exited with code 3: two"),
        (Exit(code=1, tail="a\rb 10%\r\x1b[31mCUDA error: out of memory\x1b[0m\nbye"),
         "exited with code 1: CUDA error: out of memory"),
        (Exit(code=1, tail='Traceback\n  File "x.py"\nValueError: no such voice\n'),
         "exited with code 1: ValueError: no such voice"),
        (Exit(code=0), "exited with code 0"),
        (Exit(code=2, tail="é" * 500), "exited with code 2: " + "é" * 199 + "…"),
        (Exit(shim="killed by SIGKILL"), "its shim was killed by SIGKILL, and the service ended with it"),
    ],
)  # fmt: skip
def test_ends(end: Exit, words: str) -> None:
    assert describe(end) == words


def test_every_line_has_one_stamp_however_it_comes(tmp_path: Path) -> None:
    rng = random.Random(3)
    said = b"".join(bytes(rng.choices(b"abc ", k=rng.randrange(40))) + b"\n" for _ in range(400))
    log = LogFile(str(tmp_path / "deep" / "a.log"))
    rest = said
    while rest:
        cut = rng.randrange(1, 70)
        log.write(rest[:cut])
        rest = rest[cut:]
    log.close()
    written = (tmp_path / "deep" / "a.log").read_bytes()
    assert STAMP.sub(b"", written) == said
    assert len(STAMP.findall(written)) == 400


def test_long_lines_are_cut_and_nothing_is_lost(tmp_path: Path) -> None:
    log = LogFile(str(tmp_path / "a.log"))
    for _ in range(10):
        log.write(b"y" * 30_000)
    log.close()
    lines = (tmp_path / "a.log").read_bytes().split(b"\n")
    assert max(map(len, lines)) <= LINE_CAP + 25
    assert b"".join(STAMP.sub(b"", line) for line in lines) == b"y" * 300_000


def test_rotation_keeps_three_files_and_loses_nothing_among_them(tmp_path: Path) -> None:
    log = LogFile(str(tmp_path / "a.log"), limit=5_000)
    for n in range(500):
        log.write(b"line %d\n" % n)
    log.close()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["a.log", "a.log.1", "a.log.2"]
    written = b"".join((tmp_path / name).read_bytes() for name in reversed(names))
    numbers = [int(n) for n in re.findall(rb"line (\d+)", written)]
    assert numbers == list(range(500))[-len(numbers) :] and numbers[-1] == 499


def test_a_disk_that_takes_nothing_costs_lines_not_the_service(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    log = LogFile(str(tmp_path / "file" / "a.log"))
    log.write(b"one\ntwo\n")
    log.close()
    assert log.lost == 2 and log.tail == "one\ntwo\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_disk() -> None:
    log = LogFile("/dev/full")
    log.write(b"one\n")
    log.close()
    assert log.lost == 1


def test_a_state_written_by_an_older_show_is_read() -> None:
    assert msgspec.json.decode(b'["HELD", "FAILED", "READY"]', type=list[ServiceState]) == ["FAILED", "FAILED", "READY"]
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'"BROKEN"', type=ServiceState)
