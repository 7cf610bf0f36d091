"""Model text to what may be spoken."""

import re
import unicodedata

import pytest

from conversation.text.markup_filter import SpeakableStream
from tests.conversation.texts import MARKED, SENTENCES, noise, replies, slices

NEVER = re.compile(r"[*_`#<>\[\]{}()|]")


def say(text: str, size: int = 1000) -> str:
    stream = SpeakableStream("Mr. Bones")
    return "".join(stream.feed(piece) for piece in slices(text, size)) + stream.flush()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mr. Bones: Hello there!", "Hello there!"),
        ("**Mr. Bones:** Hello there!", "Hello there!"),
        ("MR. BONES: hello", "hello"),
        ("Assistant: Hi.", "Hi."),
        ("The Old Skull: Hi.", "Hi."),
        ("Hi.\nMr. Bones: Ho.", "Hi. Ho."),
        ("Listen: I am old.", "Listen: I am old."),
        ("At 5:30 we meet.", "At 5:30 we meet."),
        ("*laughs* Hello.", "Hello."),
        ("Hello! *rattles his jaw* Come in.", "Hello! Come in."),
        ("Well, *grins* come in.", "Well, come in."),
        ("(sighs) Fine.", "Fine."),
        ("[rattles] Boo!", "Boo!"),
        ("{wave} Boo!", "Boo!"),
        ("I am so *very* cold.", "I am so very cold."),
        ("I *always* win.", "I always win."),
        ("My *bones* ache and *is* it so?", "My bones ache and is it so?"),
        ("You are *amazing* today.", "You are amazing today."),
        ("That is **really** bold.", "That is really bold."),
        ("Use _this_ and `that` and snake_case.", "Use this and that and snake case."),
        ("A picture <VISION> of <|im_start|>", "A picture of"),
        ("<VISION>A cat</VISION> sits.", "A cat sits."),
        ("<|im_start|>assistant\nHello.", "Hello."),
        ("Hello.<|im_end|>\nmore", "Hello."),
        ("Hello.</s>more", "Hello."),
        ("<think>They want a pun.</think>Boo!", "Boo!"),
        ("See https://x.y/z?a=1. Bye.", "See. Bye."),
        ("See www.x.org, friend.", "See, friend."),
        ("See [my page](https://x.y/z) now.", "See my page now."),
        ("- one\n- two\n- three", "one, two, three"),
        ("* one\n* two", "one, two"),
        ("1. One\n2. Two", "One, Two"),
        ("206. That is all.", "206. That is all."),
        ("7. I counted.", "7. I counted."),
        ("# Title\n\nText.", "Title. Text."),
        ("> quoted\n> more", "quoted more"),
        ("---\nHello", "Hello"),
        ("```python\nprint(1)\n```\nDone.", "Done."),
        ("Hello 👋! You 😀?", "Hello! You?"),
        ("1️⃣ first 🇬🇧 flag 👨‍👩‍👧 family", "1 first flag family"),
        ("It is 20°C, 5% & $3 + 4.", "It is 20°C, 5% & $3 + 4."),
        ("-5 degrees", "-5 degrees"),
        ("3 * 4 and 5*6", "3 times 4 and 5 times 6"),
        ("3 < 4 and 5 > 2, a -> b", "3 less than 4 and 5 more than 2, a - b"),
        ("My #1 fan #skull", "My number 1 fan skull"),
        ("It\\'s a \\*star", "It's a star"),
        ("soft\u00adly \u200bnow", "softly now"),
        ("Oh :( well", "Oh : well"),
        ("line one\nline two\n\nline three", "line one line two. line three"),
        ("naïve café señor 你好", "naïve café señor 你好"),
        ("", ""),
        ("***", ""),
        ("\ud83d lone", "lone"),
    ],
)
def test_what_is_said(text: str, expected: str) -> None:
    assert say(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Hello there.\nUser: and you?",
        "Hello there.\nVisitor: and you?",
        "Hello there.\n**User:** and you?",
        "Hello there. User: and you?",
        "Hello there.\nHuman: y",
        "Hello there.\n<|im_start|>user\nand you?",
        "Hello there.\nQ: and you?",
    ],
)
def test_it_stops_when_the_model_begins_to_play_the_visitor(text: str) -> None:
    stream = SpeakableStream("Mr. Bones")
    said = "".join(stream.feed(piece) for piece in slices(text, 3))
    assert (said + stream.flush(), stream.ended, stream.feed("more")) == ("Hello there.", True, "")


