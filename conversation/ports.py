"""What a turn needs from the world. Devices and clients fit these; tests bring their own."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any, Literal, Protocol

from msgspec import Struct

from conversation.audio import Samples
from conversation.events import JawFigures, ModelFigures


class Message(Struct, frozen=True):
    """One entry of a chat prompt."""

    role: Literal["system", "user", "assistant"]
    content: str


class Sampling(Struct, frozen=True, kw_only=True):
    """How the model picks its words."""

    temperature: float = 0.7
    top_p: float = 0.9
    repeat_penalty: float = 1.1
    seed: int = -1
    max_tokens: int = 80


class Recording(Protocol):
    """A microphone that is open for one visitor."""

    @property
    def first_sample_at(self) -> float | None:
        """Monotonic s of the first sample after the press; None until there is one."""

    def pcm(self) -> Samples:
        """All so far at 16 kHz, pre-roll included."""

    async def ended(self) -> None:
        """Returns when the source runs dry: a recorded visitor has spoken, a live microphone was pulled out."""

    def close(self) -> None: ...


class Microphone(Protocol):
    @property
    def name(self) -> str: ...

    def record(self, pre_roll_s: float) -> Recording:
        """Raises ConversationError(LISTENING) while there is no microphone."""


class SpeechDetector(Protocol):
    """Tells speech from noise. `reset` before a new recording."""

    def reset(self) -> None: ...

    def feed(self, pcm: Samples) -> float:
        """Seconds of speech among the new 16 kHz samples."""


class SpeechToText(Protocol):
    async def transcribe(self, pcm: Samples) -> str:
        """Words in 16 kHz samples, at most 30 s. Raises ConversationError(TRANSCRIBING)."""


class LanguageModel(Protocol):
    async def prime(self, messages: Sequence[Message]) -> None:
        """Put the prompt into the model's cache. Raises ConversationError(THINKING)."""

    def stream(
        self, messages: Sequence[Message], sampling: Sampling, on_figures: Callable[[ModelFigures], None]
    ) -> AsyncGenerator[str, None]:
        """Text as the model writes it; closing the iterator cancels. Raises ConversationError(THINKING)."""


class TextToSpeech(Protocol):
    @property
    def name(self) -> str: ...

    def speak(self, text: str, speed: float) -> AsyncGenerator[tuple[int, Samples], None]:
        """(rate in Hz, samples) as they are rendered. Raises ConversationError(SPEAKING)."""


class Engines(Protocol):
    """Those that can be used right now, looked up again for each stage of each turn."""

    def stt(self) -> SpeechToText | None: ...

    def llm(self) -> LanguageModel | None: ...

    def voices(self) -> Sequence[TextToSpeech]:
        """The character's voice first, then stand-bys."""

    def main_voice(self, voice: TextToSpeech) -> bool:
        """Whether this is the voice the rig wants, not a stand-by."""

    def revive(self, role: str) -> str:
        """What a person does when the engine of "stt", "llm" or "tts" is of no more use."""

    def exchange(self, role: str) -> Awaitable[Any] | None:
        """While the engine of "stt", "llm" or "tts" is being exchanged: done when there is one again, or none can be
        had. Else None.
        """


class Playback(Struct, frozen=True):
    """Where an utterance is: samples heard so far, and the monotonic s for which that holds."""

    generation: int
    position: int
    at: float
    running: bool
    """False in a gap and after the end: the position does not move then."""


class Speaker(Protocol):
    """One persistent output stream. A generation is one utterance; older ones can never be heard again."""

    @property
    def name(self) -> str: ...

    @property
    def rate(self) -> int: ...

    def begin(self, generation: int) -> None: ...

    def write(self, generation: int, pcm: Samples) -> None:
        """Queue samples; those of an older generation are dropped."""

    def finish(self, generation: int) -> None:
        """No more will come; `on_drained` follows when the last sample has been heard."""

    def cancel(self) -> int:
        """Fade out within 10 ms and forget the rest; samples heard so far."""

    def playback(self) -> Playback: ...

    def listen(
        self,
        on_first: Callable[[int, float], None] | None,
        on_drained: Callable[[int, float], None] | None,
    ) -> None:
        """Call back on the event loop with (generation, monotonic s of that sample at the DAC)."""


class Jaw(Protocol):
    """Follows the speaker's clock on its own thread."""

    def begin(self, generation: int) -> None: ...

    def track(self, generation: int, openings: Sequence[float]) -> None:
        """Openings 0..1, one per 20 ms, that follow those already given for this generation."""

    def cancel(self) -> None:
        """Close now."""

    def figures(self, generation: int) -> JawFigures: ...
