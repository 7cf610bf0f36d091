"""Every voice equally loud: a gain learned from its lines, a limiter that needs no delay, and soft ends."""

import numpy as np

from conversation.audio import SILENCE, Samples

FADE_S = 0.010
_BLOCK_S = 0.005
_LIKELY_PEAK = 0.7
"""Of full scale: what a voice is taken for until its first line has ended."""
_LARGEST_GAIN = 4.0
"""12 dB: more would be the noise of its making."""
_LEARNED_S = 0.4
"""A shorter line says little of how loud the voice is."""
_FORGET = 0.15
_RECOVER_PER_S = 1.6
"""4 dB a second: after a loud word the gain comes back too slowly to be heard as pumping."""


class VoiceGain:
    """How much louder one voice must be; outlives turns.

    The peak of a line moves what is learned at once when it is higher, by a seventh of the way when it is lower.
    """

    def __init__(self, peak_db: float) -> None:
        self.target = 10 ** (peak_db / 20)
        self._peak: float | None = None

    @property
    def gain(self) -> float:
        return min(_LARGEST_GAIN, self.target / (self._peak or _LIKELY_PEAK))

    def learn(self, peak: float, seconds: float) -> None:
        """`peak` 0 .. 1 of a whole line as the voice made it."""
        if peak <= 0.0 or (seconds < _LEARNED_S and peak <= (self._peak or _LIKELY_PEAK)):
            return
        if self._peak is None or peak > self._peak:
            self._peak = peak
        else:
            self._peak += (peak - self._peak) * _FORGET


class Leveller:
    """One utterance on its way to the speaker, at the speaker's rate. Within a line the gain stays, but that it yields
    to what would be too loud: blocks of 5 ms look ahead inside the chunk that is already there, so nothing waits.

    The last 10 ms of a chunk are kept back until more comes or the line ends, for they may have to fade.
    """

    def __init__(self, rate: int, voice: VoiceGain) -> None:
        self._rate, self._voice = rate, voice
        self._block = max(1, round(rate * _BLOCK_S))
        self._fade = max(1, round(rate * FADE_S))
        self._gain = voice.gain
        self._kept: Samples = SILENCE
        self._peak = 0.0
        self._count = self._faded = 0

    def feed(self, pcm: Samples) -> Samples:
        """What of the line may be played now."""
        if not len(pcm):
            return SILENCE
        self._peak = max(self._peak, int(np.max(np.abs(pcm.astype(np.int32)))) / 32768.0)
        loud = np.concatenate((self._kept, self._risen(self._levelled(pcm))))
        self._count += len(pcm)
        keep = max(0, len(loud) - self._fade)
        self._kept = loud[keep:]
        return loud[:keep]

    def end_line(self) -> Samples:
        """Its faded end; the next line begins again."""
        self._voice.learn(self._peak, self._count / self._rate)
        rest = self._kept * np.linspace(1.0, 0.0, len(self._kept), dtype=np.float32)
        self._begin()
        return rest.astype(np.int16)

    def _begin(self) -> None:
        self._gain = self._voice.gain
        self._kept = SILENCE
        self._peak = 0.0
        self._count = self._faded = 0

    def _risen(self, pcm: Samples) -> Samples:
        """The first 10 ms of a line rise from nothing."""
        count = min(self._fade - self._faded, len(pcm))
        if count <= 0:
            return pcm
        shape = np.arange(self._faded, self._faded + count, dtype=np.float32) / self._fade
        self._faded += count
        return np.concatenate(((pcm[:count] * shape).astype(np.int16), pcm[count:]))

    def _levelled(self, pcm: Samples) -> Samples:
        gains = self._gains(pcm)
        edges = np.minimum(np.arange(len(gains)) * self._block, len(pcm))
        shape = np.interp(np.arange(len(pcm)), edges, gains)
        limit = self._voice.target * 32767.0
        return np.clip(pcm * shape, -limit, limit).astype(np.int16)

    def _gains(self, pcm: Samples) -> list[float]:
        """At the edges of the blocks: no more than either neighbour can bear, and slow to come back. Only where a chunk
        begins with a peak louder than all before is there no room to yield: its first block is clipped to the target.
        """
        count = -(-len(pcm) // self._block)
        padded = np.zeros(count * self._block, np.float32)
        padded[: len(pcm)] = np.abs(pcm.astype(np.float32)) / 32768.0
        peaks = padded.reshape(count, self._block).max(axis=1)
        bearable = np.minimum(self._voice.gain, self._voice.target / np.maximum(peaks, 1e-6)).tolist()
        step = _RECOVER_PER_S ** (self._block / self._rate)
        gains = [self._gain if self._count else min(self._gain, bearable[0])]
        for here, following in zip(bearable, [*bearable[1:], bearable[-1]], strict=True):
            gains.append(min(here, following, gains[-1] * step))
        self._gain = gains[-1]
        return gains