def test_a_visitors_line_before_ours_is_skipped() -> None:
    assert say("User: Who are you?\nMr. Bones: A skull.") == "A skull."


def test_users_in_a_sentence_are_words() -> None:
    text = "The user: a fine fellow. Users like humans. Human bones, too."
    assert say(text) == text


@pytest.mark.parametrize("opener", ["(", "[", "{", "*", "<a"])
def test_an_open_bracket_neither_swallows_the_reply_nor_holds_it_back_for_long(opener: str) -> None:
    stream = SpeakableStream()
    rest = "and then we went on " * 10
    said = ""
    behind = 0
    text = "Well now, " + opener + rest
    for count, char in enumerate(text, 1):
        said += stream.feed(char)
        behind = max(behind, count - len(said))
    assert behind <= 90
    assert (said + stream.flush()).endswith(rest.strip())


@pytest.mark.parametrize("text", SENTENCES)
def test_ordinary_text_comes_at_most_a_word_late(text: str) -> None:
    """Judged behind the first two words, which may be a label, and without brackets."""
    text = re.sub(r"[()\[\]]", "", text)
    stream = SpeakableStream("Mr. Bones")
    said = ""
    for count, char in enumerate(text, 1):
        said += stream.feed(char)
        waiting = text[:count][len(said) :].strip()
        if len(said.split()) > 2:
            assert len(waiting.split()) <= 1 and len(waiting) <= 8, (said, waiting)
        else:
            assert len(waiting.split()) <= 3


@pytest.mark.parametrize("text", [*SENTENCES, *MARKED, "\n".join(MARKED), *replies(5, 30)])
def test_slicing_never_changes_the_result(text: str) -> None:
    whole = say(text)
    assert [say(text, size) for size in (1, 2, 3, 7)] == [whole] * 4


def bad(said: str) -> list[str]:
    return [c for c in said if NEVER.match(c) or unicodedata.category(c) in ("So", "Sk", "Cs", "Cf", "Cc", "Co")]


@pytest.mark.parametrize("seed", range(6))
def test_noise_gives_no_markup_and_no_crash(seed: int) -> None:
    alphabet = "ab Ur.:\n\n  **__``##<<>>[](){}|~^\\/-1.)!?'\"😀👍🏽\u200d\ufe0f→★\ud83d&%" + "user:http://www."
    for text in noise(seed, 150, alphabet):
        whole = say(text)
        assert [c for c in bad(whole) if c != "°"] == [], text
        assert "  " not in whole and whole == whole.strip()
        assert say(text, 1) == say(text, 3) == whole, text


@pytest.mark.parametrize("seed", range(3))
def test_pieces_of_markup_in_any_order(seed: int) -> None:
    words = " hello there *bones* **x** (a) [b](c) <d> `e` ``` \n \n- \n1. User: Mr. https://a.b *".split(" ")
    for text in noise(seed, 100, "".join(chr(33 + i) for i in range(len(words))), 25):
        text = " ".join(words[ord(c) - 33] for c in text)
        whole = say(text)
        assert bad(whole) == []
        assert say(text, 1) == say(text, 2) == say(text, 7) == whole


def test_a_thousand_open_brackets_cost_nothing_much() -> None:
    assert say("([{<*" * 400 + "end").endswith("end")
    assert say("\n" * 3000 + "end") == "end"


def test_plain_text_is_left_alone() -> None:
    text = "I'm Mr. Bones, head of the welcoming committee. It's all I have left, after all!"
    assert say(text) == text
    assert say(say(MARKED[0])) == say(MARKED[0])
