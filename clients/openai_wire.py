"""What servers of the OpenAI chat protocol say: chunks of a stream, or one whole answer, in the shapes seen in life."""

import re
from typing import Any

import msgspec
from msgspec import Struct

from conversation.events import ModelFigures

_LINE_END = re.compile(rb"\r\n|\n|\r(?!\Z)")
_BOM = b"\xef\xbb\xbf"


class ContentPart(Struct):
    """One of several of which a content may be made; those of thoughts have no text of their own."""

    type: str = ""
    text: str | None = None


class MessageDelta(Struct):
    """A delta, or a whole message."""

    content: str | list[ContentPart | str] | None = None
    refusal: str | None = None
    reasoning_content: Any = None
    reasoning: Any = None
    thinking: Any = None
    reasoning_details: Any = None

    @property
    def text(self) -> str:
        parts = self.content if isinstance(self.content, list) else [self.content or self.refusal or ""]
        texts = (p if isinstance(p, str) else p.text if p.type in ("", "text", "output_text") else "" for p in parts)
        return "".join(t or "" for t in texts)

    @property
    def thinks(self) -> bool:
        """Thoughts in a channel of their own, under any of the names in use; empty ones are none."""
        parts = self.content if isinstance(self.content, list) else []
        inside = any(isinstance(p, ContentPart) and p.type in ("thinking", "reasoning") for p in parts)
        named = (self.reasoning_content, self.reasoning, self.thinking, self.reasoning_details)
        return inside or any(bool(n.strip() if isinstance(n, str) else n) for n in named)


class Choice(Struct):
    delta: MessageDelta | None = None
    message: MessageDelta | None = None
    text: str | None = None
    finish_reason: Any = None


class Timings(Struct):
    """llama.cpp's own figures; other servers leave them out."""

    cache_n: int = 0
    prompt_n: int = 0
    predicted_n: int = 0
    predicted_per_second: float | None = None


class Chunk(Struct):
    choices: list[Choice] | None = None
    timings: Any = None
    error: Any = None
    object: Any = None
    message: Any = None

    @property
    def choice(self) -> Choice:
        return self.choices[0] if self.choices else Choice()

    @property
    def text(self) -> str:
        said = self.choice.delta or self.choice.message
        return (said.text if said else "") or self.choice.text or ""

    @property
    def thinks(self) -> bool:
        said = self.choice.delta or self.choice.message
        return said is not None and said.thinks

    @property
    def finish(self) -> str:
        """Why it ended; "" while it goes on. A message that comes whole has come to its end."""
        if self.choice.finish_reason:
            return str(self.choice.finish_reason)
        return "stop" if self.choice.message is not None else ""

    @property
    def trouble(self) -> Any:
        """An error in the midst of a success."""
        return self.error or (self.message if self.object == "error" else None)

    @property
    def figures(self) -> ModelFigures | None:
        try:
            timings = msgspec.convert(self.timings, Timings)
        except msgspec.ValidationError:
            return None  # another server's, of another meaning
        prompt, speed = timings.cache_n + timings.prompt_n, timings.predicted_per_second
        return ModelFigures(
            tokens_per_s=round(speed, 1) if speed is not None and timings.predicted_n > 1 else None,
            kv_hit=round(timings.cache_n / prompt, 3) if prompt else None,
        )


_CHUNK = msgspec.json.Decoder(Chunk)
ALIVE = Chunk(object="comment")
"""No chunk at all: a line that only keeps the connection open."""
DONE = Chunk(choices=[Choice(finish_reason="done")])


class ChunkReader:
    """Bytes as they come to chunks: server-sent events of any line end, JSON lines, or one JSON text on many lines."""

    def __init__(self) -> None:
        self._rest, self._held, self._event = b"", b"", b""
        self._bare = False
        """The lines are those of a JSON text, without `data:` before each."""

    def feed(self, data: bytes) -> list[Chunk]:
        """Raises ValueError for what is no JSON."""
        *lines, self._rest = _LINE_END.split(self._rest + data)
        return [chunk for line in lines if (chunk := self._line(line)) is not None]

    def end(self) -> list[Chunk]:
        """What the last line, which has no end, says."""
        chunks = self.feed(b"\n")
        if self._held:
            raise ValueError("cut off")
        return chunks

    def _line(self, line: bytes) -> Chunk | None:
        line = line.removeprefix(_BOM)
        if self._bare or line.lstrip().startswith(b"{"):
            self._bare = True
            return self._data(line)
        name, _, value = line.partition(b":")
        value = value.strip()
        match name:
            case b"" if line:
                return ALIVE
            case b"event":
                self._event = value
            case b"error":
                return Chunk(error=value.decode("utf-8", "replace"))
            case b"data":
                return self._data(value)
            case b"" if self._held:
                raise ValueError("no JSON")
            case b"":
                self._event = b""
        return None

    def _data(self, value: bytes) -> Chunk | None:
        if value == b"[DONE]":
            return DONE
        if self._event == b"error":
            return Chunk(error=value.decode("utf-8", "replace"))
        if not self._held and value[:1] not in (b"{", b"["):
            return ALIVE if value else None
        self._held += value
        try:
            chunk = _CHUNK.decode(self._held)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._held += b"\n"  # it may go on in the next line
            return None
        self._held, self._bare = b"", False
        return chunk
