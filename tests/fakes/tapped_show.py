"""The real console, but for two things: all that its speaker plays is also written to $GALACTUS_TAP as s16, and lines
are as loud as the voice made them, so that each of its samples is known again.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from conversation.audio import SILENCE, Samples
from conversation.speech import speech_player
from conversation.speech.loudness import Leveller
from devices.audio import audio_devices
from devices.audio.switching import SwitchingSpeaker

TAP = os.open(os.environ["GALACTUS_TAP"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


class TappedSpeaker(SwitchingSpeaker):
    def pull(self, count: int, at: float) -> Samples:
        out = super().pull(count, at)
        os.write(TAP, out.tobytes())
        return out


class Untouched(Leveller):
    def feed(self, pcm: Samples) -> Samples:
        return pcm

    def end_line(self) -> Samples:
        return SILENCE


if __name__ == "__main__":
    setattr(audio_devices, "SwitchingSpeaker", TappedSpeaker)  # noqa: B010 - no other door, and none is wanted
    setattr(speech_player, "Leveller", Untouched)  # noqa: B010
    from console.cli.main import main

    sys.exit(main())
