"""The tags and labels that models put around their answers: thoughts, channels, tool calls, turns."""

import re
from enum import Enum

from msgspec import Struct


class WrappingKind(Enum):
    THOUGHT = "notes of the model's own"
    ANSWER = "what is meant for the visitor"
    TOOL = "a call of a function"
    CODE = "a call of a function, until the message ends"
    END = "the end of a message"
    ROLE = "the beginning of a message; the role's name follows"
    OURS = "the beginning of our message"
    VISITOR = "the beginning of somebody else's message"
    PERHAPS = "notes of the model's own, if their end is marked as well"
    CHANNEL = "the kind of message follows, until the tag `message`"
    MESSAGE = "the text of a message follows"
    NOTHING = "a mark without a meaning of its own"


class Tag(Struct, frozen=True):
    kind: WrappingKind
    closing: bool
    square: bool = False


class Maybe(Enum):
    WAIT = "it may still become a tag that matters"
    NO = "it is none"


_OPENING = {
    WrappingKind.THOUGHT: """think thinking thought thoughts reasoning reason reflection reflect seed:think seed_think
        analysis rationale scratchpad inner_monologue internal_monologue inner_thoughts internal_thoughts
        reasoning_content monologue internal planning plan notes cot
        chain_of_thought thought_process thinking_process reasoning_process mm:think antml:thinking longcat_think
        begin_of_thought start_thinking start_of_thought think_start inner_prefix unused94 seed:cot_budget_reflect""",
    WrappingKind.ANSWER: """answer response final final_answer final_response reply output solution begin_of_solution
        begin_of_answer start_response start_text""",
    WrappingKind.TOOL: """tool_call tool_calls function_call function_calls function functions invoke parameter tool_use
        tool tools tool_input use_tool execute toolcall tool_code minimax:tool_call antml:invoke antml:function_calls
        antml:parameter
        action action_input tool_response tool_result tool_results tool_output function_result function_results
        available_tools start_action tools_prefix tool_calls_section_begin tool_call_begin tool_calls_begin
        tool_outputs_begin tool_output_begin""",
    WrappingKind.CODE: "python_tag",
    WrappingKind.END: """im_end im_sep eot_id eom_id eot eos endoftext end_of_text end_of_turn end_of_turn_token
        end_of_sentence end_of_message end_of_utterance end_of_document endofprompt endofuser endofassistant end
        return s bos begin_of_text
        begin_of_sentence startoftext message_end turn_end eod sep sys observation call unk pad sop role_sep \\s""",
    WrappingKind.ROLE: """im_start turn_start role_start start_header_id header_start start_of_turn start_of_role
        start_of_turn_token start extra_id_1 special_11""",
    WrappingKind.OURS: "assistant model bot chatbot_token",
    WrappingKind.VISITOR: "user human visitor system developer user_token system_token ipython inst system_prompt",
    WrappingKind.CHANNEL: "channel",
    WrappingKind.MESSAGE: "message",
    WrappingKind.NOTHING: """constrain end_header_id header_end im_middle end_of_role args call_id tool_sep
        tool_call_argument_begin""",
}
_CLOSING = {
    WrappingKind.THOUGHT: "end_of_thought end_thinking think_end inner_suffix unused95",
    WrappingKind.ANSWER: "end_of_solution end_of_answer end_response end_text",
    WrappingKind.TOOL: """tool_calls_section_end tool_call_end tool_calls_end tool_outputs_end tool_output_end
        end_action tools_suffix""",
}
_TAGS = {name: Tag(kind, False) for kind, names in _OPENING.items() for name in names.split()}
_TAGS |= {name: Tag(kind, True) for kind, names in _CLOSING.items() for name in names.split()}
_SQUARE = frozenset(
    """think thinking thought thoughts reasoning reflection inst tool_calls tool_call available_tools tool_results args
    call_id system_prompt scratchpad internal analysis monologue user system assistant human end eos eot""".split()
)
_PARTS = {
    WrappingKind.THOUGHT: """think thinking thinks thought thoughts reasoning scratchpad monologue reflection
        deliberation cot""",
    WrappingKind.VISITOR: "user human visitor prompter system developer question query instruction",
    WrappingKind.OURS: "assistant bot model chatbot",
    WrappingKind.END: "eos eot eom eod eoa pad unk sop gmask bos sep separator end endof",
}
_PART = {part: kind for kind, parts in _PARTS.items() for part in parts.split()}
_WORD = re.compile(r"(?:end|start|begin)(?=[a-z])|(?<=end)of|(?<=start)of|(?<=begin)of|[a-z]+")
_OF_OTHERS = frozenset("user human visitor".split())
_SAYS = frozenset("input message turn says said asks query question prompt utterance speech text content".split())
_CALLED = frozenset("tool tools function functions api".split())
_NAME = re.compile(r"[a-z_\\][\w:.-]{0,40}")
_CLOSERS = {"<": ">", "◁": "▷", "＜": "＞", "[": "]", "{": "}", "«": "»", "‹": "›", "《": "》", "⟨": "⟩", "【": "】"}
_FOR_WORDS = frozenset("{«‹《⟨【")
"""Brackets that people write as well: only thoughts are tags in them."""
TAG_OPENERS = frozenset(_CLOSERS)
_LONGEST = 120
_GEMMA = {
    "<|channel>": Tag(WrappingKind.THOUGHT, False),
    "<channel|>": Tag(WrappingKind.THOUGHT, True),
    "<|turn>": Tag(WrappingKind.ROLE, False),
    "<turn|>": Tag(WrappingKind.END, False),
}


