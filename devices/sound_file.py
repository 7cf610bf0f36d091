"""Sound files of any kind to 16 kHz mono s16, with one plain line for those that are not."""

from io import BytesIO
from pathlib import Path

import numpy as np
import soxr

from conversation.audio import HEARING_RATE, Samples
from devices.errors import DeviceError

MAX_S = 30.0
_MAX_BYTES = 64 << 20


def read_sound(path: Path, max_s: float = MAX_S) -> Samples:
    """What `path` holds, whatever its rate, channels, depth or (by content) format.

    Raises DeviceError for a missing, empty, zero-frame, cut-off, too long or non-audio file.
    """
    name = path.name
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise DeviceError(name, "the file is larger than 64 MB", f"give a question of at most {max_s:g} s")
        data = path.read_bytes()
    except FileNotFoundError:
        raise DeviceError(name, "there is no such file", f"looked for {path}") from None
    except OSError as error:
        raise DeviceError(name, f"the file cannot be read ({error.strerror})") from None
    if not data:
        raise DeviceError(name, "the file is empty", "record the question again")
    return decode(name, data, max_s)


def decode(name: str, data: bytes, max_s: float = MAX_S) -> Samples:
    """`data` as 16 kHz mono samples. Raises DeviceError as `read_sound` does."""
    import soundfile  # with libsndfile 4 MB: only those who read files pay

    try:
        with soundfile.SoundFile(BytesIO(data)) as file:
            rate, frames = file.samplerate, file.frames
            if frames == 0:
                raise DeviceError(name, "the file holds no sound (zero frames)", "record the question again")
            if frames / rate > max_s:
                hint = f"cut it to {max_s:g} s or less"
                raise DeviceError(name, f"the sound lasts {frames / rate:.0f} s, more than a question may", hint)
            sound = file.read(dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        why = str(error.error_string).rstrip(".")
        raise DeviceError(
            name, f"the file is not sound that can be read ({why})", "give a WAV, FLAC, OGG or MP3"
        ) from None
    _refuse_cut_off(name, data, len(sound), frames)
    mono = np.nan_to_num(sound.mean(axis=1), posinf=0.0, neginf=0.0)
    heard = soxr.resample(mono, rate, HEARING_RATE) if rate != HEARING_RATE else mono
    samples: Samples = np.clip(np.round(heard * 32767.0), -32768, 32767).astype(np.int16)
    return samples


def _refuse_cut_off(name: str, data: bytes, got: int, promised: int) -> None:
    """A WAV whose header promises more than the file holds was cut; half a question would get half an answer."""
    short = got < promised
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE" and not short:
        at = data.find(b"data", 12)
        size = int.from_bytes(data[at + 4 : at + 8], "little") if at > 0 else 0
        short = at > 0 and size not in (0, 0xFFFFFFFF) and at + 8 + size > len(data) + 1
    if short:
        raise DeviceError(name, "the file was cut off before its end", "copy or record it again")
