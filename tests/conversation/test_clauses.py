"""Text to clauses: where a voice may start, and where it must not."""

import pytest

from conversation.clauses import ClauseCutter, ends_sentence
from tests.conversation.texts import SENTENCES, noise, replies, slices


def cut(text: str, size: int = 1000) -> list[str]:
    cutter = ClauseCutter()
    found = [c for piece in slices(text, size) for c in cutter.feed(piece)] + cutter.flush()
    return [c.text for c in found]


def letters(text: str) -> str:
    return "".join(c for c in text if c.isalnum())


@pytest.mark.parametrize("text", SENTENCES + replies(1, 150) + noise(2, 150, "ab Mr.eg,;:!?\"'”“…—-0123. \n$)("))
def test_slicing_never_changes_the_result_and_nothing_is_lost_or_doubled(text: str) -> None:
    whole = cut(text)
    for size in (1, 2, 3, 7):
        assert cut(text, size) == whole
    assert letters("".join(whole)) == letters(text)
    assert all(letters(clause) for clause in whole), "silence is not spoken"


@pytest.mark.parametrize("text", replies(3, 200))
def test_the_first_clause_is_short_and_later_ones_longer(text: str) -> None:
    clauses = cut(text)
    assert len(clauses[0].split()) <= 6
    for clause in clauses:
        assert len(clause.split()) <= 18
    if len(clauses) > 1:
        assert len(clauses[0].split()) >= 3 or ends_sentence(clauses[0]) or clauses[0].endswith(("...", "…"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mr. Bones likes you.", ["Mr. Bones likes you."]),
        ("Ask e.g. the U.S. Army.", ["Ask e.g. the U.S. Army."]),
        ("J. R. R. Tolkien wrote. I read.", ["J. R. R. Tolkien wrote.", "I read."]),
        ("It is 3.5 or $29.99 today. Yes.", ["It is 3.5 or $29.99 today.", "Yes."]),
        ('"Who is it?" he cried.', ['"Who is it?"', "he cried."]),
        ("Wait... what is it?", ["Wait... what is it?"]),
        ("Wait... What is it?", ["Wait...", "What is it?"]),
        ("No. I said no.", ["No.", "I said no."]),
        ("No. 5 is alive.", ["No. 5 is alive."]),
        ("So am I. You too.", ["So am I.", "You too."]),
        ("We meet at 5 p.m.", ["We meet at 5 p.m."]),
        ("I came, I saw, I rattled", ["I came, I saw,", "I rattled"]),
        ("Nothing but bones — and skulls here", ["Nothing but bones —", "and skulls here"]),
        ("... ! ? —", []),
        ("", []),
    ],
)
def test_known_hard_places(text: str, expected: list[str]) -> None:
    assert cut(text) == expected


def test_a_mark_without_a_space_is_enough_behind_a_letter_but_not_in_quotes_or_behind_a_digit() -> None:
    assert [c.text for c in ClauseCutter().feed("Hello there!")] == ["Hello there!"]
    assert [c.text for c in ClauseCutter().feed("You have 3.")] == []
    assert [c.text for c in ClauseCutter().feed('He said "Stop!')] == []


def test_a_stream_without_punctuation_flows() -> None:
    cutter = ClauseCutter()
    words = 0
    waiting = 0
    for _ in range(200):
        waiting += 1
        for clause in cutter.feed("word "):
            words += len(clause.text.split())
            waiting = 0
        assert waiting <= 19
    assert words > 180


def test_a_stream_without_spaces_flows_too() -> None:
    cutter = ClauseCutter()
    assert [len(c.text) for c in cutter.feed("x" * 500)] == [240, 240]


def test_a_tiny_first_sentence_is_followed_by_a_short_clause() -> None:
    first, second, *_ = cut("Ha! I am the oldest skull that you will ever meet in this house tonight my friend")
    assert (first, len(second.split()) <= 6) == ("Ha!", True)


def test_sentences_are_counted() -> None:
    cutter = ClauseCutter()
    found = cutter.feed("One two three four. Five, Dr. Six and seven eight? And so") + cutter.flush()
    assert [c.ends_sentence for c in found].count(True) == 2
    assert not found[-1].ends_sentence
    cutter = ClauseCutter()
    assert cutter.feed("Come at 5 p.m.") + cutter.flush() != []
    assert ClauseCutter().flush() == []


def test_a_full_stop_at_the_very_end_ends_a_sentence_even_after_an_abbreviation() -> None:
    cutter = ClauseCutter()
    (only,) = cutter.feed("Come at 5 p.m.") + cutter.flush()
    assert only.ends_sentence


def test_it_is_quick_enough_to_run_on_every_token() -> None:
    cutter = ClauseCutter()
    clauses = [c for _ in range(20) for c in cutter.feed("a " * 100)]
    assert sum(len(c.text.split()) for c in clauses) > 1900