def scan(text: str) -> Tag | Maybe:
    """What `text`, which begins with one of TAG_OPENERS, is as a tag; brackets, bars, letters' size and attributes
    (`<think budget="5">`) do not matter.
    """
    if text.startswith(("[|", "[｜")):
        text = "<" + (text[1:-1] + ">" if text[-1] == "]" else text[1:])  # EXAONE's
    whole = text[-1] == _CLOSERS[text[0]] and len(text) > 1
    if whole and text in _GEMMA:
        return _GEMMA[text]
    inside = (text[1:-1] if whole else text[1:]).replace("｜", "|").replace("▁", "_")
    core = inside.strip().lstrip("|/<").strip().lower() if not whole else inside.strip("|/< \t").lower()
    name = re.split(r"[\s=|/]", core, maxsplit=1)[0]
    if text[0] == "[" or text[0] in _FOR_WORDS:
        return _square(text, inside, name, whole)
    if whole:
        tag = _TAGS.get(name) or _by_parts(name, "|" in inside) if core else None
        if tag is None or inside.rstrip().endswith("/"):
            return Maybe.NO
        return Tag(tag.kind, True) if inside.lstrip("| \t").startswith("/") else tag
    if text[-1] == "\n" and inside.startswith("/") and name in _TAGS and _TAGS[name].kind is WrappingKind.THOUGHT:
        return Tag(WrappingKind.THOUGHT, True)  # </think without its bracket
    if "\n" in text or len(text) > _LONGEST:
        return Maybe.NO
    known = name in _TAGS or name == "turn" or _by_parts(name, "|" in inside) is not None
    may_be = known if core != name else bool(_NAME.fullmatch(core))
    return Maybe.WAIT if (may_be if core else len(text) < 5) else Maybe.NO


def _square(text: str, inside: str, name: str, whole: bool) -> Tag | Maybe:
    """[THINK] and [/INST] are tags, [thinking] is a stage direction."""
    closing = inside.startswith("/")
    if not whole:
        plain = inside.lstrip("/").lower()
        return Maybe.WAIT if any(tag.startswith(plain) for tag in _SQUARE) else Maybe.NO
    known = inside.lstrip("/").lower() in _SQUARE
    if not known or (text[0] in _FOR_WORDS and _TAGS[name].kind is not WrappingKind.THOUGHT):
        return Maybe.NO
    if not closing and name != "inst" and (text[0] in _FOR_WORDS or not inside.isupper()):
        return Tag(WrappingKind.PERHAPS, False, square=True) if name == "think" else Maybe.NO
    return Tag(_TAGS[name].kind, closing, square=True)


def _by_parts(name: str, barred: bool) -> Tag | None:
    """What no list has: `<internal_thought>`, `<api_call>` or `<user_input>` by the words in it, `<|prompter|>` or
    `<|endofuser|>` too if it has bars.
    """
    words = _WORD.findall(name)
    kinds = [_PART[word] for word in words if word in _PART]
    closing = "end" in words or "stop" in words
    if WrappingKind.THOUGHT in kinds:
        return Tag(WrappingKind.THOUGHT, closing)
    if words and words[0] in _CALLED and "_" in name:
        return Tag(WrappingKind.TOOL, closing)
    if len(words) > 1 and words[0] in _OF_OTHERS and _SAYS.issuperset(words[1:]):
        return Tag(WrappingKind.VISITOR, False)
    if not (barred or name.startswith("_")) or not (kinds or closing):
        return None
    return Tag(WrappingKind.END if closing or WrappingKind.END in kinds else kinds[0], False)


