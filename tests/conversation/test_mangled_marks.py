"""Marks of templates, calls and thoughts as servers mangle them: none is spoken, and no word beside them is lost."""

import pytest

from tests.conversation.test_unwrapping import answer, check

TURNS = [
    "**User**: Who else?",
    "### User\nWho else?",
    "user\nWho else?",
    "Kid: Who else?",
    "Child: Who else?",
    "Student: Who else?",
    "Visitor (laughing): Who else?",
    "[END] Ribs.",
    "[EOS] Ribs.",
    "[SYSTEM] Ribs.",
    "<<USER>> Who else?",
    "<|turn_end|>Ribs.",
    "User： Who else?",
]


@pytest.mark.parametrize("turn", TURNS)
def test_a_made_up_turn_ends_the_reply(turn: str) -> None:
    assert check(f"Boo! I am bones.\n{turn}", "Boo! I am bones.").ended


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[SCRATCHPAD]They want a pun.[/SCRATCHPAD]Boo!", "Boo!"),
        ("<internal>They want a pun.</internal>Boo!", "Boo!"),
        ('{"answer": "<think>They want a pun.</think>Boo!"}', "Boo!"),
        ("Thought process: The user wants a pun.\n\nBoo to you!", "Boo to you!"),
        ("Thinking: it's what I do for a living.", "it's what I do for a living."),
        ("Thinking: I should greet them.", ""),
    ],
)
def test_a_thought_is_not_spoken_and_an_answer_is(text: str, expected: str) -> None:
    check(text, expected)


@pytest.mark.parametrize(
    "call", ['print(default_api.set_scene(scene="dark"))', "<tool_input>dark</tool_input>", "Tool: set_scene"]
)
def test_a_call_is_not_spoken(call: str) -> None:
    assert check(call, "").called_tool


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"answer": "Boo!", "tool_calls": []}', "Boo!"),
        ('{"answer": "Boo!", "function_call": null}', "Boo!"),
        ("```\nBoo to you!\n```", "Boo to you!"),
        ("```text\nBoo to you!\n```", "Boo to you!"),
        ("```python\nprint(1)\n``` Boo!", "Boo!"),
        ("A `<user>` walks into a bar.", "A  walks into a bar."),
        ("Q: Why am I dead? A: No guts.", "Why am I dead? A: No guts."),
        ("Q: Why am I dead?\nA: No guts.", "Why am I dead? No guts."),
    ],
)
def test_what_is_meant_for_the_visitor_is_spoken(text: str, expected: str) -> None:
    assert " ".join(expected.split()) == " ".join(check_words(text).split())


def check_words(text: str) -> str:
    whole = answer(text)[0]
    assert all(" ".join(answer(text, size)[0].split()) == " ".join(whole.split()) for size in (1, 2, 7))
    return whole
