"""The real console, but for one thing: all that its speaker plays is also written to $GALACTUS_TAP as s16."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from conversation.audio import Samples
from devices import audio_devices
from devices.switching import SwitchingSpeaker

TAP = os.open(os.environ["GALACTUS_TAP"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


class TappedSpeaker(SwitchingSpeaker):
    def pull(self, count: int, at: float) -> Samples:
        out = super().pull(count, at)
        os.write(TAP, out.tobytes())
        return out


if __name__ == "__main__":
    setattr(audio_devices, "SwitchingSpeaker", TappedSpeaker)  # noqa: B010 - no other door, and none is wanted
    from console.cli import main

    sys.exit(main())
