"""Sound that libsndfile does not read, by a program of this machine: what phones, messengers and browsers record.

Known by its content, never by its name. The program gets a file of ours, its format, and no leave to open another.
"""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from msgspec import Struct

from devices.errors import DeviceError

_PATIENCE_S = 30.0
_MOST_BYTES = 64 << 20
_HINT = "install ffmpeg, or convert it to WAV"
_CODECS = (
    (rb"samr", "AMR"),
    (rb"sawb", "AMR"),
    (rb"mp4a|A_AAC", "AAC"),
    (rb"alac", "Apple Lossless"),
    (rb"ac-3|A_AC3", "Dolby Digital"),
    (rb"ec-3|A_EAC3", "Dolby Digital Plus"),
    (rb"Opus|A_OPUS", "Opus"),
    (rb"A_VORBIS", "Vorbis"),
    (rb"fLaC|A_FLAC", "FLAC"),
)
_CODECS_WITHIN = 1 << 20
"""Of a file, at its begin or end."""


class SoundFormat(Struct, frozen=True):
    words: str
    """"AAC in an MP4 file"."""
    demuxer: str
    """ffmpeg's name of it."""


ODD_OGG = SoundFormat("an unusual Ogg file", "ogg")
"""One that libsndfile knows and does not read."""


def kind(data: bytes) -> SoundFormat | None:
    """What it is, of those that libsndfile does not read; None: something else."""
    head = data[:16]
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide"):
        family = "a 3GP file" if head[8:11] in (b"3gp", b"3g2") else "an MP4 file"
        return SoundFormat(f"{_codec(data)} in {family}", "mov")
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return SoundFormat(f"{_codec(data)} in a {'WebM' if b'webm' in data[:64] else 'Matroska'} file", "matroska")
    for magic, words, demuxer in (
        (b"#!AMR", "AMR", "amr"),
        (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "Windows Media", "asf"),
        (b"FLV\x01", "sound in a Flash video", "flv"),
        (b"MAC ", "Monkey's Audio", "ape"),
        (b"wvpk", "WavPack", "wv"),
        (b"ADIF", "AAC", "aac"),
        (b"\x0b\x77", "Dolby Digital", "ac3"),
    ):
        if head.startswith(magic):
            return SoundFormat(words, demuxer)
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return SoundFormat("sound in an AVI video", "avi")
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        return SoundFormat("AAC without a container", "aac")
    if len(data) > 376 and data[0] == data[188] == data[376] == 0x47:
        return SoundFormat("sound in a transport stream", "mpegts")
    return None


def as_wav(name: str, data: bytes, what: SoundFormat, max_s: float) -> bytes:
    """`data` as a WAV file, cut a second after `max_s`. Raises DeviceError where no program reads it."""
    ffmpeg, afconvert = shutil.which("ffmpeg"), shutil.which("afconvert")
    if ffmpeg is None and afconvert is None:
        raise DeviceError(name, f"this is {what.words}", _HINT)
    with tempfile.TemporaryDirectory(prefix="galactus-") as folder:
        source, out = Path(folder, "sound"), Path(folder, "sound.wav")
        source.write_bytes(data)
        if ffmpeg is not None:
            command = _ffmpeg(ffmpeg, source, out, what, max_s)
        else:
            command = [str(afconvert), "-f", "WAVE", "-d", "LEI16", str(source), str(out)]
        _run(name, command, what)
        if not out.is_file() or not 44 < out.stat().st_size <= _MOST_BYTES:
            raise DeviceError(name, f"this is {what.words}, and it holds no sound that can be read", "record it again")
        return out.read_bytes()


def _ffmpeg(program: str, source: Path, out: Path, what: SoundFormat, max_s: float) -> list[str]:
    before = ["-nostdin", "-v", "error", "-protocol_whitelist", "file", "-f", what.demuxer]
    after = ["-map", "0:a:0", "-t", f"{max_s + 1:g}", "-c:a", "pcm_s16le", "-fs", str(_MOST_BYTES), "-f", "wav"]
    return [program, *before, "-i", f"file:{source}", *after, f"file:{out}"]


def _run(name: str, command: list[str], what: SoundFormat) -> None:
    program = Path(command[0]).name
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DeviceError(name, f"{program} does not come to an end with it", "convert it to WAV") from None
    except OSError as error:
        raise DeviceError(
            name, f"this is {what.words}, and {program} cannot be run ({error.strerror})", _HINT
        ) from None
    if done.returncode:
        raise DeviceError(name, f"this is {what.words}, and {program} cannot read it", "record it again, or as a WAV")


def _codec(data: bytes) -> str:
    part = data[:_CODECS_WITHIN] + data[-_CODECS_WITHIN:]
    return next((words for pattern, words in _CODECS if re.search(pattern, part)), "sound")
