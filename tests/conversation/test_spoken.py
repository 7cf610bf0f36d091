"""Digits and symbols as words."""

import pytest

from conversation.text.number_words import has_words, spoken
from tests.conversation.texts import SENTENCES, noise


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I have 206 bones", "I have two hundred and six bones"),
        ("$29.99 today", "twenty-nine dollars and ninety-nine cents today"),
        ("$5 million", "five million dollars"),
        ("$1", "one dollar"),
        ("$0.01", "one cent"),
        ("$1,000.00", "one thousand dollars"),
        ("$3.5", "three point five dollars"),
        ("-$5", "minus five dollars"),
        ("£2.50", "two pounds and fifty pence"),
        ("5€", "five euros"),
        ("$", ""),
        ("50%", "fifty percent"),
        ("3.5 %", "three point five percent"),
        ("at 5:30", "at five thirty"),
        ("9:05", "nine oh five"),
        ("10:00", "ten o'clock"),
        ("10:00 a.m.", "ten a.m."),
        ("1st, 2nd, 21st, 1,000th", "first, second, twenty-first, one thousandth"),
        ("1984 and 2024", "nineteen eighty-four and twenty twenty-four"),
        ("the 1980s and the 20s", "the nineteen eighties and the twenties"),
        ("3.14", "three point one four"),
        ("10.50", "ten point five zero"),
        ("-5, but COVID-19", "minus five, but COVID-nineteen"),
        ("3-4 days", "three to four days"),
        ("1/2 or 3/4", "one half or three quarters"),
        ("24/7", "twenty-four seven"),
        ("1/1/2020", "one one twenty twenty"),
        ("555-1234", "five five five one two three four"),
        ("(555) 123-4567", "five five five one two three four five six seven"),
        ("3D, R2D2, MP3, 5km", "three D, R two D two, MP three, five km"),
        ("1,234,567", "one million two hundred and thirty-four thousand five hundred and sixty-seven"),
        ("agent 007", "agent zero zero seven"),
        ("v 3.5.1", "v three point five point one"),
        ("2+2=4", "two plus two equals four"),
        ("5 x 4", "five times four"),
        ("AT&T and/or he/she", "AT and T and or he or she"),
        ("20°C", "twenty degrees Celsius"),
        ("#1 and No. 5", "number one and number five"),
        ("x²", "x squared"),
        ("hello ① ★ → 👋 \ud83d there", "hello there"),
        ("٣ cats", "three cats"),
        ("naïve café", "naïve café"),
        ("10^100 is a googol", "ten one hundred is a googol"),
        ("", ""),
    ],
)
def test_what_is_said(text: str, expected: str) -> None:
    assert spoken(text) == expected
    assert spoken(expected) == expected


@pytest.mark.parametrize("size", [16, 40, 5000])
def test_huge_numbers_are_said_digit_by_digit(size: int) -> None:
    assert spoken("9" * size).split() == ["nine"] * size
    assert spoken("$" + "9" * size + ".50").startswith("nine nine")
    assert spoken("9" * size + "th").startswith("nine nine")


@pytest.mark.parametrize("text", [s for s in SENTENCES if not any(c.isdigit() or c in "/()[]" for c in s)])
def test_plain_text_is_left_alone(text: str) -> None:
    assert spoken(text) == text


@pytest.mark.parametrize("seed", range(4))
def test_no_string_crashes_and_nothing_unspeakable_remains(seed: int) -> None:
    alphabet = "ab 0123456789..,,::--//$€£%#°+=<>&@*()'\"½²①٣߃\u0300\u200d\ufe0f👋\ud83d\x00\nsthndpmAM"
    for text in noise(seed, 250, alphabet, 60):
        said = spoken(text)
        assert not any(c.isdecimal() or c in "$€£%#°+=<>&@*()½²①\u200d\ufe0f👋\ud83d\x00\n" for c in said), text
        assert spoken(said) == said, text


NO_WORDS = [
    *("", "   ", "\n\t", "...", "…", "?!", "-", "\u2014", "。。。", "\u200b", "\u200e\u202e", "\ufeff", "\x07"),
    *("👻", "👻 🎃", "👨\u200d👩\u200d👧", "🇩🇪", "❤️", "👍🏽", "♪♫", "→", "™", ":-)", ";)", "=D", ":smile:"),
    *("***", "**", "```", "#", "<b></b>", "<br/>", "*laughs*", "[]", "()", "{}", "|", "~~"),
]
WORDS = [
    *("Boo!", "a", "é", "Привет", "你好", "5", "50%", "$5", "1️⃣", "½", "24/7", "A & B", "Ob-la-di: oh!"),
    *("👻 Boo!", "*Boo!* he said", "**Boo!**", "<b>Boo</b>", "(Only today!)", "Trick or treat :-)"),
]


@pytest.mark.parametrize("text", NO_WORDS)
def test_where_there_is_nothing_to_say(text: str) -> None:
    assert not has_words(text)


@pytest.mark.parametrize("text", WORDS)
def test_where_there_is(text: str) -> None:
    assert has_words(text)
