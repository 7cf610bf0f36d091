"""Sound files of any kind to 16 kHz mono s16, with one plain line for those that are not."""

from io import BytesIO
from pathlib import Path

import numpy as np
import soxr

from conversation.audio import HEARING_RATE, Samples
from devices.errors import DeviceError
from devices.sound.channels import best_of
from devices.sound.sound_decoder import ODD_OGG, as_wav, kind

MAX_S = 30.0
_MAX_BYTES = 64 << 20
_PIPED = 0x7FFF_0000
"""Programs that write a WAV into a pipe promise at least so much."""


def read_sound(path: Path, max_s: float = MAX_S) -> Samples:
    """What `path` holds, whatever its rate, channels, depth or (by content) format.

    Raises DeviceError for a missing, empty, zero-frame, cut-off, too long or non-audio file.
    """
    name = path.name
    try:
        if path.exists() and not path.is_file():
            raise DeviceError(name, "it is not a file", "give a WAV, FLAC, OGG or MP3")
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
    if (known := kind(data)) is not None:
        data = as_wav(name, data, known, max_s)
    elif data.startswith(b"OggS") and not _opens(data):  # some that write a header twice
        data = as_wav(name, data, ODD_OGG, max_s)
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
    except (soundfile.SoundFileError, RuntimeError, MemoryError, ValueError):
        why = ": the header of the WAV is damaged" if data[:4] in (b"RIFF", b"RIFX", b"RF64") else ""
        hint = "record it again, or give a WAV, FLAC, OGG or MP3"
        raise DeviceError(name, f"the file is not sound that can be read{why}", hint) from None
    _refuse_cut_off(name, data, len(sound), frames)
    sound = np.nan_to_num(sound, posinf=0.0, neginf=0.0)
    heard = soxr.resample(sound, rate, HEARING_RATE) if rate != HEARING_RATE else sound
    samples = best_of(np.clip(np.round(heard * 32767.0), -32768, 32767).astype(np.int16))
    if len(samples) == 0:
        raise DeviceError(name, "the file holds no sound (zero frames)", "record the question again")
    return samples


def _opens(data: bytes) -> bool:
    import soundfile

    try:
        with soundfile.SoundFile(BytesIO(data)):
            return True
    except (soundfile.SoundFileError, RuntimeError):
        return False


def _refuse_cut_off(name: str, data: bytes, got: int, promised: int) -> None:
    """A header that promises more than the file holds; half a question would get half an answer."""
    if got < promised or _wav_promises(data) > len(data) + 1:
        raise DeviceError(name, "the file was cut off before its end", "copy or record it again")


def _wav_promises(data: bytes) -> int:
    """Where the samples of a WAV should end; 0 if it is none, or was piped and its writer could not know."""
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        return 0
    at = 12
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] == b"data":
            return at + 8 + size if size < _PIPED else 0
        at += 8 + size + size % 2
    return 0
