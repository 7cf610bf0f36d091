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
    *(
        f"{mark}Who else?"
        for mark in """<|prompter|> <|endofuser|> <|user_start|> <|im_user|> <|header_start|>user<|header_end|>
        <|im_system|> <|start_of_role|>user<|end_of_role|> <|endofrole|> <|role_end|> [|Human|] [|endofturn|] <_user>
        <extra_id_1>User <SPECIAL_11>User <unk> <pad> &lt;|user|&gt; [HUMAN] <|eot|> <end_of_turn> <</SYS>>
        <turn_start>user <user_input> <human_turn> <visitor_says> <|startofuser|> <|begin_of_user|> <|question|>
        <|message_sep|> [EOT] <\\s>""".split()
    ),
    *(
        f"{label}: Who else?"
        for label in """Boy|Girl|Man|Woman|The visitor|The little girl|Next visitor|Visitor #2|Visitor 2 (angry)|Tourist
        |Visitor [laughing]|Visitor *laughs*|*User*|__User__|`user`|@user|(Visitor)|{{user}}|**The Visitor**|User>
        |user|Q1|Question|**Q**|Guest|Kid""".replace("\n        ", "").split("|")
    ),
    "**Child:** Who else?",
    "[Visitor] Who else?",
    "Kid: who else?",
    "Boy:\nWho else?",
    "assistant\nRibs.",
    '{"role": "user", "content": "Who else?"}',
    '{"role": "user", "content": "Who else?"}\n{"role": "assistant", "content": "Ribs."}',
    '{"from": "human", "value": "Who else?"}',
    '{"visitor": "Who else?"}',
    '{role: "user", content: "Who else?"}',
]


@pytest.mark.parametrize("turn", TURNS)
def test_a_made_up_turn_ends_the_reply(turn: str) -> None:
    assert check(f"Boo! I am bones.\n{turn}", "Boo! I am bones.").ended


@pytest.mark.parametrize(
    "turn",
    """Kid: Who else?|Boy: Who else?|The visitor: Who else?|**User**: Who else?|Visitor (laughing): Who else?|User：Who?
    |Human： who else?|Visitor #2: Who else?|Question: Who else?|Q: Who else? A: Ribs.|**Q:** Who else?
    |The young man: Who?
    """.replace("\n    ", "").split("|"),
)
def test_one_within_a_line_too(turn: str) -> None:
    assert check(f"Boo! I am bones. {turn}", "Boo! I am bones.").ended


