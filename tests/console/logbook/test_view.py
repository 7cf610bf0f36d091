"""What somebody sees of several logs: merged, collapsed, filtered, searched, while they are written."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

import pytest

from console.logbook.book import Book, order
from console.logbook.line import Level, plain
from console.logbook.scan import ScanBudget, Unfinished
from console.logbook.search import BadPattern, SearchPattern
from console.logbook.view import LogWindow
from tests.console.logbook.test_source import stamp

PATIENT = ScanBudget(1e9)


@contextmanager
def view(folder: Path, room: int = 10, **logs: list[tuple[int, str]]) -> Iterator[LogWindow]:
    """Logs by name, as (ms, words)."""
    for name, rows in logs.items():
        write(folder, name, *rows)
    with Book({name: folder / f"{name}.log" for name in logs}) as book:
        seen = LogWindow(book)
        seen.room = room
        seen.refill(PATIENT)
        yield seen


def write(folder: Path, name: str, *rows: tuple[int, str]) -> None:
    with (folder / f"{name}.log").open("ab") as file:
        file.writelines(stamp(ms) + words.encode() + b"\n" for ms, words in rows)


def words(seen: LogWindow) -> list[str]:
    return [plain(row.first.data) + (f" ×{row.count}" if row.count > 1 else "") for row in seen.window.rows]


def cursor(seen: LogWindow) -> str:
    assert seen.cursor is not None
    return plain(seen.cursor.data)


def numbers(first: int, last: int) -> list[str]:
    return [f"n{n}" for n in range(first, last + 1)]


def test_logs_are_merged_by_time_in_both_directions(tmp_path: Path) -> None:
    dice = random.Random(4)
    names = ["a", "b", "c"]
    rows: dict[str, list[tuple[int, str]]] = {name: [] for name in names}
    for n in range(3000):
        name = dice.choice(names)
        rows[name].append((n // 3, f"{name}{n}"))
    with view(tmp_path, room=4000, **rows) as seen:
        lines = [row.first for row in seen.window.rows]
        assert lines == sorted(lines, key=order) and len(lines) == 3000
        assert [int(line.stamp[17:19]) * 1000 + int(line.stamp[20:23]) for line in lines] == [
            n // 3 for n in range(3000)
        ]
        middle = seen.book.at_line(lines[1500])
        forth = list(seen.book.forward(middle, None, PATIENT))
        back = list(seen.book.backward(middle, None, PATIENT))
        assert [*reversed(back), *forth] == lines and forth[0] == lines[1500]
        for name, log in rows.items():
            mine = [plain(line.data) for line in lines if line.source == names.index(name)]
            assert mine == [said for _, said in log]


def test_it_follows_until_somebody_looks_back_and_again_from_the_end_on(tmp_path: Path) -> None:
    with view(tmp_path, room=5, a=[(n, f"n{n}") for n in range(20)]) as seen:
        assert words(seen) == numbers(15, 19) and seen.following
        write(tmp_path, "a", (20, "n20"))
        assert seen.book.refresh()
        seen.refill(PATIENT)
        assert words(seen) == numbers(16, 20)
        seen.move(-2, PATIENT)
        assert not seen.following and cursor(seen) == "n18"
        write(tmp_path, "a", *((n, f"n{n}") for n in range(21, 40)))
        seen.book.refresh()
        seen.refill(PATIENT)
        assert words(seen) == numbers(16, 20) and seen.new_lines() == 19 and seen.new_lines() == 19
        seen.move(-4, PATIENT)
        assert words(seen) == numbers(14, 18) and cursor(seen) == "n14"
        seen.scroll(4, PATIENT)
        assert words(seen) == numbers(18, 22) and cursor(seen) == "n18"
        for _ in range(50):
            seen.move(1, PATIENT)
        seen.refill(PATIENT)
        assert seen.following and words(seen) == numbers(35, 39)
        seen.to_start(PATIENT)
        assert words(seen) == numbers(0, 4) and cursor(seen) == "n0"
        seen.move(-3, PATIENT)
        assert words(seen) == numbers(0, 4) and cursor(seen) == "n0"


def test_walking_up_and_down_meets_every_row_once(tmp_path: Path) -> None:
    dice = random.Random(6)
    rows = {name: [(dice.randrange(900), "") for _ in range(150)] for name in "ab"}
    logs = {name: [(at, f"{name}{n}") for n, (at, _) in enumerate(sorted(log))] for name, log in rows.items()}
    with view(tmp_path, room=7, **logs) as seen:
        seen.to_start(PATIENT)
        down = [cursor(seen)]
        for _ in range(299):
            seen.move(1, PATIENT)
            down.append(cursor(seen))
        assert len(set(down)) == 300 and not seen.following
        up = [cursor(seen)]
        for _ in range(299):
            seen.move(-1, PATIENT)
            up.append(cursor(seen))
        assert up == down[::-1]


def test_repeated_lines_are_told_once(tmp_path: Path) -> None:
    said = [word for word, count in (("a", 3), ("b", 1), ("c", 412), ("d", 2)) for _ in range(count)]
    with view(tmp_path, room=4, a=[(n, word) for n, word in enumerate(said)]) as seen:
        assert words(seen) == ["a ×3", "b", "c ×412", "d ×2"]
        write(tmp_path, "a", (900, "d"))
        seen.book.refresh()
        seen.refill(PATIENT)
        assert words(seen) == ["a ×3", "b", "c ×412", "d ×3"]
        seen.to_start(PATIENT)
        assert words(seen) == ["a ×3", "b", "c ×412", "d ×3"]
        seen.room = 2
        seen.refill(PATIENT)
        seen.scroll(1, PATIENT)
        assert words(seen) == ["b", "c ×412"]


def test_a_flood_of_the_same_line_costs_no_more_than_a_screen(tmp_path: Path) -> None:
    with view(tmp_path, room=5, a=[(n % 999, "again") for n in range(20_000)]) as seen:
        assert len(seen.window.rows) == 1 and seen.window.rows[0].more and seen.window.rows[0].count == 5000


def test_only_what_is_bad(tmp_path: Path) -> None:
    rows = [(n, f"n{n}" + (" error" if n % 100 == 7 else " warning" if n % 100 == 50 else "")) for n in range(30_000)]
    with view(tmp_path, room=6, a=rows[::2], b=rows[1::2]) as seen:
        seen.filter(Level.ERROR, PATIENT)
        seen.refill(PATIENT)
        assert words(seen) == [f"n{n} error" for n in range(29_407, 30_000, 100)]
        seen.filter(Level.WARNING, PATIENT)
        seen.refill(PATIENT)
        assert words(seen)[-2:] == ["n29907 error", "n29950 warning"]
        seen.move(-8, PATIENT)
        assert cursor(seen) == "n29550 warning"
        seen.filter(Level.ALL, PATIENT)
        assert cursor(seen) == "n29550 warning" and "n29549" in words(seen)
        seen.choose([1], PATIENT)
        seen.refill(PATIENT)
        assert seen.following and words(seen) == [f"n{n}" for n in range(29_989, 30_000, 2)]


def test_a_line_that_turns_out_bad_while_it_is_written(tmp_path: Path) -> None:
    with view(tmp_path, a=[(1, "fine")]) as seen:
        seen.filter(Level.ERROR, PATIENT)
        with (tmp_path / "a.log").open("ab") as file:
            for part in (stamp(2) + b"an err", b"or it", b" is\n" + stamp(3) + b"fine\n"):
                file.write(part)
                file.flush()
                seen.book.refresh()
                seen.refill(PATIENT)
        assert words(seen) == ["an error it is"]


def test_searching_goes_through_every_hit_and_no_other(tmp_path: Path) -> None:
    dice = random.Random(8)
    rows = [(n // 4, f"n{n} {'Needle' if dice.random() < 0.01 else 'hay'}") for n in range(10_000)]
    hits = [said for _, said in rows if "Needle" in said]
    with view(tmp_path, room=8, a=rows[::2], b=rows[1::2]) as seen:
        seen.find("needle")
        seen.count(PATIENT)
        assert seen.hits == len(hits)
        assert seen.nearest(PATIENT)
        met = [cursor(seen)]
        while seen.next_hit(-1, PATIENT):
            met.append(cursor(seen))
        assert sorted(met) == sorted(hits) and met[0] == max(hits, key=lambda said: int(said.split()[0][1:]))
        again = [cursor(seen)]
        while seen.next_hit(1, PATIENT):
            again.append(cursor(seen))
        assert again == met[::-1]
        seen.find("Needle.*")
        assert seen.nearest(PATIENT) and cursor(seen) == met[0]
        seen.find("needle$ nothing")
        assert not seen.nearest(PATIENT)


def test_a_search_while_it_is_typed_begins_where_it_began(tmp_path: Path) -> None:
    rows = [(n, f"n{n} " + {100: "sun", 300: "sunday", 500: "sunshine"}.get(n, "")) for n in range(1000)]
    with view(tmp_path, a=rows) as seen:
        met = []
        for typed in ("s", "su", "sun", "sund", "sun", "sunx", "suns"):
            seen.find(typed)
            met.append(seen.nearest(PATIENT) and cursor(seen))
        assert met[2:] == ["n500 sunshine", "n300 sunday", "n500 sunshine", False, "n500 sunshine"]
        seen.find("")
        seen.refill(PATIENT)
        assert seen.following


def test_hits_in_repeated_lines_are_one_hit_to_step_over(tmp_path: Path) -> None:
    said = ["needle 1", *["needle 2"] * 50, *["hay"] * 50, "needle 3"]
    with view(tmp_path, room=4, a=[(n, one) for n, one in enumerate(said)]) as seen:
        seen.find("needle")
        seen.nearest(PATIENT)
        seen.next_hit(-1, PATIENT)
        assert cursor(seen) == "needle 2" and "needle 2 ×50" in words(seen)
        seen.next_hit(1, PATIENT)
        assert cursor(seen) == "needle 3"


def test_colours_do_not_hide_a_word_and_are_not_found(tmp_path: Path) -> None:
    with view(tmp_path, a=[(1, "\x1b[31mnee\x1b[0mdle"), (2, "x")]) as seen:
        seen.find("needle")
        assert seen.nearest(PATIENT)
        seen.find("31m")
        assert not seen.nearest(PATIENT)


@pytest.mark.parametrize(
    "bad", ["(", "[a", "*", "a{99999999999}", "(?P<", "\\", "x" * 300, "(a+)+$", "(a|a)*b", "(a){2}"]
)
def test_a_bad_pattern_is_one_plain_sentence(bad: str) -> None:
    with pytest.raises(BadPattern) as error:
        SearchPattern(bad)
    assert "\n" not in str(error.value) and len(str(error.value)) < 160


def test_large_letters_are_meant() -> None:
    assert SearchPattern("err").line(b"ERR") and not SearchPattern("Err").line(b"ERR")
    assert SearchPattern("a(b|c)d").line(b"acd") and list(SearchPattern("b*").spans("abba")) == [(1, 3)]


def test_what_takes_long_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """With no time at all each call still gets one block further; and nothing changes until it is done."""
    filler = [(1, "x" * 1000)] * 3000
    with view(tmp_path, a=[(0, "error at the top"), *filler], b=filler) as seen:
        seen.move(-1, PATIENT)
        before, calls = (seen.window, seen.cursor), 0
        seen.find("top")
        while True:
            try:
                assert seen.nearest(ScanBudget(-1))
                break
            except Unfinished:
                assert (seen.window, seen.cursor) == before and 0 <= seen.searched() <= 1
                calls += 1
        assert cursor(seen) == "error at the top" and 20 < calls < 40


def test_a_crash_is_shown_with_what_came_before(tmp_path: Path) -> None:
    rows = [(n * 10, f"n{n}") for n in range(2000)]
    with view(tmp_path, room=11, a=rows[::2], b=rows[1::2]) as seen:
        seen.to_time(stamp(5005)[:-1], 1, PATIENT)
        assert cursor(seen) == "n499" and not seen.following
        assert words(seen).index("n499") == 5


def test_selected_lines_are_told_in_order(tmp_path: Path) -> None:
    rows = [(n, f"n{n}") for n in range(100)]
    with view(tmp_path, room=10, a=rows[::2], b=rows[1::2]) as seen:
        assert [plain(line.data) for line in seen.chosen_lines()] == ["n99"]
        seen.move(-5, PATIENT)
        for _ in range(20):
            seen.move(-1, PATIENT, select=True)
        assert [plain(line.data) for line in seen.chosen_lines()] == numbers(74, 94)
        assert len(seen.selected()) == 10
        assert [plain(line.data) for line in seen.excerpt()] == numbers(74, 94)
        seen.move(1, PATIENT)
        assert not seen.selected() and [plain(line.data) for line in seen.chosen_lines()] == ["n75"]
        seen.follow()
        seen.refill(PATIENT)
        assert [plain(line.data) for line in seen.excerpt()] == numbers(0, 99)


def test_a_place_in_a_log_that_was_emptied(tmp_path: Path) -> None:
    with view(tmp_path, a=[(n, f"n{n}") for n in range(100)]) as seen:
        seen.move(-50, PATIENT)
        (tmp_path / "a.log").write_bytes(b"")
        seen.book.refresh()
        seen.refill(PATIENT)
        assert words(seen) == []
        write(tmp_path, "a", (1, "new"))
        seen.book.refresh()
        seen.refill(PATIENT)
        seen.move(1, PATIENT)
        assert words(seen) == ["new"]


def test_whatever_is_done_the_window_is_a_part_of_the_whole(tmp_path: Path) -> None:
    """Random keys on random logs that are written meanwhile: rows stay in order, none is told twice or left out."""
    for seed in range(8):
        folder = tmp_path / str(seed)
        folder.mkdir()
        dice, clock = random.Random(seed), 0
        with view(folder, room=dice.randrange(1, 12), a=[], b=[], c=[]) as seen:
            for _ in range(120):
                for name in dice.choices("abc", k=dice.randrange(6)):
                    clock += dice.randrange(3)
                    write(folder, name, (clock, dice.choice(["same", "error", f"{name}{clock}"])))
                do_something(dice, seen)
                seen.book.refresh()
                seen.refill(PATIENT)
                whole = list(seen.book.forward(seen.book.start, seen.only, PATIENT))
                check(seen, [(line.source, line.at) for line in whole])


def do_something(dice: random.Random, seen: LogWindow) -> None:
    match dice.randrange(9):
        case 0:
            seen.follow()
        case 1 | 2:
            seen.move(dice.randrange(-9, 9), PATIENT, select=dice.random() < 0.3)
        case 3:
            seen.scroll(dice.randrange(-20, 20), PATIENT)
        case 4:
            seen.choose(sorted(dice.sample(range(3), dice.randrange(1, 4))), PATIENT)
        case 5:
            seen.filter(dice.choice(list(Level)), PATIENT)
        case 6:
            seen.to_share(dice.random(), PATIENT)
        case 7:
            seen.find(dice.choice(["same", "err", "[ab]", ""]))
            if seen.pattern:
                seen.nearest(PATIENT)
                seen.next_hit(dice.choice([-1, 1]), PATIENT)
        case 8:
            seen.point(dice.randrange(12))
            seen.room = dice.randrange(1, 12)


def check(seen: LogWindow, whole: list[tuple[int, int]]) -> None:
    rows = seen.window.rows
    if not rows:
        assert not whole
        return
    first, last = whole.index(rows[0].key), whole.index((rows[-1].last.source, rows[-1].last.at))
    assert sum(row.count for row in rows) == last - first + 1
    assert all(
        a.last.end <= b.first.at or a.last.source != b.first.source for a, b in zip(rows, rows[1:], strict=False)
    )
    same = [key for key, _ in groupby((row.first.source, row.first.data) for row in rows)]
    assert len(same) == len(rows)  # neighbours differ
    assert len(rows) == seen.room or first == 0
    assert not seen.following or last == len(whole) - 1
