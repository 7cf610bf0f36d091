"""What models wrap their answers in: thoughts, channels, made-up turns, calls of functions."""

import random

import pytest

from conversation.text.markup_filter import SpeakableStream

HARMONY = (
    "<|channel|>analysis<|message|>The user asks. I am a skull.<|end|><|start|>assistant<|channel|>final<|message|>"
)
THOUGHTS = [
    ("<think>They want a pun.</think>Boo!", "Boo!"),
    ("<think>\nThey want\n\na pun. <b>Now</b> 1 < 2.\n</think>\n\nBoo!", "Boo!"),
    ("<Think>They want a pun.</THINK> Boo!", "Boo!"),
    ("< think >They want a pun.</ think >Boo!", "Boo!"),
    ('<think budget="5">They want a pun.</think>Boo!', "Boo!"),
    ("<|think|>They want a pun.<|/think|>Boo!", "Boo!"),
    ("<thinking>They want a pun.</thinking>Boo!", "Boo!"),
    ("<thought>They want a pun.</thought>Boo!", "Boo!"),
    ("<thoughts>They want a pun.</thoughts>Boo!", "Boo!"),
    ("<reasoning>They want a pun.</reasoning>Boo!", "Boo!"),
    ("<reflection>They want a pun.</reflection>Boo!", "Boo!"),
    ("<scratchpad>They want a pun.</scratchpad>Boo!", "Boo!"),
    ("<inner_monologue>They want a pun.</inner_monologue>Boo!", "Boo!"),
    ("<seed:think>They want a pun.</seed:think>Boo!", "Boo!"),
    ("◁think▷They want a pun.◁/think▷Boo!", "Boo!"),
    ("<|begin_of_thought|>They want.<|end_of_thought|><|begin_of_solution|>Boo!<|end_of_solution|>", "Boo!"),
    ("<|START_THINKING|>They want.<|END_THINKING|><|START_RESPONSE|>Boo!<|END_RESPONSE|>", "Boo!"),
    ("<|channel>thought\nThey want.<channel|>Boo!", "Boo!"),
    ("[THINK]They want a [bad] pun.[/THINK]Boo!", "Boo!"),
    ("[think]They want a pun.[/think]Boo!", "Boo!"),
    ("[REASONING]They want a pun.[/REASONING]Boo!", "Boo!"),
    ("They want a pun. I should be brief.</think>Boo!", "Boo!"),
    ("They want a pun.\n</think>\n\nMr. Bones: Boo! I am bones.", "Boo! I am bones."),
    ("Hm.</think>Boo!", "Boo!"),
    ("Hm</think>Boo!", "Boo!"),
    ("Okay, the user is asking who I am. Be brief.</think>Boo!", "Boo!"),
    ("They want a pun.◁/think▷Boo!", "Boo!"),
    ("They want a pun.[/THINK]Boo!", "Boo!"),
    ("They want a pun.</thinking>Boo!", "Boo!"),
    ("</think>Boo!", "Boo!"),
    ("Well, <think>they want a pun</think>hello.", "Well, hello."),
    ("Hello. <think>They want more.</think> I am bones. <think>Enough?</think> Boo!", "Hello. I am bones. Boo!"),
    ("<think>One <think>two</think> three.</think>Boo!", "Boo!"),
    ("<think>One <thought>two</thought> three.</think>Boo!", "Boo!"),
    ("<think>I may use <think> here.</think>Boo!", "Boo!"),
    ("<think>One.</think>Two.</think>Boo!", "Boo!"),
    ("<think>One.</think>Boo!</think>", "Boo!"),
    ("<think>One.</think><answer>Boo!</answer>", "Boo!"),
    ("I want to be brief.<answer>Boo!</answer>", "Boo!"),
    (HARMONY + "Boo! I am bones.<|return|>", "Boo! I am bones."),
    (HARMONY + "Boo!<|end|>", "Boo!"),
    ("<|start|>assistant" + HARMONY + "Boo!", "Boo!"),
    ("<|channel|>final<|message|>Boo!<|return|>", "Boo!"),
    ("analysisThe user asks me. Be brief.assistantfinalBoo!", "Boo!"),
    ("analysisWe go on. Be brief.assistantfinalBoo!", "Boo!"),
    ("Thinking Process: the user wants a joke. Final answer: Boo!", "Boo!"),
    ("Thinking Process:\n\n1.  **Analyze:** a joke.\n2.  **Draft:** Bones.\n\nFinal answer: Boo!", "Boo!"),
    ("Thinking Process:\n\n1. **Analyze:** a joke.\n</think>\n\nBoo!", "Boo!"),
    ("**Thinking Process:**\n\n* A joke.\n\n**Final Answer:** Boo!", "Boo!"),
    ("## Thinking\nA joke.\n\n## Final Answer:\nBoo!", "Boo!"),
    ("Thinking...\nThey want a joke.\n...done thinking.\n\nBoo!", "Boo!"),
    ("Thought: I should greet. Answer: Boo!", "Boo!"),
    ("Thought: I should greet.\nResponse: Boo!", "Boo!"),
    ("Thought: I should greet.\nMr. Bones: Boo!", "Boo!"),
    ("Reasoning: they want a joke.\nAnswer: Boo!", "Boo!"),
    ("Here is my thought process: they want a joke.\n\nHere is my response: Boo!", "Boo!"),
    ("Here's my thought process:\nA joke.\n\nHere's my response:\nBoo!", "Boo!"),
    ("<think>They want a pun.", ""),
    ("<think>They want a pun. </thi", ""),
    ("Thinking Process: they want a pun.", ""),
    ("<|channel|>analysis<|message|>They want a pun.", ""),
]
NO_THOUGHTS = [
    "I think, therefore I am.",
    "Think! You have a skull.",
    "Thinking is hard without a brain.",
    "A thought: bones are cold.",
    "Thoughts are free, my friend.",
    "Reasoning with ghosts is hard.",
    "Here is my hat.",
    "Here's my thought: run.",
    "The answer: bones.",
    "My final answer is bones.",
    "Analysis paralysis!",
    "Action! Lights, camera, bones.",
    "The user: a strange beast.",
    "The user is a strange beast, but the visitor is not.",
    "We need to respond with bones. That is my motto.",
    "Q and A.",
    "Bones & a human: that's you.",
    "Human bones, user manuals and visitor books.",
    "Functions are for machines, to be frank.",
    "The final channel is closed, assistant.",
]


