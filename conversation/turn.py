"""One exchange with a visitor: listen, transcribe, think, speak; every stage overlaps the next where it can."""

import asyncio
import logging
import re
from collections.abc import Sequence

from msgspec import structs

from conversation import prompt
from conversation.answer import SpokenAnswer, pick
from conversation.audio import HEARING_RATE, SILENCE, Samples, seconds
from conversation.errors import ConversationError
from conversation.events import Marks, TranscriptReady, TurnEnded, TurnStarted
from conversation.ports import Microphone, Recording, SpeechDetector
from conversation.stages import Outcome, Stage
from conversation.turn_context import Request, TurnContext, TurnDependencies

_LOG = logging.getLogger(__name__)
MIN_SPEECH_S = 0.3
"""Less is a click or a cough, and whisper invents words for it."""
SURE_SPEECH_S = 0.15
"""Unless so much of it is speech beyond doubt: "Hi!" is 0.29 s. Of 174 presses of mere noise (bells, laughter, music,
doors, a cafe, coughs) none with less than MIN_SPEECH_S has more than 0.13."""
_FASTEST = 8
"""Words in a second of speech; of more, said again and again, whisper has run away on a short word."""
_ECHO_S = 2.0
"""A room, and a speaker that is late by itself, can give our own sound back for so long after it ended; no longer."""
_LISTEN_POLL_S = 0.04
_NO_SPEECH = "LISTENING: no speech was heard; speak closer to the microphone while the button is held"
_OWN_VOICE = "LISTENING: only the character's own last line was heard; press when the speaker has fallen silent"


class Turn:
    """Runs one request to its end. `run` never raises but for cancellation, which is an interruption."""

    def __init__(self, number: int, request: Request, hands: TurnDependencies) -> None:
        self.request, self.hands = request, hands
        self.context = TurnContext(number, request, hands)
        self.transcript = ""
        self.answer: SpokenAnswer | None = None
        self.began = False

    async def run(self) -> tuple[TurnEnded, Samples]:
        """The turn's end and the samples that were heard (at the speaker's rate)."""
        self.began = True
        asked = self.request
        number = self.context.number
        self.hands.emit(TurnStarted(turn=number, source=asked.source, holder=asked.holder, text=asked.text))
        try:
            if self.request.abandoned:
                raise asyncio.CancelledError
            await self._converse()
        except asyncio.CancelledError:
            self.context.outcome, self.context.failed_stage = Outcome.INTERRUPTED, self.context.stage
        except Exception:  # a fault of ours must cost one turn, never the show
            _LOG.exception("turn %d", number)
            ours = ConversationError(self.context.stage, "an error inside the show", "see show.log")
            self.context.fail(ours, Outcome.FAILED)
        finally:
            self.hands.player.cancel()
            ended = self._ended()
            self._remember(ended)
            self.hands.emit(ended)
            self.context.enter(Stage.IDLE)
        return ended, self.answer.utterance.heard_samples() if self.answer else SILENCE

    def _remember(self, ended: TurnEnded) -> None:
        """What was heard joins the history; of a canned line only that we said it, so that its echo is known."""
        if self.answer is not None and self.answer.thought:
            self.hands.history.add(self.transcript, self.answer.heard())
        if ended.heard:
            self.hands.history.last_line = ended.heard

    async def _converse(self) -> None:
        if self.request.source == "say":
            self.context.mark("release", self.request.pressed_at)
            await self._say([self.request.text])
            return
        async with asyncio.TaskGroup() as background:
            primer = background.create_task(self._prime())
            question = await self._question()
            if question:
                self.transcript = question
                self.answer = SpokenAnswer(self.context, question)
                await self.answer.run()
            primer.cancel()

    async def _question(self) -> str:
        if self.request.microphone is None:
            self.context.mark("release", self.request.pressed_at)
            return self.request.text.strip()
        try:
            return await self._hear(self.request.microphone)
        except ConversationError as error:
            self.context.fail(error, Outcome.FAILED)
            await self._say(pick(self.hands.character.lines.no_stt))
            return ""

    async def _prime(self) -> None:
        """Have the model read head and history while the visitor speaks; a failure shows when it matters. With the
        question already there it would only stand in its way: one slot, one request after another.
        """
        llm = self.hands.engines.llm()
        if llm is None or self.request.microphone is None:
            return
        try:
            await llm.prime(prompt.messages(self.hands.character, self.hands.history, ""))
        except ConversationError:
            return

    async def _hear(self, microphone: Microphone) -> str:
        self.context.enter(Stage.LISTENING)
        since_own_voice = asyncio.get_running_loop().time() - self.hands.player.silent_since
        pre_roll_s = max(0.0, min(self.hands.audio.pre_roll_ms / 1000, since_own_voice))
        recording = microphone.record(pre_roll_s)
        try:
            ear = _Ear(self.hands.detector, asyncio.get_running_loop().time() - pre_roll_s)
            await self._listen(recording, ear)
            self.context.mark("release")
            if recording.first_sample_at is not None:
                self.context.mark("first_mic", max(recording.first_sample_at, self.request.pressed_at))
            return await self._transcribe(recording, ear)
        finally:
            recording.close()

    async def _listen(self, recording: Recording, ear: "_Ear") -> None:
        """Until release, the end of the recording, or the longest hold; the speech check runs along."""
        async with asyncio.TaskGroup() as group:
            waits = [group.create_task(self.request.released.wait()), group.create_task(recording.ended())]
            deadline = asyncio.get_running_loop().time() + self.hands.audio.max_hold_s
            while not any(w.done() for w in waits) and asyncio.get_running_loop().time() < deadline:
                await asyncio.wait(waits, timeout=_LISTEN_POLL_S, return_when=asyncio.FIRST_COMPLETED)
                ear.feed(recording.pcm())
                if self._finished_speaking(ear):
                    break
            for wait in waits:
                wait.cancel()
        self.request.released.set()  # however it came about: a hand that comes up later ends nothing

    def _finished_speaking(self, ear: "_Ear") -> bool:
        audio = self.hands.audio
        wanted = audio.end_of_speech and self.request.source == "button"
        return wanted and ear.enough and ear.quiet_s >= audio.end_of_speech_ms / 1000

    async def _transcribe(self, recording: Recording, ear: "_Ear") -> str:
        """What is buffered goes out at once; the tail is recorded meanwhile and counts only if it holds speech."""
        self.context.enter(Stage.TRANSCRIBING)
        pcm = recording.pcm()
        before = ear.feed(pcm)
        tail_s = 0.0 if self.request.source == "wav" else self.hands.audio.tail_ms / 1000
        tail_ends = asyncio.get_running_loop().time() + tail_s
        text = await self._words(pcm) if ear.enough else ""
        await asyncio.sleep(tail_ends - asyncio.get_running_loop().time())
        longer = recording.pcm()
        if tail_s and ear.feed(longer) - before > 0.06 and ear.enough:
            pcm, text = longer, await self._words(longer)
        self.context.mark("stt_final")
        text = once(text, ear.speech_s)
        self.hands.emit(TranscriptReady(turn=self.context.number, text=text, seconds=seconds(pcm, HEARING_RATE)))
        echo = self._is_echo(text, ear)
        if any(c.isalnum() for c in text) and not echo:
            return text
        self.context.outcome, self.context.failed_stage = Outcome.UNHEARD, Stage.LISTENING
        self.context.message = _OWN_VOICE if echo else _NO_SPEECH
        await self._say(pick(self.hands.character.lines.unheard))
        return ""

    def _is_echo(self, text: str, ear: "_Ear") -> bool:
        """Whether a live microphone gave back what we had just said: the same words, over before any echo of ours could
        have been. A visitor who says them later, or in a recording, means them.
        """
        live = self.request.source == "button" and not getattr(self.request.microphone, "simulated", False)
        in_time = ear.speech_until <= self.hands.player.silent_since + _ECHO_S
        return live and in_time and _same(text, self.hands.history.last_line)

    async def _words(self, pcm: Samples) -> str:
        if (exchange := self.hands.engines.exchange("stt")) is not None:
            await exchange
        engine = self.hands.engines.stt()
        if engine is None:
            raise ConversationError(Stage.TRANSCRIBING, "the speech recogniser is not running", "type the question")
        limit = self.hands.deadlines.transcribing_s
        try:
            async with asyncio.timeout(limit):
                return await engine.transcribe(pcm)
        except TimeoutError:
            hint = self.hands.engines.revive("stt")
            raise ConversationError(Stage.TRANSCRIBING, f"no words after {limit:g} s", hint) from None

    async def _say(self, lines: Sequence[str]) -> None:
        """Fixed text in the character's voice: the operator's, or a canned line."""
        if lines:
            self.answer = SpokenAnswer(self.context, "")
            await self.answer.say(lines)

    def _ended(self) -> TurnEnded:
        ended = TurnEnded(
            turn=self.context.number,
            outcome=self.context.outcome,
            stage=self.context.failed_stage,
            message=self.context.message,
            transcript=self.transcript,
            marks=Marks(),
        )
        if self.answer is not None:
            ended = self.answer.describe(ended)
        return structs.replace(ended, marks=self.context.marks())


