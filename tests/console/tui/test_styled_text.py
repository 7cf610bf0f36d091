"""Lines, figures and troubles: the pure half of the screen."""

import random
import sys
import time
from pathlib import Path
from typing import Any
from unicodedata import category, east_asian_width

import pytest
from rich.cells import cell_len

from console.api.events import ServiceChanged, ShowHalted, ShowReady
from console.api.state import ShowState, StageStart, TurnView, reduce
from console.api.telemetry_types import DeviceMemory, Memory
from console.tui.client.screen_state import ScreenState
from console.tui.drawing import bars, styled_text
from console.tui.drawing.styled_text import clean
from console.tui.input.keymap import ACTS
from console.tui.pages.show.alerts import troubles
from console.tui.pages.show.memory import free_words
from console.tui.pages.turns import turn_stats
from conversation.events import Marks, TurnEnded
from conversation.stages import Outcome, Stage
from supervisors.states import ServiceState
from tests.support.tmux import needs_tmux, terminal

ODD = ["", "a", "déjà vu", "漢字は広い", "a👻b", "word " * 40, "x" * 200, "e\u0301e\u0301"]


@pytest.mark.parametrize("text", ODD)
@pytest.mark.parametrize("cells", [0, 1, 2, 3, 10, 79])
def test_everything_fits_its_cells(text: str, cells: int) -> None:
    assert cell_len(styled_text.cut(text, cells)) <= cells
    assert cell_len(styled_text.column(text, cells)) == cells
    assert styled_text.width(styled_text.fit(styled_text.line(text, (text, "bold")), cells)) <= cells
    assert styled_text.width(styled_text.spread(styled_text.line(text), styled_text.line("right"), cells)) == cells
    assert styled_text.width(styled_text.meter(0.37, cells, "good")) == cells
    if cells > 1:
        assert all(cell_len(row) <= cells for row in styled_text.wrap(text, cells))


def test_wrapping_loses_no_word() -> None:
    dice = random.Random(1)
    for _ in range(200):
        words = ["漢字" * dice.randint(1, 3) if dice.random() < 0.2 else "a" * dice.randint(1, 12) for _ in range(20)]
        rows = styled_text.wrap(" ".join(words), dice.randint(14, 40))
        assert " ".join(rows).split() == words


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "-"), (0.0, "0.00s"), (0.314, "0.31s"), (2.94, "2.9s"), (59.94, "59.9s"), (59.97, "1m00"), (185, "3m05")],
)
def test_seconds(value: float | None, words: str) -> None:
    assert styled_text.seconds(value) == words


def speaking(**more: object) -> TurnView:
    steps = (
        StageStart(Stage.LISTENING, 0.0),
        StageStart(Stage.TRANSCRIBING, 2000.0),
        StageStart(Stage.THINKING, 2500.0),
    )
    fields = {"clauses": ("One two three", "four five."), "steps": (*steps, StageStart(Stage.SPEAKING, 3500.0)), **more}
    return TurnView(number=1, source="button", **fields)  # type: ignore[arg-type]


def test_the_lane_counts_up_and_stops_with_the_turn() -> None:
    now = speaking()
    times = {one.stage: one.seconds for one in turn_stats.lane(now, 5000.0)}
    assert times == {Stage.LISTENING: 2.0, Stage.TRANSCRIBING: 0.5, Stage.THINKING: 1.0, Stage.SPEAKING: 1.5}
    assert [one.stage for one in turn_stats.lane(now, 5000.0) if one.running] == [Stage.SPEAKING]
    done = speaking(ended=TurnEnded(turn=1, outcome=Outcome.COMPLETED, marks=Marks()), ended_at=4000.0)
    assert turn_stats.lane(done, 99_000.0)[-1].seconds == 0.5
    assert turn_stats.waiting_s(now, 5000.0) == 1.5


def test_words_light_up_as_they_are_said() -> None:
    now = speaking(playing=0, playing_at=1000.0, playing_s=3.0)
    assert turn_stats.said(now, 1000.0) == ("One", "two three four five.")
    assert turn_stats.said(now, 2500.0) == ("One two", "three four five.")
    assert turn_stats.said(now, 9000.0) == ("One two three", "four five.")
    assert turn_stats.said(speaking(playing=1, playing_at=4000.0), 4000.0)[0] == "One two three four"
    assert turn_stats.said(speaking(), 0.0) == ("", "One two three four five.")


def test_what_was_not_heard_of_an_interrupted_reply_is_told_apart() -> None:
    cut = TurnEnded(turn=1, outcome=Outcome.INTERRUPTED, marks=Marks(), reply="One two three.", heard="One")
    assert turn_stats.said(speaking(ended=cut), 0.0) == ("One", "two three.")