@pytest.mark.parametrize(
    "text",
    """Man, that was close! Boy: am I cold! Oh boy: more visitors!|Boo! Man: that was close!|The man: a fine beast.
    |Kid: you are brave!|Child: no. Skeleton: yes!|Listen, kid: I am bones. Hm. The visitors: they come and go.
    |Boo! The visitor: a strange beast.|Step in. Guest: the best word for you.
    |The end. The old man was me. The Boys. Boo!
    |A man came in. A boy: that's what he was.|Boo! You are a human (nearly) now: run.
    |I have one question: who are you? Question: am I dead? Another Man (not me) did it. Another one: him.
    """.replace("\n    ", "").split("|"),
)
def test_people_who_are_talked_about_are_no_turn(text: str) -> None:
    assert check_words(text) == text.replace(" (nearly)", "").replace(" (not me)", "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *(
            (f"{before}{q} Why am I dead?{gap}{a} No guts!{after}", f"{said}Why am I dead? No guts!")
            for q, a in [("Q:", "A:"), ("Question:", "Answer:"), ("**Q:**", "**A:**"), ("Q：", "A：")]
            for gap in (" ", "\n", "\n\n")
            for before, said in [("", ""), ("Here's a riddle: ", "Here's a riddle: "), ("Mr. Bones: ", ""), ("<s>", "")]
            for after in ("", "\nQ: Who else?\nA: Ribs.", " Q: Who else? A: Ribs.", "\nUser: Who else?")
        ),
        (
            "I have a riddle for you!\nQ: Why am I dead?\nA: No guts!",
            "I have a riddle for you! Why am I dead? No guts!",
        ),
        ("<think>A pun.</think>Q: Why am I dead? A: No guts!", "Why am I dead? No guts!"),
        ("Q: Why am I dead?", "Why am I dead?"),
        ("Q: Why am I dead? You give up? A: No guts!", "Why am I dead? You give up? No guts!"),
        ("No guts, that is why. Q: Who else? A: Ribs.", "No guts, that is why."),
        ("Q and A: that is my life. A: no.", "Q and A: that is my life. A: no."),
        ("What is a: b? Plan A: run.", "What is a: b? Plan A: run."),
    ],
)
def test_a_riddle_of_ours_is_told_and_a_question_behind_an_answer_is_not(text: str, expected: str) -> None:
    assert check_words(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[SCRATCHPAD]They want a pun.[/SCRATCHPAD]Boo!", "Boo!"),
        ("<internal>They want a pun.</internal>Boo!", "Boo!"),
        ('{"answer": "<think>They want a pun.</think>Boo!"}', "Boo!"),
        ('{"answer": "They want a pun.</think>Boo!"}', "Boo!"),
        ('{"answer": "[THINK]They want a pun.[/THINK]Boo!"}', "Boo!"),
        ('{"answer": "◁think▷They want a pun.◁/think▷Boo!"}', "Boo!"),
        ("&lt;think&gt;They want a pun.&lt;/think&gt;Boo!", "Boo!"),
        ("&lt;think&gt;They want a pun.", ""),
        ("&#60;think&#62;They want a pun.&#60;/think&#62;Boo!", "Boo!"),
        ("&#x3C;think&#x3e;They want a pun.&#x3C;/think&#x3E;Boo!", "Boo!"),
        ("&amp;lt;think&amp;gt;They want a pun.&amp;lt;/think&amp;gt;Boo!", "Boo!"),
        ("\\u003cthink\\u003eThey want a pun.\\u003c/think\\u003eBoo!", "Boo!"),
        ("\\<think\\>They want a pun.\\</think\\>Boo!", "Boo!"),
        ("They want a pun.&lt;/think&gt;Boo!", "Boo!"),
        ("{think}They want a pun.{/think}Boo!", "Boo!"),
        ("{{think}}They want a pun.{{/think}}Boo!", "Boo!"),
        ("《think》They want a pun.《/think》Boo!", "Boo!"),
        ("«thinking»They want a pun.«/thinking»Boo!", "Boo!"),
        ("【think】They want a pun.【/think】Boo!", "Boo!"),
        ("<think>\nThey want a pun.\n</think\nBoo!", "Boo!"),
        ("```thinking\nThey want a pun.\n```\nBoo!", "Boo!"),
        ("Thought 1: a pun.\nAnswer: Boo!", "Boo!"),
        ("*(thinking: they want a pun)* Boo!", "Boo!"),
        ("(Thinking: they want a pun.) Boo!", "Boo!"),
        ("[INTERNAL]They want a pun.[/INTERNAL]Boo!", "Boo!"),
        ("[analysis]They want a pun.[/analysis]Boo!", "Boo!"),
        ("<my_thoughts>They want a pun.</my_thoughts>Boo!", "Boo!"),
        ("<|inner_reasoning|>They want a pun.<|end_inner_reasoning|>Boo!", "Boo!"),
        ("They want a pun. <answer>Boo!</answer>", "Boo!"),
        ("What would they want? I should greet them! <answer>Boo!</answer>", "Boo!"),
        ("Thought process: The user wants a pun.\n\nBoo to you!", "Boo to you!"),
        ("Thought process: bones are funny.", ""),
        ("Thinking Process:\n\n1. **Draft:** a joke.", ""),
        ("## Thinking\nA joke.\n\n## Final Answer\nBoo!", "Boo!"),
        ("**Thought:**\nA joke.\n\n**Answer**\n\nBoo!", "Boo!"),
        ("Thinking: I should greet them.", ""),
        ("Boo!\nThought: I should add a pun.", "Boo!"),
        ("Plan: greet them. Answer: Boo!", "Boo!"),
        ("Plan:\n1. greet them.\n\nAnswer: Boo!", "Boo!"),
        ("**Analysis:** they want a pun.\n**Response:** Boo!", "Boo!"),
        ("Strategy: a pun.</think>Boo!", "Boo!"),
        ("Plan: greet the visitor.", ""),
        ("Plan: greet the visitor.\n\nBoo to you!", "Boo to you!"),
        ("<plan>They want a pun.</plan>Boo!", "Boo!"),
        ("<notes>They want a pun.</notes>Boo!", "Boo!"),
    ],
)
def test_a_thought_is_not_spoken_and_an_answer_is(text: str, expected: str) -> None:
    check(text, expected)