class _Ear:
    """Feeds a growing recording to the speech detector, each sample once, and adds up the speech."""

    def __init__(self, detector: SpeechDetector, began: float = 0.0) -> None:
        """`began`: monotonic s of the first sample."""
        self._detector, self._began = detector, began
        self._fed = 0
        self.speech_s = 0.0
        self.quiet_s = 0.0
        """Since speech was last heard."""
        self.speech_until = began
        """Monotonic s at which it was."""
        detector.reset()

    @property
    def enough(self) -> bool:
        """Whether whisper is worth asking; a detector that knows no doubt has no `sure_s`."""
        return self.speech_s >= MIN_SPEECH_S or getattr(self._detector, "sure_s", 0.0) >= SURE_SPEECH_S

    def feed(self, pcm: Samples) -> float:
        """Seconds of speech in all of `pcm`, of which the detector has seen the head before."""
        speech = self._detector.feed(pcm[self._fed :])
        self.quiet_s = 0.0 if speech else self.quiet_s + seconds(pcm[self._fed :], HEARING_RATE)
        self.speech_s += speech
        self._fed = len(pcm)
        if speech:
            self.speech_until = self._began + seconds(pcm, HEARING_RATE)
        return self.speech_s


def once(text: str, speech_s: float) -> str:
    """`text` without what nobody can have said in that time: one word, or two, again and again."""
    words = text.split()
    plain = [re.sub(r"\W", "", word).lower() for word in words]
    if len(words) <= max(3.0, _FASTEST * speech_s):
        return text
    for length in (1, 2):
        if all(word == plain[at % length] for at, word in enumerate(plain)):
            return " ".join(words[:length])
    return text


def _same(heard: str, own: str) -> bool:
    """Whether we heard ourselves: the same words, whatever the punctuation."""
    plain = [re.sub(r"[^a-z0-9 ]", "", t.lower()).split() for t in (heard, own)]
    return bool(plain[0]) and plain[0] == plain[1]