def test_which_stage_the_wait_went_to() -> None:
    marks = Marks(release=1000.0, stt_final=1400.0, first_clause=2400.0, first_audio=3000.0)
    assert turn_stats.wait_s(marks) == 2.0
    assert turn_stats.slowest_part(marks) == (Stage.THINKING, 0.5)
    assert turn_stats.slowest_part(Marks()) is None


def live(state: ShowState, **more: object) -> ScreenState:
    return ScreenState(state=state, link="live", **more)  # type: ignore[arg-type]


def test_the_worst_trouble_is_on_top_with_the_action_that_mends_it() -> None:
    held = ServiceChanged(name="tts", role="tts", state=ServiceState.FAILED, last_error="tts: exited with code 1")
    back = ServiceChanged(name="llm", role="llm", state=ServiceState.BACKOFF, last_error="llm: killed by SIGKILL")
    state = ShowState()
    for event in (back, held, ShowReady(seconds=1.0)):
        state = reduce(state, event, 0.0)
    first, second = troubles(live(state))
    assert first.action == "restart_service('tts')" and "exited with code 1" in first.text
    assert second.level == "warn" and "killed by SIGKILL" in second.text and "by itself" in second.text
    assert troubles(live(reduce(state, ShowHalted(by="x"), 0.0)))[0].action == "resume"
    assert troubles(ScreenState(state=state, link="lost"))[0].action == "start_show"


def test_memory_that_runs_out_is_told() -> None:
    full = Memory(services={}, show=0, used=98, total=100, available=2)
    (told,) = troubles(live(ShowState(ready=True), memory=full))
    assert "RAM is 98% full" in told.text and (told.level, told.action) == ("bad", "see('models')")


@pytest.mark.parametrize(
    ("available", "rules", "level"),
    [
        (9, {}, "warn"),
        (11, {}, ""),
        (5, {}, "bad"),
        (30, {"warn_at": 0.6}, "warn"),
        (30, {"warn_at": 0.5, "act_at": 0.7}, "bad"),
        (4, {"warn_at": 0.97, "act_at": 0.99}, ""),
        (3, {"warn_at": 0.97, "act_at": 0.99}, "warn"),
        (30, {"margin": 31}, "bad"),
    ],
)
def test_the_rigs_own_shares_decide_when_memory_is_told_of(available: int, rules: Any, level: str) -> None:
    ram = Memory(services={}, show=0, used=100 - available, total=100, available=available, **rules)
    gpu = DeviceMemory(name="RTX", total=100, used=100 - available, free=available)
    card = Memory(services={}, show=0, used=1, total=1000, available=999, devices=(gpu,), **rules)
    for memory in (ram, card):
        assert [one.level for one in troubles(live(ShowState(ready=True), memory=memory))] == ([level] if level else [])
        assert free_words(memory, available, 100)[1] == level


def test_a_gpu_that_runs_full_is_told_before_it_is() -> None:
    def said(free: int, *, unified: bool = False, stale: bool = False) -> list[tuple[str, str]]:
        gpu = DeviceMemory(name="RTX", total=1000 << 20, used=0, free=free << 20, unified=unified, stale=stale)
        memory = Memory(services={}, show=0, used=1, total=100, available=99, devices=(gpu,), note="CPU is slow.")
        return [(str(one.level), one.text) for one in troubles(live(ShowState(ready=True), memory=memory))][:-1]

    assert said(101) == [] and said(10, unified=True) == [] and said(10, stale=True) == []
    assert said(80) == [("warn", "The memory of RTX is 92% full (80M left): take a smaller model.")]
    assert said(49)[0][0] == "bad"


@pytest.mark.parametrize("cells", [1, 4, 20, 61])
@pytest.mark.parametrize("sizes", [(), (0, 0), (1, 2, 3), (50, 50), (90, 90), (0, 300)])
def test_bars_keep_to_their_cells(cells: int, sizes: tuple[int, ...]) -> None:
    parts = [bars.BarSegment(name=f"engine{n}", bytes=size, ink=str(n + 1)) for n, size in enumerate(sizes)]
    bar = bars.stack(parts, 100, cells)
    assert styled_text.width(bar) == cells
    assert ("▶" in "".join(text for text, _ in bar)) == (sum(sizes) > 100)
    assert styled_text.width(bars.legend(parts, cells)) <= cells
    assert (
        styled_text.width(bars.course([-1, 0, 50, 100] * 15, [(0, "swap", "llm"), (59, "crash", "tts")], cells))
        == cells
    )