def answer(text: str, dice: random.Random | int = 1000, thinks_first: bool = False) -> tuple[str, SpeakableStream]:
    """What is left to say of a reply that comes in slices."""
    stream, said, back = SpeakableStream("Mr. Bones", thinks_first), "", 0
    while text:
        size = dice if isinstance(dice, int) else dice.randint(1, 9)
        new, text = stream.feed(text[:size]), text[size:]
        said, back = (said if stream.taken_back == back else "") + new, stream.taken_back
    new = stream.flush()
    return (said if stream.taken_back == back else "") + new, stream


def check(text: str, expected: str, thinks_first: bool = False) -> SpeakableStream:
    """Whole, character by character and in slices of chance, always the same."""
    said, stream = answer(text, thinks_first=thinks_first)
    assert said == expected
    slicings: list[random.Random | int] = [1, *map(random.Random, range(5))]
    for dice in slicings:
        assert answer(text, dice, thinks_first)[0] == expected
    return stream


@pytest.mark.parametrize(("text", "expected"), THOUGHTS)
def test_a_thought_is_never_spoken_and_the_answer_always(text: str, expected: str) -> None:
    thought = not text.startswith(("</think>", "<|channel|>final"))
    assert check(text, expected).thought_aloud == thought
    assert not check(text, expected).called_tool


@pytest.mark.parametrize("text", NO_THOUGHTS)
def test_prose_that_looks_like_it_is_spoken(text: str) -> None:
    stream = check(text, text)
    assert (stream.thought_aloud, stream.thinks_unmarked, stream.called_tool, stream.ended) == (False,) * 4


def test_an_empty_thought_is_none() -> None:
    assert not check("<think>\n\n</think>\n\nBoo!", "Boo!").thought_aloud


@pytest.mark.parametrize(("text", "expected"), [t for t in THOUGHTS if not t[0].startswith(("Well", "Hello"))])
def test_a_model_known_to_think_first_is_heard_only_behind_its_thought(text: str, expected: str) -> None:
    check(text, expected, thinks_first=True)
    check(f"{expected} I am bones.", f"{expected} I am bones.".strip(), thinks_first=True)


def test_of_a_thought_that_its_end_marks_nothing_is_given_once_it_is_known() -> None:
    stream = SpeakableStream("Mr. Bones", thinks_first=True)
    assert stream.feed("They want a pun. Let me see.") == ""
    assert stream.feed("</think>Boo! I am bones. W").startswith("Boo! I am")
    stream = SpeakableStream("Mr. Bones", thinks_first=True)
    assert (stream.feed("They want a pun."), stream.flush(whole=False)) == ("", "")


