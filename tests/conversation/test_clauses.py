"""Text to clauses: where a voice may start, and where it must not."""

import random

import pytest

from conversation.text.clauses import ClauseCutter, ends_sentence
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


ONE_SENTENCE = """
Sen. Smith and Rep. Jones opened it on Sat. Oct. 3rd at 5th Ave. near the pier.
'hello, I'm back.' and left.
"Stop!" he cried, and "Who goes there?" she asked.
‘Who is it?’ he asked.
On Mon. Tue. and Thurs. we rest from Mar. to Apr. or so.
On Wed. Jan. 5, Fri. Feb. 6 and Sun. Dec. 31 we dance.
Pres. Bones met Adm. Rib, Maj. Toe, Cpl. Hip, Pvt. Jaw, Cmdr. Shin and Gov. Skull.
Lt. Brown, Sgt. Stone, Capt. Hook, Col. Mustard and Gen. Lee sailed.
Hon. Rib, Fr. Bone, Br. Toe, Msgr. Hip, Mme. Jaw, Mlle. Shin and Messrs. Skull came.
Supt. Skull and Insp. Rib asked Sec. Toe of Wash. D.C. about it.
He lives on Elm Blvd. near Oak Rd. and Ft. Knox by St. James St. in Bath.
Turn at Pine Ln. or Main Sq. or the Hwy. 5 exit of Lake Pkwy. instead.
I am 6 ft. 2 in. tall and weigh 3 lbs. 4 oz. when it is 20 deg. outside.
Add 2 tsp. of dust, 1 tbsp. salt, 3 qt. or 1 gal. of fog, and wait 5 min. or 2 hr. at most.
It is 5 mi. by road, or 8 km. or 9 yd. away, at 30 mph. or less.
The max. temp. is 20 deg. here, the min. is 3, the avg. is 9 incl. fog and excl. rain.
It is bones vs. Ghosts, see No. 5, Vol. 3, ch. 4, p. 12, pp. 3-4, fig. 7 and Nos. 8 and 9.
See p. 5 or cf. Bones, or ed. Smith, vols. 1-2, figs. 3-4, eds. Rib et al. 1999.
Rib Bros. and Skull Co. and J. Bones Esq. and Toe Inc. and Hip Corp. and Jaw LLC. own it.
The Dept. of Bones at the Univ. of Skulls and the Assn. of Ribs agree.
In the U.S.A. we, i.e. Dr. Bones Ph.D. and Rib M.D. and Toe B.A. of 50 B.C. or A.D. 79, a.k.a. Skulls, dance.
Bones, e.g. Ribs, viz. Mine, ca. 5 or approx. 6, etc. and so on.
At 5 p.m. I wake.
In the U.S. I am famous.
I. Newton, J. R. R. Tolkien and Robert E. Lee met once.
Ask at Bldg. Four or Rgt. Bones for Cpt. Rib.
It is no. 7 and not No. XIV of the row.
Wait... what is it?
It was built in approx. 1850 or est. 1900 or so.
Mr. and Mrs. Bones, Jr. and Sr. are here.
P.S. I am dead.
""".strip().splitlines()


@pytest.mark.parametrize("text", ONE_SENTENCE)
def test_a_stop_behind_an_abbreviation_or_before_a_digit_or_a_small_letter_ends_nothing(text: str) -> None:
    assert sentences(text + " Come and see!") == [text, "Come and see!"]


@pytest.mark.parametrize(
    "text",
    [
        "Come on in.|The door is open.",
        "Come in.|Bones are here.",
        "No.|I will not.",
        "Yes or no.|Bones want to know.",
        "The cat sat.|The dog ran.",
        "I love the sun.|Ghosts do not.",
        "They were wed.|Then they died.",
        "That is art.|Bones know.",
        "You may.|Go on.",
        "It is what I am.|Bones and all.",
        "Hello, hon.|Sit down.",
        "I live on Elm St.|Come in!",
        "We open on Sat.|The gates are big.",
        "The show begins at 5 p.m.|Come early!",
        "I am 6 ft. tall.|The door is 5 ft.|You see?",
        "Give me a sec.|I forgot.",
        "It is made by Bones Inc.|They are dead.",
        "I come from the U.S.|We are loud.",
        "Ribs, toes, etc.|Take one.",
        "I have a plan B.|We run.",
        "So am I.|You too.",
        "Hmm.|Bones.|Shh.|Ghosts sleep.|Brr.|Ice.",
        "I saw it on TV.|Ghosts did too.",
        "It was 1842.|Ghosts came.",
        'He said "bones."|Then he left.',
        "He said 'bones.'|Then he left.",
        'We ran.|"Stop!"|Nobody stopped.',
        "Wait...|What is it?",
        "Wow!|who is it?",
        "We rattle.|— Ghosts.",
        "Meet me in Oct.|We are open.",
        "Meet me on 5th Ave.",
        "Come at 5 p.m.",
        "Ask Dr.",
    ],
)
def test_real_ends_still_end(text: str) -> None:
    expected = text.split("|")
    assert sentences(text.replace("|", " ")) == [part.strip() for part in expected]


def sentences(text: str) -> list[str]:
    """Joined from the clauses; in whatever slices the text comes, they are the same."""
    found = [_sentences(text, random.Random(seed)) for seed in range(4)]
    assert all(other == found[0] for other in found)
    return found[0]


def _sentences(text: str, dice: random.Random) -> list[str]:
    cutter, clauses = ClauseCutter(), []
    while text:
        size = dice.randint(1, 12)
        clauses += cutter.feed(text[:size])
        text = text[size:]
    found = [""]
    for clause in [*clauses, *cutter.flush()]:
        found[-1] = f"{found[-1]} {clause.text}".strip()
        found += [""] * clause.ends_sentence
    return [sentence for sentence in found if sentence]


def test_only_an_abbreviation_makes_the_voice_wait_for_the_next_word() -> None:
    assert [c.text for c in ClauseCutter().feed("We rattle our bones. T")] == ["We rattle our bones."]
    assert [c.text for c in ClauseCutter().feed('We rattle our bones. "T')] == ["We rattle our bones."]
    assert ClauseCutter().feed("We live on Elm St. Th") == []
    assert [c.text for c in ClauseCutter().feed("We live on Elm St. The ")] == ["We live on Elm St."]


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
