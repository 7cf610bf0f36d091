"""The best of several channels: of a stereo pair one may be dead, inverted or full of hum, of an array all but one.

Two channels are never added: a voice that is in both upside down would be gone. What counts is how far a channel rises
above its own floor, between 200 Hz and 4 kHz, in frames of 20 ms; so hum and hiss, however loud, are no voice.
"""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from conversation.audio import HEARING_RATE, Samples, quantile

Block = NDArray[np.int16]
"""16 kHz samples, shape (samples, channels)."""
_FRAME = HEARING_RATE // 50
_DEAD_DB, _QUIET_DB = -80.0, -65.0
"""What is below the first is no sound at all; a voice is measured against the second at least."""
_SPEECH_DB, _BETTER_DB, _DEAF_DB = 10.0, 6.0, 3.0
"""Above its floor: that is somebody; so much more and another channel is better; so little and it hears nothing."""
_FLOOR_FRAMES = 100
"""Of 2 s, in which everybody takes breath."""
_DEAF_FRAMES, _PAUSE_FRAMES = 6, 10
_FADE = HEARING_RATE // 100
_MEMORY = 0.9
"""Per frame of speech: a score follows within 200 ms."""
_BINS = slice(200 * _FRAME // HEARING_RATE, 4000 * _FRAME // HEARING_RATE)
_WINDOW = np.hanning(_FRAME).astype(np.float32) / 32768.0
_SAME_DB = 1.0


class ChannelPicker:
    """For a stream. Within a word it stays with its channel unless that hears nothing at all; a change is faded."""

    def __init__(self, count: int) -> None:
        self.count, self.channel = count, 0
        """The one in use."""
        self._decided = False
        self._rest: Block = np.zeros((0, count), np.int16)
        self._floors: deque[NDArray[np.float64]] = deque(maxlen=_FLOOR_FRAMES)
        self._scores = np.zeros(count)
        self._deaf, self._quiet = 0, _PAUSE_FRAMES

    def feed(self, block: Block) -> Samples:
        """As many samples as `block` has."""
        if self.count == 1:
            return block[:, 0].copy()
        before = self.channel
        known = np.concatenate((self._rest, block))
        whole = len(known) // _FRAME * _FRAME
        self._rest = known[whole:].copy()
        for level in levels(known[:whole]):
            self._note(level)
        return _joined(block, before, self.channel)

    def _note(self, level: NDArray[np.float64]) -> None:
        self._floors.append(level)
        above = level - np.maximum(np.min(self._floors, axis=0), _QUIET_DB)
        speech = float(above.max()) >= _SPEECH_DB
        self._quiet = 0 if speech else self._quiet + 1
        if not self._decided:
            self._begin(level, above, speech)
        elif speech:
            self._follow(above)
        elif self._quiet == _PAUSE_FRAMES:
            self.channel = self._best(_BETTER_DB)

    def _begin(self, level: NDArray[np.float64], above: NDArray[np.float64], speech: bool) -> None:
        """The first who speaks decides. Until then the quietest that has a room around it: no dead one, no hum."""
        if speech:
            self._decided, self._scores = True, above
            self.channel = self._best(_DEAF_DB)
        else:
            alive = np.where(level > _DEAD_DB, level, np.inf)
            if alive.min() < alive[self.channel] - _BETTER_DB:
                self.channel = int(alive.argmin())

    def _follow(self, above: NDArray[np.float64]) -> None:
        """Somebody speaks."""
        self._scores = _MEMORY * self._scores + (1 - _MEMORY) * above
        deaf = above[self.channel] < _DEAF_DB and above.max() >= _SPEECH_DB + _DEAF_DB
        self._deaf = self._deaf + 1 if deaf else 0
        if self._deaf >= _DEAF_FRAMES:
            self.channel, self._deaf, self._scores = int(above.argmax()), 0, above

    def _best(self, margin_db: float) -> int:
        best = int(self._scores.argmax())
        return best if self._scores[best] > self._scores[self.channel] + margin_db else self.channel


def best_of(sound: Block) -> Samples:
    """Of a whole recording, known before its first word: for each stretch of speech the channel that has it."""
    if sound.shape[1] == 1:
        return sound[:, 0].copy()
    level = levels(sound)
    floors = [quantile(column, 0.1) for column in level.T] if len(level) else []
    above = level - np.maximum(floors, _QUIET_DB) if len(level) else level
    speech = np.flatnonzero(above.max(axis=1, initial=0.0) >= _SPEECH_DB)
    if not len(speech):
        return sound[:, _first_best(level.mean(axis=0)) if len(level) else 0].copy()
    usual = _first_best(above[speech].mean(axis=0))
    cuts = [(0, usual)]
    for stretch in np.split(speech, np.flatnonzero(np.diff(speech) > _PAUSE_FRAMES) + 1):
        score = above[stretch].mean(axis=0)
        best = int(score.argmax()) if score.max() > score[usual] + _BETTER_DB else usual
        cuts.append((max(0, int(stretch[0]) - _PAUSE_FRAMES // 2) * _FRAME, best))
    ends = [begin for begin, _ in cuts[1:]] + [len(sound)]
    before = [cuts[0][1], *(channel for _, channel in cuts)]
    parts = zip(cuts, ends, before, strict=False)
    return np.concatenate([_joined(sound[at:end], old, channel) for (at, channel), end, old in parts])


def levels(block: Block) -> NDArray[np.float64]:
    """In dB of full scale, shape (frames, channels); what is below -80 dB counts as that."""
    frames = block[: len(block) // _FRAME * _FRAME].reshape(-1, _FRAME, block.shape[1])
    spectrum = np.fft.rfft(frames * _WINDOW[:, None], axis=1)[:, _BINS]
    power = np.square(np.abs(spectrum)).sum(axis=1) * (2 / (_FRAME * float(np.square(np.hanning(_FRAME)).sum())))
    return np.asarray(np.maximum(_DEAD_DB, 10 * np.log10(power + 1e-12)), np.float64)


def _first_best(scores: NDArray[np.float64]) -> int:
    return int(np.argmax(scores >= scores.max() - _SAME_DB))


def _joined(block: Block, before: int, after: int) -> Samples:
    """`block` of the one channel, faded from another."""
    out: Samples = block[:, after].copy()
    fade = min(_FADE, len(out)) if before != after else 0
    if fade:
        rise = np.linspace(0.0, 1.0, fade, dtype=np.float32)
        out[:fade] = block[:fade, before] * (1 - rise) + block[:fade, after] * rise
    return out