def test_a_model_that_talks_of_its_visitor_is_held_back_until_it_is_clear() -> None:
    stream = SpeakableStream("Mr. Bones")
    said = stream.feed("Okay, the user wants to know who I am. ")
    assert (said, stream.feed("I am bones. Let me say so.")) == ("", "")
    assert stream.feed("</think>Boo! I am bones. W").startswith("Boo! I am")
    assert stream.thinks_unmarked


TURNS = [
    *(
        f"Boo! I am bones.{tag}Who else?"
        for tag in """<|user|> <｜User｜> [INST] [/INST] <|eom_id|> <|eot_id|> <|return|> <|im_sep|> <|im_end|> <|end|>
        <|endoftext|> </s> <s> <end_of_turn> <start_of_turn>user <|start_header_id|>user<|end_header_id|> <|system|>
        <|START_OF_TURN_TOKEN|><|USER_TOKEN|> <|END_OF_TURN_TOKEN|> <｜end▁of▁sentence｜> <|im_start|>user <|assistant|>
        <|human|> <|start|>user<|message|> <|observation|> <turn|> <|turn>user <|end_of_text|> <eos> </assistant>
        <user> <|EOT_ID|>""".split()
    ),
    "Boo! I am bones. [INST] Who else? [/INST] Ribs.",
    "Boo! I am bones.\n### Instruction:\nWho else?",
    "Boo! I am bones.\n### Human: Who else?",
    "Boo! I am bones. ### Human: Who else?",
    "Boo! I am bones. ### Instruction: Who else?",
    "Boo! I am bones. ### User: Who else?",
    "Boo! I am bones. USER: Who else?",
    "Boo! I am bones. Human: Who else?",
    "Boo! I am bones. Visitor: Who else?",
    "Boo! I am bones. **Visitor:** Who else?",
    "Boo! I am bones. *Visitor:* Who else?",
    "Boo! I am bones. [Visitor]: Who else?",
    "Boo! I am bones. Visitor 2: Who else?",
    "Boo! I am bones. Assistant: Who else?",
    "Boo! I am bones. Q: Who else? A: Ribs.",
    "Boo! I am bones.\nQ: Who else?\nA: Ribs.",
    "Boo! I am bones.\nYou: Who else?",
    "Boo! I am bones.\n\nUser 2: Who else?",
]


@pytest.mark.parametrize("text", TURNS)
def test_a_made_up_turn_ends_the_reply(text: str) -> None:
    assert check(text, "Boo! I am bones.").ended


@pytest.mark.parametrize(
    "text",
    [
        "<|assistant|>Boo!",
        "<｜Assistant｜>Boo!",
        "<s>Boo!",
        "<s>[INST] Who are you? [/INST] Boo!",
        "<|im_start|>assistant\nBoo!",
        "<|im_start|>assistant<|im_sep|>Boo!",
        "<|im_start|>user\nWho are you?<|im_end|>\n<|im_start|>assistant\nBoo!",
        "<|user|>Who are you?<|end|><|assistant|>Boo!",
        "<|start_header_id|>assistant<|end_header_id|>\n\nBoo!",
        "<start_of_turn>model\nBoo!",
        "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>Boo!",
        "### Response:\nBoo!",
        "Final Answer: Boo!",
    ],
)
def test_our_own_turns_beginning_ends_nothing(text: str) -> None:
    assert not check(text, "Boo!").ended


