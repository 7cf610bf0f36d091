"""Sound files of every kind, and everything that is none."""

import os
import struct
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from console.cli.main import main
from devices.errors import DeviceError
from devices.sound import sound_decoder
from devices.sound.sound_file import decode, read_sound

RATE = 16_000


def tone(rate: int, seconds: float = 0.5, channels: int = 1) -> NDArray[np.float64]:
    wave = 0.5 * np.sin(2 * np.pi * 440 * np.arange(round(rate * seconds)) / rate)
    return np.column_stack([wave] * channels)


def encoded(form: str, subtype: str | None, rate: int, channels: int = 1, seconds: float = 0.5) -> bytes:
    out = BytesIO()
    soundfile.write(out, tone(rate, seconds, channels), rate, format=form, subtype=subtype)
    return out.getvalue()


@pytest.mark.parametrize(
    ("form", "subtype", "rate", "channels", "close"),
    [
        ("WAV", "PCM_16", 16_000, 1, 0.001),
        ("WAV", "PCM_U8", 8_000, 1, 0.02),
        ("WAV", "PCM_24", 48_000, 2, 0.01),
        ("WAV", "PCM_32", 22_050, 1, 0.01),
        ("WAV", "FLOAT", 44_100, 1, 0.01),
        ("WAV", "DOUBLE", 16_000, 1, 0.01),
        ("WAV", "ULAW", 8_000, 1, 0.04),
        ("WAV", "PCM_16", 44_100, 2, 0.01),
        ("FLAC", None, 44_100, 2, 0.01),
        ("OGG", "VORBIS", 44_100, 2, 0.1),
        ("OGG", "OPUS", 48_000, 1, 0.15),
        ("MP3", None, 44_100, 2, 0.1),
        ("MP3", None, 16_000, 1, 0.1),
        ("AIFF", None, 32_000, 1, 0.01),
    ],
)
@pytest.mark.parametrize("suffix", ["", ".wav", ".txt"])
def test_any_format_by_content_whatever_the_suffix(
    tmp_path: Path, form: str, subtype: str | None, rate: int, channels: int, close: float, suffix: str
) -> None:
    file = tmp_path / f"question{suffix}"
    file.write_bytes(encoded(form, subtype, rate, channels))
    heard = read_sound(file)
    assert heard.dtype == np.int16
    assert len(heard) == pytest.approx(RATE / 2, abs=RATE * 0.08), "MP3 and OGG pad"
    spectrum = np.abs(np.fft.rfft(heard[1000:7000].astype(float)))
    assert np.argmax(spectrum) * RATE / 6000 == pytest.approx(440, abs=4)
    assert np.max(np.abs(heard[1000:7000])) / 32767 == pytest.approx(0.5, abs=close)


def test_of_a_stereo_file_with_one_channel_upside_down_one_is_heard() -> None:
    out = BytesIO()
    voice = np.sin(np.arange(RATE) / 5) * 0.5
    soundfile.write(out, np.column_stack((voice, -voice)), RATE, format="WAV", subtype="FLOAT")
    assert np.max(np.abs(decode("x", out.getvalue()) / 32767 - voice)) < 0.001


def test_not_a_number_and_too_loud_are_harmless() -> None:
    samples = np.array([np.nan, np.inf, -np.inf, 9.0, -9.0, 0.5] * 100)
    out = BytesIO()
    soundfile.write(out, samples, RATE, format="WAV", subtype="FLOAT")
    heard = decode("x", out.getvalue())
    assert heard[:6].tolist() == [0, 0, 0, 32767, -32768, 16384]


def wav(frames: int, promised: int | None = None, before: bytes = b"") -> bytes:
    data = bytes(2 * frames)
    size = len(data) if promised is None else promised
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    body = b"WAVE" + form + before + struct.pack("<4sI", b"data", size) + data
    return struct.pack("<4sI", b"RIFF", min(len(body), 0xFFFFFFFF)) + body


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "empty"),
        (wav(0), "zero frames"),
        (wav(0, before=b"LIST\x04\x00\x00\x00abcd"), "zero frames"),
        (wav(8000)[:9000], "cut off"),
        (encoded("FLAC", None, RATE, seconds=3.0)[:9000], ""),
        (wav(RATE * 40), "lasts 40 s"),
        (b"To be or not to be, that is the question.\n" * 50, "not sound"),
        (b"RIFF", "not sound"),
        (b"RIFF\x00\x00\x00\x00WAVE", "not sound"),
        (os.urandom(2000).replace(b"\xff", b"\x00"), "not sound"),
        (b"\x89PNG\r\n\x1a\n" + bytes(500), "not sound"),
        (b'{"text": "hi"}', "not sound"),
    ],
)
def test_what_is_no_question_gives_one_plain_line(tmp_path: Path, content: bytes, word: str) -> None:
    file = tmp_path / "question.wav"
    file.write_bytes(content)
    with pytest.raises(DeviceError) as caught:
        read_sound(file)
    said = str(caught.value)
    assert said.startswith("question.wav: ") and word in said and "\n" not in said and len(said) < 200


def test_ten_minutes_are_refused_without_decoding_them(tmp_path: Path) -> None:
    file = tmp_path / "long.flac"
    soundfile.write(file, np.zeros(600 * 8000, np.int16), 8000, format="FLAC")
    with pytest.raises(DeviceError, match="lasts 600 s"):
        read_sound(file)


