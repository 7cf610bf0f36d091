"""One log on the disk: rotated, cut off, taken away, half-written, huge. No line is lost and none is told twice."""

import os
import random
from pathlib import Path

import pytest

from console.logbook.line import Line
from console.logbook.source import LogSource
from supervisors.shim.log_file import LogFile

STAMP = b"2026-11-22T13:%02d:%02d.%03dZ "


def stamp(n: int) -> bytes:
    return STAMP % (n // 60_000 % 60, n // 1000 % 60, n % 1000)


def texts(lines: list[Line]) -> list[bytes]:
    return [line.data for line in lines]


def everything(source: LogSource) -> list[Line]:
    """Forward; and the same backward, from the end and from the middle."""
    lines = list(source.forward(source.start))
    assert list(source.backward(source.end))[::-1] == lines
    middle = source.begin_of_line((source.start + source.end) // 2)
    assert [*reversed(list(source.backward(middle))), *source.forward(middle)] == lines
    return lines


@pytest.mark.parametrize("length", [1, 100, 3000, 70_000])
def test_forward_is_backward_read_the_other_way(tmp_path: Path, length: int) -> None:
    dice = random.Random(length)
    said = [
        bytes(dice.choices(b"abc \r\x1b\xff", k=dice.randrange(length))) for _ in range(40 if length > 5000 else 400)
    ]
    (tmp_path / "a.log").write_bytes(b"".join(stamp(n) + row + b"\n" for n, row in enumerate(said)))
    with LogSource(tmp_path / "a.log") as source:
        assert texts(everything(source)) == said


def test_lines_without_a_time_are_as_old_as_the_one_above(tmp_path: Path) -> None:
    rows = [
        b"before all",
        stamp(1) + b"Traceback",
        *[b"  deeper %d" % n + b"." * 80 for n in range(500)],
        stamp(2) + b"on",
    ]
    (tmp_path / "a.log").write_bytes(b"\n".join(rows) + b"\n")
    with LogSource(tmp_path / "a.log") as source:
        stamps = [line.stamp for line in everything(source)]
        assert stamps == [b"", *[stamp(1)[:-1]] * 501, stamp(2)[:-1]]


def test_a_half_written_line_grows(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(stamp(1) + b"whole\n" + stamp(2) + b"ha")
    with LogSource(path) as source:
        assert [(line.data, line.whole) for line in everything(source)] == [(b"whole", True), (b"ha", False)]
        assert not source.refresh()
        with path.open("ab") as file:
            file.write(b"lf\n")
        assert source.refresh()
        assert [(line.data, line.whole) for line in everything(source)] == [(b"whole", True), (b"half", True)]


def test_nothing_there_then_something(tmp_path: Path) -> None:
    with LogSource(tmp_path / "a.log") as source:
        assert not source.refresh() and everything(source) == [] and source.begin_of_line(0) == 0
        (tmp_path / "a.log").write_bytes(b"")
        assert everything(source) == []
        (tmp_path / "a.log").write_bytes(b"one\n")
        assert source.refresh() and texts(everything(source)) == [b"one"]


def test_rotation_while_it_is_read_loses_nothing(tmp_path: Path) -> None:
    """Every look takes up what came since the last one; up to two rotations lie between two looks."""
    dice = random.Random(5)
    log, path = LogFile(str(tmp_path / "a.log"), limit=20_000), tmp_path / "a.log"
    told: list[bytes] = []
    with LogSource(path) as source:
        at, written = source.start, 0
        while written < 6000:
            for _ in range(dice.randrange(1, 400)):
                log.write(b"line %d\n" % written)
                written += 1
            source.refresh()
            lines = [line for line in source.forward(at) if line.whole]
            told += texts(lines)
            at = lines[-1].end if lines else at
        assert told == [b"line %d" % n for n in range(written)]
        kept = texts(everything(source))
        assert kept == told[-len(kept) :] and len(kept) > 1000
    log.close()


def test_a_line_over_two_files_is_one(tmp_path: Path) -> None:
    log = LogFile(str(tmp_path / "a.log"), limit=200)
    log.write(b"x" * 150)
    with LogSource(tmp_path / "a.log") as source:
        log.write(b"y" * 100 + b"\nnext\n")
        log.close()
        source.refresh()
        assert (tmp_path / "a.log.1").exists()
        assert texts(everything(source)) == [b"x" * 150 + b"y" * 100, b"next"]
    with LogSource(tmp_path / "a.log") as late:
        assert texts(everything(late)) == [b"x" * 150 + b"y" * 100, b"next"]


def test_what_is_gone_from_the_disk_is_let_go_of_in_the_end(tmp_path: Path) -> None:
    log = LogFile(str(tmp_path / "a.log"), limit=1000)
    before = len(os.listdir("/dev/fd"))
    with LogSource(tmp_path / "a.log") as source:
        for n in range(2000):
            log.write(b"line %d\n" % n)
            source.refresh()
        assert len(os.listdir("/dev/fd")) - before <= 6
        lines = texts(everything(source))
        assert lines == [b"line %d" % n for n in range(2000 - len(lines), 2000)] and source.start > 0
    assert len(os.listdir("/dev/fd")) == before
    log.close()


@pytest.mark.parametrize("more", [0, 3, 50])
def test_a_file_that_is_emptied_begins_anew(tmp_path: Path, more: int) -> None:
    """Also when it has grown beyond what we knew before we look again; the older files are still there."""
    path = tmp_path / "a.log"
    (tmp_path / "a.log.1").write_bytes(b"old 1\nold 2\n")
    path.write_bytes(b"".join(b"row %d\n" % n for n in range(20)))
    with LogSource(path) as source:
        place = source.end
        with path.open("r+b") as file:
            file.truncate(0)
            file.write(b"".join(b"new %d\n" % n for n in range(more)))
        assert source.refresh() and source.emptied == 1
        assert texts(everything(source)) == [b"old 1", b"old 2", *[b"new %d" % n for n in range(more)]]
        assert source.start >= place  # what was known of a position never holds for another line
        with path.open("ab") as file:
            file.write(b"later\n")
        assert source.refresh() and texts(everything(source))[-1] == b"later"


def test_a_file_that_vanishes_and_comes_again(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"first\n")
    with LogSource(path) as source:
        path.unlink()
        source.refresh()
        assert texts(everything(source)) == [b"first"]  # we hold it
        path.write_bytes(b"second\n")
        assert source.refresh() and texts(everything(source)) == [b"first", b"second"]
        path.unlink()
        path.mkdir()
        source.refresh()
        assert texts(everything(source)) == [b"first", b"second"]


def test_a_file_without_an_end_of_line(tmp_path: Path) -> None:
    """Broken up, never read whole."""
    (tmp_path / "a.log").write_bytes(b"\x00" * 3_000_000)
    with LogSource(tmp_path / "a.log") as source:
        lines = list(source.forward(0))
        assert sum(len(line.data) for line in lines) == 3_000_000 and max(len(line.data) for line in lines) <= 1 << 20
        last = next(source.backward(source.end))
        assert len(last.data) <= 1 << 20


def test_a_time_is_found(tmp_path: Path) -> None:
    dice = random.Random(2)
    rows = [(n * 7, b"x" * dice.randrange(300)) for n in range(20_000)]
    text = bytearray()
    begins = []
    for at, row in rows:
        begins.append(len(text))
        text += stamp(at) + row + b"\n" + (b"  and more\n" if at % 5 == 0 else b"")
    (tmp_path / "a.log").write_bytes(text)
    with LogSource(tmp_path / "a.log") as source:
        for n in [0, 1, 19_999, *(dice.randrange(20_000) for _ in range(100))]:
            assert source.at_time(stamp(rows[n][0])[:-1]) == begins[n]
        assert source.at_time(b"1970") == 0 and source.at_time(b"2099") == source.end
        assert source.count(0, source.end) == text.count(b"\n")