_NOUN_FOLLOWS = re.compile(r"(?i)\b(?:an?|the|this|that|my|your|his|her|our|their|no|any|every|some|of)$")


def is_word(tag: Tag, text: str, before: str | None, quoted: bool) -> bool:
    """`a <user> walks in`, `I [think] so`, `the <answer> is` and all in code quotes are talk; `before` is None where
    nothing is said.
    """
    line = (before or "").rpartition("\n")[2]
    words = line.rstrip(" ")
    if tag.kind is WrappingKind.PERHAPS:
        return quoted or bool(words) or before is None
    if quoted or before is None or not text[1].isalpha() or not line.endswith(" "):
        return quoted
    if tag.kind in (WrappingKind.VISITOR, WrappingKind.OURS):
        return words[-1:].isalnum()
    return tag.kind in (WrappingKind.ANSWER, WrappingKind.TOOL) and bool(_NOUN_FOLLOWS.search(words))


_MARKUP = r"[\s*_#>(\d.)\-]*"
_THINKS = """thinking process|thought process|thinking|thought|thoughts|my thoughts|my thinking|my thinking process
    |my thought process|reasoning|my reasoning|reasoning process|internal monologue|inner monologue
    |internal thoughts|inner thoughts|internal reasoning|chain of thought|chain-of-thought|scratchpad
    |here is my thought process|here's my thought process|here is my thinking process|here's my thinking process
    |here is a thinking process|here's a thinking process|here is my reasoning|here's my reasoning"""
_PLANS = """plan|my plan|analysis|my analysis|strategy|my strategy|approach|my approach|notes|note to self|draft
    |internal|rationale|reflection|considerations|intent|goal|context|deliberation"""
_ACTS = """action|action input|action_input|observation|tool|tool name|tool call|tool_call|function call|function_call
    |tool input|function|function name|arguments|parameters|calling tool|calling function|tool use|using tool
    |api call|input"""


def _labels(text: str) -> frozenset[str]:
    return frozenset(" ".join(label.split()) for label in text.split("|"))


PLANS = _labels(_PLANS)
"""Labels of a thought only where that of an answer follows."""
SAID = PLANS | _labels("thinking|thought|thoughts|my thoughts|reasoning|my reasoning")
"""Labels that people use as well."""
THINKS = _labels(_THINKS) | PLANS
ACTS = _labels(_ACTS)
_LABELS = THINKS | ACTS
_ANSWERS = r"""(?:my |the )?(?:final |spoken )?(?:answer|response|reply|output)|final|here(?: i|['’])s (?:my|the)
 (?:final )?(?:answer|response|reply)""".replace("\n", "")


_STEP = re.compile(r"(?<=[a-z]) ?\d{1,2}(?=:|$)")
"""The number in "Thought 1:"."""


def label(line: str) -> str | Maybe:
    """Which of THINKS or ACTS a line begins with; a heading of a thought may do without its colon."""
    start = line[: len(line) - len(re.sub(rf"^{_MARKUP}", "", line))]
    plain = _STEP.sub(" ", line[len(start) :].replace("’", "'").replace("_", " ").casefold())
    name, colon, _ = plain.partition(":")
    name = name.rstrip("*_ \t")
    if colon and re.search(r"(?<!\*)\*$|\($", start):
        return Maybe.NO  # *Thinking: a pun* is a stage direction
    if colon:
        return name if name in _LABELS else Maybe.NO
    if name.endswith("\n") or "\n" in plain:
        heading = ("#" in start or "**" in start or plain.strip().endswith(("...", "…"))) and plain.strip(
            "*_ .…\n"
        ) in THINKS
        return plain.strip("*_ .…\n") if heading else Maybe.NO
    if not plain:
        return Maybe.WAIT if len(line) < 12 else Maybe.NO
    bare = name.rstrip(".…")
    whole = bare in _LABELS and not plain[len(bare) :].strip("*_ .…")
    return Maybe.WAIT if whole or any(known.startswith(plain) for known in _LABELS) else Maybe.NO


def answer_label(name: str) -> re.Pattern[str]:
    """Ends a thought in prose: "Final answer:" at a line's start or, with a capital letter, behind a sentence; also as
    a heading.
    """
    own = "|".join([_ANSWERS, *([re.escape(name)] if name else [])])
    heading = rf"\n\s*(?:#{{1,6}}\s+|\*\*)\W*(?i:{own})[*_ ]*\n"
    return re.compile(rf"(?:(?:(?:^|\n){_MARKUP}|[.!?…}})\]*]\s+\W*(?=[A-Z]))(?i:{own})[*_ ]*:|{heading})$")