def test_every_action_has_a_sentence_and_no_key_does_two_things() -> None:
    assert all(act.sentence.endswith(".") and act.label and act.shown for act in ACTS)
    assert len({act.key for act in ACTS}) == len(ACTS)


FAMILY = "👨\u200d👩\u200d👧"
REDUCED = {
    "plain, café, 漢字, ¿qué?": "plain, café, 漢字, ¿qué?",
    f"the {FAMILY} family": "the 👨 family",
    "👩🏽\u200d⚕\ufe0f 👍🏿 🤷\u200d♀\ufe0f": "👩 👍 🤷",
    "👩\u200d❤\ufe0f\u200d💋\u200d👨 love": "👩 love",
    "🏳\ufe0f\u200d🌈 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f": "🏳 🏴",
    "I ❤\ufe0f it ☀\ufe0f ✈\ufe0f": "I ❤ it ☀ ✈",
    "🇩🇪 🇺🇸🇫🇷 🇦": "DE USFR A",
    "1\ufe0f\u20e3 #\ufe0f\u20e3 9\u20e3": "1 # 9",
    "e\u0301 n\u0303": "é ñ",
    "Z\u0338\u0322\u031b\u0354\u0360a": "Z\u0338\u0322a",
    "\u0301alone": "alone",
    "\u1112\u1161\u11ab\u1100\u1173\u11af": "한글",
    "\u1112 \u11ab": "▪ ▪",
    "क्षत्रिय नमस्ते": "कषतरय नमसत",
    "สวัสดี": "สวัสดี",
    "שָׁלוֹם عَرَبِيّ": "שָׁלוֹם عَرَبِيّ",
    "a\u202ecba\u202c \u200fb\u2066c": "acba bc",
    "zero\u200bwidth\ufeff soft\u00adhyphen\u2060": "zerowidth softhyphen",
    "no\u00a0break\u2003wide\u3000ideographic\u2028line": "no break wide ideographic line",
    "\ue0b0 \ufdfd \u2e3b ☰ \U0001fae9": "▪ ▪ ▪ ▪ ▪",
    "カ\u3099 が": "ガ が",
    "\x1b[2Jbell\x07\ttab": "[2Jbell tab",
}


@pytest.mark.parametrize(("text", "seen"), REDUCED.items())
def test_what_terminals_count_differently_is_reduced(text: str, seen: str) -> None:
    assert clean(text) == seen and clean(seen) == seen
    for cells in (1, 2, 5, 8, 12, 40):
        assert "".join(
            part for part, _ in styled_text.fit(styled_text.line(styled_text.column(text, cells)), cells)
        ) == styled_text.column(seen, cells)
        assert styled_text.width(styled_text.fit(styled_text.line(text), cells)) <= cells
        assert all(line == clean(line) for line in styled_text.wrap(text, cells))


def test_a_cell_is_what_any_table_says() -> None:
    for number in (*range(0x20, 0xD800), *range(0xE000, 0x20000), *range(0xE0000, 0xE0200)):
        shown = clean(chr(number))
        assert all(category(one) == "Mn" for one in shown[1:]) and cell_len(shown) == cell_len(shown[:1]), hex(number)
        for one in shown[:1]:
            assert category(one) not in ("Cc", "Cf", "Mn", "Mc", "Me", "Cn", "Co"), hex(number)
            assert cell_len(one) == (2 if east_asian_width(one) in "WF" else 1), hex(number)


ASK_WHERE = """
import os, sys, termios, tty
tty.setraw(0)
told = []
for row in open(sys.argv[1], encoding="utf-8").read().split("\\n"):
    os.write(1, b"\\r\\n" + row.encode() + b"\\x1b[6n")
    answer = b""
    while not answer.endswith(b"R"):
        answer += os.read(0, 100)
    told.append(answer.split(b";")[1][:-1].decode())
open(sys.argv[2] + ".new", "w").write(" ".join(told))
os.rename(sys.argv[2] + ".new", sys.argv[2])
"""


@needs_tmux
def test_a_real_terminal_has_the_border_where_we_have_it(tmp_path: Path) -> None:
    rows = [f"│{styled_text.column(text, 40)}│" for text in REDUCED]
    (tmp_path / "rows").write_text("\n".join(rows), encoding="utf-8")
    (tmp_path / "ask.py").write_text(ASK_WHERE)
    where = tmp_path / "where"
    with terminal(tmp_path, tmp_path) as window:
        window.command(f"{sys.executable} {tmp_path / 'ask.py'} {tmp_path / 'rows'} {where}")
        due = time.monotonic() + 30
        while not where.exists():
            assert time.monotonic() < due, window.screen()
            time.sleep(0.02)
    assert where.read_text().split() == ["43"] * len(rows)