def test_a_wav_with_the_word_data_in_its_notes_is_not_cut_off() -> None:
    notes = b"LIST" + struct.pack("<I", 20) + b"INFOICMT" + struct.pack("<I", 8) + b"data\xff\xff\xff\x0f"
    assert len(decode("x", wav(800, before=notes))) == 800


@pytest.mark.parametrize("promised", [0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000])
def test_a_wav_from_a_pipe_is_read_to_its_end(promised: int) -> None:
    assert len(decode("x", wav(800, promised))) == 800


def test_missing_folder_unreadable_and_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, word in (("none.wav", "no such file"), (".", "not a file"), ("pipe", "not a file")):
        with pytest.raises(DeviceError, match=word):
            read_sound(tmp_path / name)
    with pytest.raises(DeviceError, match="not a file"):
        read_sound(Path("/dev/zero"))


def test_a_huge_file_is_not_even_read(tmp_path: Path) -> None:
    with (tmp_path / "huge.wav").open("wb") as file:
        file.truncate(65 << 20)
    with pytest.raises(DeviceError, match="larger than 64 MB"):
        read_sound(tmp_path / "huge.wav")


HEADS = {
    "AAC in an MP4 file": b"\0\0\0\x1cftypM4A \0\0\0\0" + bytes(40) + b"mp4a" + bytes(400),
    "AMR in a 3GP file": b"\0\0\0\x1cftyp3gp4\0\0\0\0" + bytes(40) + b"samr" + bytes(400),
    "Opus in a WebM file": b"\x1a\x45\xdf\xa3" + bytes(20) + b"webm" + b"A_OPUS" + bytes(400),
    "Opus in a Matroska file": b"\x1a\x45\xdf\xa3" + bytes(20) + b"matroska" + b"A_OPUS" + bytes(400),
    "AAC without a container": b"\xff\xf1\x50\x80" + bytes(400),
    "AMR": b"#!AMR-WB\n" + bytes(400),
    "Windows Media": bytes.fromhex("3026b2758e66cf11") + bytes(400),
    "an unusual Ogg file": b"OggS" + bytes(400),
}


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with nothing but what a test puts there."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def put_ffmpeg(folder: Path, lines: str) -> None:
    program = folder / "ffmpeg"
    program.write_text(
        f"#!{sys.executable}\nimport os, sys, time\nsource, out = sys.argv[-1], sys.argv[-1][5:]\n{lines}\n"
    )
    program.chmod(0o755)


@pytest.mark.parametrize("suffix", [".wav", ".m4a", ""])
@pytest.mark.parametrize("words", HEADS)
def test_what_nothing_here_decodes_is_named_with_what_to_do(path: Path, words: str, suffix: str) -> None:
    file = path / f"question{suffix}"
    file.write_bytes(HEADS[words])
    with pytest.raises(DeviceError) as caught:
        read_sound(file)
    assert str(caught.value) == f"{file.name}: this is {words}; install ffmpeg, or convert it to WAV"
    assert main(["ask", "--wav", str(file)]) == 2


@pytest.mark.parametrize("words", HEADS)
def test_a_decoder_of_this_machine_reads_it_and_may_open_nothing_else(path: Path, words: str) -> None:
    (path / "answer.wav").write_bytes(encoded("WAV", "PCM_16", RATE, channels=8))
    words_file, answer = str(path / "words"), str(path / "answer.wav")
    tells = f"open({words_file!r}, 'w').write('\\n'.join(sys.argv[1:]))"
    put_ffmpeg(path, f"{tells}\nopen(out, 'wb').write(open({answer!r}, 'rb').read())")
    file = path / "-i http:question"
    file.write_bytes(HEADS[words])
    assert len(read_sound(file)) == RATE / 2
    said = (path / "words").read_text().split("\n")
    assert said[said.index("-protocol_whitelist") + 1] == "file" and "-f" in said[: said.index("-i")]
    assert said[said.index("-i") + 1].startswith("file:/") and not any("question" in word for word in said)


@pytest.mark.parametrize(
    ("lines", "word"),
    [
        ("sys.exit(1)", "ffmpeg cannot read it"),
        ("", "no sound that can be read"),
        ("open(out, 'wb').write(b'x' * 20)", "no sound that can be read"),
        ("open(out, 'wb').write(b'x' * 2000)", "not sound that can be read"),
        ("open(out, 'wb').truncate(65 << 20)", "no sound that can be read"),
        ("time.sleep(60)", "does not come to an end"),
    ],
)
def test_a_decoder_that_fails_gives_one_plain_line(
    path: Path, monkeypatch: pytest.MonkeyPatch, lines: str, word: str
) -> None:
    monkeypatch.setattr(sound_decoder, "_PATIENCE_S", 2.0)
    put_ffmpeg(path, lines)
    with pytest.raises(DeviceError, match=word):
        decode("x", HEADS["AMR"])


RECORDINGS = Path(os.environ.get("GALACTUS_MEDIA", "/nowhere"), "recordings")


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="GALACTUS_MEDIA is not set: no recordings of phones and messengers")
def test_each_recording_is_heard_or_refused_in_one_plain_line() -> None:
    for file in sorted(RECORDINGS.iterdir()):
        try:
            assert len(read_sound(file))
        except DeviceError as error:
            said = str(error)
            assert said.startswith(f"{file.name}: ") and "\n" not in said and len(said) < 200
            assert "libsndfile" not in said and main(["ask", "--wav", str(file)]) == 2