CALL = (
    '{"name": "set_scene", "parameters": {"scene": "dark crypt", "lights": [1, 2, {"a": "}"}], "for": "the visitor"}}'
)
PRETTY = '{\n  "name": "set_scene",\n  "arguments": {\n    "scene": "it\'s dark",\n    "level": 3\n  }\n}'
CALLS = [
    CALL,
    PRETTY,
    f"[{CALL}]",
    f"[\n  {CALL},\n  {PRETTY}\n]",
    f"```json\n{CALL}\n```",
    f"```\n{PRETTY}\n```",
    "```tool_code\nset_scene(scene='dark')\n```",
    f"<tool_call>{CALL}</tool_call>",
    f"<tool_call>\n{PRETTY}\n</tool_call>",
    f"<|tool_call|>[{CALL}]",
    f"<tool_calls>[{CALL}]</tool_calls>",
    f"[TOOL_CALLS] [{CALL}]",
    '[TOOL_CALLS]set_scene[ARGS]{"scene": "dark"}',
    '<function=set_scene>{"scene": "dark"}</function>',
    "<tool_call>\n<function=set_scene>\n<parameter=scene>\ndark\n</parameter>\n</function>\n</tool_call>",
    '<function_calls>\n<invoke name="set_scene">\n<parameter name="a">dark</parameter>\n</invoke>\n</function_calls>',
    '<invoke name="set_scene"><parameter name="scene">dark</parameter></invoke>',
    "<tool_call>set_scene<arg_key>scene</arg_key><arg_value>dark</arg_value></tool_call>",
    '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>set_scene\n```json\n{"a": 1}\n```'
    "<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
    "<|tool_calls_section_begin|><|tool_call_begin|>functions.set_scene:0<|tool_call_argument_begin|>{}"
    "<|tool_call_end|><|tool_calls_section_end|>",
    'functions.set_scene({"scene": "dark (very)"})',
    'to=functions.set_scene <|constrain|>json<|message|>{"scene": "dark"}<|call|>',
    '<|channel|>commentary to=functions.set_scene <|constrain|>json<|message|>{"scene": "dark"}<|call|>',
    'Action: set_scene\nAction Input: {"scene": "dark"}\n',
    'Action: set_scene\nAction Input: {\n  "scene": "dark"\n}\n',
    'Thought: I need a dark scene.\nAction: set_scene\nAction Input: {"scene": "dark"}\nObservation: done\n'
    "Thought: now I know.\nFinal Answer: ",
    "set_scene(scene='dark', level=3)",
    "[set_scene(scene='dark', level=3)]",
    "{'name': 'set_scene', 'arguments': {'scene': 'dark', 'on': True}}",
    "{'tool': 'set_scene', 'text': 'dark'}",
]


@pytest.mark.parametrize("call", CALLS)
def test_a_call_of_a_function_is_not_spoken(call: str) -> None:
    assert check(call, "").called_tool
    assert check(f"{call} Boo! I am bones.", "Boo! I am bones.").called_tool
    if not call.startswith(("set_scene", "[set_scene", "Action", "Thought")):  # those stand on a line of their own
        assert check(f"Boo! I am bones. {call}", "Boo! I am bones.").called_tool
    assert check(f"Boo! I am bones.\n{call}", "Boo! I am bones.").called_tool


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('<|python_tag|>{"name": "set_scene"}<|eom_id|>', ""),
        ('<|python_tag|>set_scene.call(query="dark")', ""),
        ('Boo!<|python_tag|>{"name": "set_scene"}<|eom_id|>more', "Boo!"),
        ('Action: set_scene Action Input: {"scene": "dark"} Final Answer: Boo!', "Boo!"),
        ("Thought: I need it. Action: set_scene Action Input: dark\nFinal Answer: Boo!", "Boo!"),
        ('{"name": "set_scene", "arguments": {"scene": "dark cr', ""),
        ('Boo!\n{"name": "set_sc', "Boo!"),
        ('<tool_call>{"name": "set_scene", "arg', ""),
        ('{"thought": "They want a pun.", "action": "set_scene", "action_input": {"scene": "dark"}}', ""),
    ],
)
def test_a_call_that_is_cut_off_or_that_goes_on(text: str, expected: str) -> None:
    assert check(text, expected).called_tool


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *((f'{{"{key}": "Boo! I am bones."}}', "Boo! I am bones.") for key in """answer response reply text message
           content output say speech Response final_answer""".split()),
        ('{\n  "answer": "I said \\"boo\\",\\nyou \\u00e9lite. Tab\\there."\n}', 'I said "boo", you élite. Tab here.'),
        ('```json\n{"answer": "Boo! I am bones."}\n```', "Boo! I am bones."),
        ('```json {"answer": "Boo!"} ``` Come in.', "Boo! Come in."),
        ("{'answer': 'Boo! I am bones.'}", "Boo! I am bones."),
        ("{'answer': \"I'm bones.\", 'ok': True}", "I'm bones."),
        ("{'answer': 'I'm bones.'}", "I'm bones."),
        ('{answer: "Boo! I am bones."}', "Boo! I am bones."),
        ('{"answer": "Boo! I am bones and I', "Boo! I am bones and I"),
        ('{"answer": "Boo! I am \\"bo', 'Boo! I am "bo'),
        ('{"answer": "Boo!\nI am bones."}', "Boo! I am bones."),
        ('{"answer": "Boo!",}', "Boo!"),
        ('{"emotion": "happy", "text": "Boo! I am bones."}', "Boo! I am bones."),
        ('{"thought": "They want a pun.", "answer": "Boo!"}', "Boo!"),
        ('{"name": "Mr. Bones", "response": "Boo!"}', "Boo!"),
        ('{"action": "wave", "speech": "Boo!"}', "Boo!"),
        ('{"action": "Final Answer", "action_input": "Boo!"}', "Boo!"),
        ('{"role": "assistant", "content": "Boo!"}', "Boo!"),
        ('{"response": {"text": "Boo!"}}', "Boo!"),
        ('{"setup": "Why am I dead?", "punchline": "No guts!"}', "Why am I dead? No guts!"),
        ('{"thought": "They want a pun.", "joke": "No guts!"}', "No guts!"),
        ('{"answer": 42}', "42"),
        ('{"choices": [{"message": {"role": "assistant", "content": "Boo!"}}]}', "Boo!"),
        ('[{"type": "text", "text": "Boo!"}]', "Boo!"),
        ('["Boo!", "I am bones."]', "Boo! I am bones."),
        ('{"Mr. Bones": "Boo! I am bones."}', "Boo! I am bones."),
        ('Mr. Bones: {"answer": "Mr. Bones: *rattles* Boo!"}', "Boo!"),
        ('<think>A pun.</think>{"answer": "Boo!"}', "Boo!"),
    ],
)  # fmt: skip
def test_the_text_inside_an_answers_key_is_the_answer(text: str, expected: str) -> None:
    assert not check(text, expected).called_tool


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{grins} Hello", "Hello"),
        ("[rattles] Boo!", "Boo!"),
        ("[thinking] Well, boo!", "Well, boo!"),
        ("*thinks* Boo!", "Boo!"),
        ("*Thinking: a pun* Boo!", "Boo!"),
        ("Action: *rattles* Boo!", "Boo!"),
        ("Analysis: it is a bone.", "Analysis: it is a bone."),
        ("*waves* Assistant: Boo!", "Boo!"),
        ("Set {a, b} and [c, d] are mine.", "Set and are mine."),
        ("A picture <VISION> of bones.", "A picture of bones."),
        ("```python\nprint(1)\n```\nBoo!", "Boo!"),
        ("Use `bones` and ``ribs``.", "Use bones and ribs."),
        ("1 < 2 and a <b> c.", "1 less than 2 and a c."),
        ("hello there, you.", "hello there, you."),
        ("snake_case is fun (really).", "snake case is fun."),
    ],
)
def test_ordinary_text_with_brackets_goes_on_as_ever(text: str, expected: str) -> None:
    stream = check(text, expected)
    assert (stream.thought_aloud, stream.called_tool, stream.ended) == (False, False, False)