@pytest.mark.parametrize(
    "call",
    [
        'print(default_api.set_scene(scene="dark"))',
        "<tool_input>dark</tool_input>",
        "Tool: set_scene",
        "Tool: set_scene\nInput: dark",
        'Function: set_scene\nArguments: {"scene": "dark"}',
        "Calling tool: set_scene",
        "tool_use: set_scene",
        "Action 1: set_scene\nAction Input 1: dark",
        'Action: set_scene["dark"]',
        'result = set_scene("dark")',
        'x = search("bones")',
        "<tool_name>set_scene</tool_name><api_call>set_scene()</api_call>",
        'search("bones")',
        "search(query='bones')",
        "setScene( name = 1 )",
        "web.search()",
        '`search("bones")`',
        'functools[{"name": "set_scene", "arguments": {"scene": "dark"}}]',
        'functions[set_scene]({"scene": "dark"})',
        "Action: search the web",
    ],
)
def test_a_call_is_not_spoken(call: str) -> None:
    assert check(call, "").called_tool


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"answer": "Boo!", "tool_calls": []}', "Boo!"),
        ('{"answer": "Boo!", "function_call": null}', "Boo!"),
        ('{"answer": "Boo!", "tool": "none"}', "Boo!"),
        ('{"answer": "Boo!", "tool_calls": [{"name": "set_scene"}]}', "Boo!"),
        ('{"answer": "<|im_start|>assistant\\nBoo!<|im_end|>"}', "Boo!"),
        ('say("Boo to you!")', "Boo to you!"),
        ("character.speak(text='Boo to you!') I am.", "Boo to you! I am."),
        ("He said «think» and 《boo》.", "He said think and 《boo》."),
        ("Hello <user_name>, I am <reserved> for you.", "Hello, I am for you."),
        ("```\nBoo to you!\n```", "Boo to you!"),
        ("```text\nBoo to you!\n```", "Boo to you!"),
        ("```python\nprint(1)\n``` Boo!", "Boo!"),
        ("I met her. Visitor (", "I met her. Visitor"),
        ("A `<user>` walks into a bar.", "A user walks into a bar."),
        ("A <user> walks into a bar.", "A user walks into a bar."),
        ("I [think] I am dead, so I am.", "I think I am dead, so I am."),
        ("Boo! The <answer> is bones.", "Boo! The answer is bones."),
        ("Boo! Say `<answer>` or `<think>` to me.", "Boo! Say answer or think to me."),
        ("[think] Well, boo!", "Well, boo!"),
        ("{thinking} Well, boo!", "Well, boo!"),
        ("Salt &amp; bones, AT&T & me &c. R&D; &lt;3", "Salt & bones, AT&T & me &c. R&D; less than 3"),
        ("It&#39;s \\*me\\*, A&amp;T \\o/ &# &#x; \\u.", "It's me, A&T o/ & &x; u."),
        ('{"answer": "I said \\u0022boo\\u0022, \\u003cb\\u003ebones\\u003c/b\\u003e."}', 'I said "boo", bones.'),
        ("What has no guts? <answer>A skeleton!</answer>", "What has no guts? A skeleton!"),
        ("Here is one. What has no guts?\n<answer>A skeleton!</answer>", "Here is one. What has no guts? A skeleton!"),
        ("skull.exe(has stopped)", "skull.exe"),
        ("my brain.exe(has stopped) is gone.", "my brain.exe is gone."),
        ("boo(hoo) he cried.", "boo he cried."),
        ("Action: that's what I like", "Action: that's what I like"),
        ("Action: we run!", "Action: we run!"),
        ("Function: none, I just hang around.", "Function: none, I just hang around."),
        ("Arguments: never with my wife.", "Arguments: never with my wife."),
        ("Thinking: it's what I do for a living.", "Thinking: it's what I do for a living."),
        ("Thinking: the one thing I can't do.", "Thinking: the one thing I can't do."),
        ("Boo!\nThought: bones are shy flowers.", "Boo! Thought: bones are shy flowers."),
        ("Plan: we should scare them all. Are you in?", "Plan: we should scare them all. Are you in?"),
        ("Boo!\nPlan: no guts. Answer: no.", "Boo! Plan: no guts. Answer: no."),
        ("Notes: I sing them all.", "Notes: I sing them all."),
        ("Input: a bone. Output: a dog!", "Input: a bone. Output: a dog!"),
        ("Boo!\nSystem: skeletal. Status: dry.", "Boo! System: skeletal. Status: dry."),
        ("Instruction: Who are you?\nMr. Bones: Boo!", "Boo!"),
        ("Boo!\nInput:\nwho else?", "Boo!"),
        ("Tool: the hammer is mine.", "Tool: the hammer is mine."),
        ("```Boo to you!```", "Boo to you!"),
        ("```dialogue\nBoo to you!\n```", "Boo to you!"),
        ("```\n*rattles* Boo to you!\n```\n", "Boo to you!"),
        ("```text\n[rattles] Boo!\nMr. Bones: I am.", "Boo! I am."),
        ("```html\n<p>x</p>\n``` Boo!", "Boo!"),
        ("Q: Why am I dead? A: No guts.", "Why am I dead? No guts."),
        ("Q: Why am I dead?\nA: No guts.", "Why am I dead? No guts."),
    ],
)
def test_what_is_meant_for_the_visitor_is_spoken(text: str, expected: str) -> None:
    assert " ".join(expected.split()) == " ".join(check_words(text).split())


def check_words(text: str) -> str:
    whole = answer(text)[0]
    assert all(" ".join(answer(text, size)[0].split()) == " ".join(whole.split()) for size in (1, 2, 7))
    return whole
