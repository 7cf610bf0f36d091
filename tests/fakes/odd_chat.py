"""Servers of the OpenAI chat protocol with the manners that real ones have: what they refuse, how they answer."""

import gzip
import json
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

from tests.fakes.http_server import Asked, Script, head

TEXT = "I am Mr. Bones, at your sérvice! Ask me anything."
Refusal = tuple[int, bytes]
Refuses = Callable[[dict[str, Any]], Refusal | None]
Answers = Callable[[dict[str, Any]], bytes]


def words() -> list[str]:
    return re.findall(r"\s*\S+", TEXT)


def event(delta: Any, finish: str | None = None) -> bytes:
    chunk = {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
    return b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\n\n"


def events() -> bytes:
    first = event({"role": "assistant", "content": None})
    return first + b"".join(event({"content": w}) for w in words()) + event({}, "stop")


def streamed(asked: dict[str, Any]) -> bytes:
    """As it should be: a stream when one was asked for, else one answer."""
    if not asked.get("stream"):
        return at_once(asked)
    return head() + events() + b"data: [DONE]\n\n"


def at_once(asked: dict[str, Any]) -> bytes:
    message = {"role": "assistant", "content": TEXT}
    body = json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]}).encode()
    return head(200, "application/json", Content_Length=str(len(body))) + body


def raw(body: bytes, kind: str = "text/event-stream", **headers: str) -> Answers:
    return lambda asked: head(200, kind, **headers) + body


def packed(asked: dict[str, Any]) -> bytes:
    return head(200, Content_Encoding="gzip") + gzip.compress(events())


def thinking(obeys: Callable[[dict[str, Any]], bool], key: str = "reasoning_content", ends: bool = False) -> Answers:
    """Thinks unless it is asked as it `obeys`; with `ends` it answers afterwards, if there is room."""

    def answer(asked: dict[str, Any]) -> bytes:
        if obeys(asked):
            return streamed(asked)
        thoughts = b"".join(event({key: f"hmm{n} "}) for n in range(80))
        if ends and asked.get("max_tokens", 0) > 500:
            return head() + thoughts + events()
        return head() + thoughts + event({}, "length") + b"data: [DONE]\n\n"

    return answer


def aloud(asked: dict[str, Any]) -> bytes:
    """Thoughts in the text itself, unless the template is told to have none."""
    if asked.get("chat_template_kwargs", {}).get("enable_thinking") is False:
        return streamed(asked)
    return head() + b"".join(event({"content": w}) for w in ["<th", "ink>\n", *["Hmm, "] * 80]) + event({}, "length")


def said(message: str, status: int = 400) -> Refusal:
    return status, json.dumps({"error": {"message": message, "code": status, "type": "invalid_request_error"}}).encode()


def alternating(asked: dict[str, Any]) -> Refusal | None:
    talk = [m["role"] for m in asked["messages"] if m["role"] != "system"]
    if any(role != ("user", "assistant")[n % 2] for n, role in enumerate(talk)):
        return said("Jinja Exception: Conversation roles must alternate user/assistant/user/assistant/...", 500)
    return None


def no_system(refusal: Refusal) -> Refuses:
    return lambda asked: refusal if any(m["role"] == "system" for m in asked["messages"]) else None


def without(refusal: Refusal, *fields: str) -> Refuses:
    return lambda asked: refusal if any(f in asked for f in fields) else None


def pydantic(asked: dict[str, Any]) -> Refusal | None:
    known = {"model", "messages", "stream", "max_tokens", "temperature", "top_p"}
    wrong = [
        {"type": "extra_forbidden", "loc": ["body", k], "msg": "Extra inputs are not permitted"}
        for k in asked.keys() - known
    ]
    return (422, json.dumps({"detail": wrong}).encode()) if wrong else None


def never(asked: dict[str, Any]) -> None:
    return None


class OddChat:
    """A script for `serving`, of which everything may change in the midst of a show."""

    def __init__(
        self,
        answers: Answers = streamed,
        refuses: Refuses = never,
        *,
        paths: tuple[str, ...] = ("/v1/chat/completions",),
        elsewhere: Refusal = (404, b'{"error": {"message": "File Not Found", "code": 404}}'),
        models: tuple[str, ...] = ("text-embedding-x", "fake"),
        health: int = 200,
    ) -> None:
        self.answers, self.refuses, self.paths, self.elsewhere = answers, refuses, paths, elsewhere
        self.models, self.health = models, health
        self.parsed = True
        """Whether questions are JSON."""
        self.asked: list[dict[str, Any]] = []

    async def __call__(self, asked: Asked) -> AsyncIterator[bytes]:
        if asked.path.endswith("/health"):
            yield reply(self.health, b"{}")
        elif asked.path in [p.replace("chat/completions", "models") for p in self.paths if "chat" in p]:
            listed = [{"id": model, "object": "model"} for model in self.models]
            yield reply(200, json.dumps({"object": "list", "data": listed}).encode())
        elif asked.path not in self.paths or not asked.body:
            yield reply(*self.elsewhere)
        else:
            question = asked.json if self.parsed else {}
            self.asked.append(question)
            refusal = self.refuses(question)
            yield reply(*refusal) if refusal else self.answers(question)


def reply(status: int, body: bytes, **headers: str) -> bytes:
    """No answer at all for the status 0: the connection just ends."""
    return head(status, "application/json", Content_Length=str(len(body)), **headers) + body if status else b""


_: Callable[..., Script] = OddChat