@pytest.mark.parametrize("seed", range(8))
def test_whatever_comes_together_slicing_changes_nothing(seed: int) -> None:
    dice = random.Random(seed)
    pieces = [text for text, _ in THOUGHTS] + NO_THOUGHTS + TURNS + CALLS
    parts = """<think> </think> { } [ ] " ' : ` ``` # <|end|> <|channel|> final <|message|> Thought: Answer:
        a Boo! < Q: A: Visitor The man ( ) * &lt; &gt; [think] [/think] Man: User ： |""".split()
    for _ in range(60):
        text = dice.choice(["", " ", "\n"]).join(dice.choices(pieces, k=2) + dice.choices(parts, k=dice.randint(0, 6)))
        cut = text[dice.randint(0, 9) : dice.randint(20, 400)]
        whole = answer(cut)[0]
        assert answer(cut, 1)[0] == answer(cut, 3)[0] == answer(cut, dice)[0] == whole, cut


@pytest.mark.parametrize(
    "opener",
    [
        "[",
        "{",
        "«",
        "{ ",
        "[\n",
        "{\n",
        "<",
        "< ",
        "`",
        "*",
        "#",
        "f",
        "to=",
        "[TOOL",
        "<|",
        "{a ",
        '{"',
        "_a",
        "&",
        "The ",
        "Q: ",
    ],
)
def test_openers_without_end_neither_stop_nor_slow_the_reply(opener: str) -> None:
    text = opener * 1500 + " and so. Boo!\n"
    assert answer(text, 7)[0].endswith("Boo!")


@pytest.mark.parametrize(
    "text",
    [
        "The guest is always right, unless he is dead. Come in, and mind the coffin on your left side.",
        "Our guest has a pulse, how quaint! I had one myself, a hundred years ago or so, and lost it.",
        "The instructions are simple: walk in, scream, run out. Nobody has ever asked for a refund here.",
        "I have to answer that with a groan. Groan! It is the best that a skull without lungs can do.",
    ],
)
def test_talk_of_guests_is_no_thought(text: str) -> None:
    """Said at once, also where the limit cuts the reply."""
    stream = SpeakableStream("Mr. Bones")
    said = "".join(map(stream.feed, text))
    assert said.startswith(text[:40]) and not stream.thought_aloud
