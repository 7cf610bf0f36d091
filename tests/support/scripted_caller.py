"""A program: the console, whose recorded visitor asks and then keeps quiet for 25 s, so that only a hand ends it."""

import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile

from console.cli.main import main
from devices.audio import audio_devices
from devices.audio.microphone_clip import recorded_visitors

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        sound, rate = soundfile.read(recorded_visitors()[0], dtype="int16")
        clip = Path(folder) / "visitor.flac"
        soundfile.write(clip, np.concatenate((sound, np.zeros(25 * rate, np.int16))), rate)
        vars(audio_devices)["recorded_visitors"] = lambda: [clip]
        sys.exit(main())
