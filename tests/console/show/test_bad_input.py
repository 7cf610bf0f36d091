"""What people get wrong: one plain line, the right exit code, and the show goes on answering."""

import contextlib
import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from profiles.catalogue import Catalogue
from tests.console.show.test_first_turn import recording
from tests.support.real_show import RealShow
from tests.support.words import errors

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

QUESTION = "Why did the skeleton cross the road?"


def one_line(text: str) -> bool:
    return text.count("\n") == 1 and "Traceback" not in text and len(text) < 400


def cut_off(path: Path) -> None:
    sound, rate = soundfile.read(recording("01_bm_george"))
    soundfile.write(path, sound, rate)
    path.write_bytes(path.read_bytes()[:20_000])


BAD: dict[str, Callable[[Path], object]] = {
    "missing": lambda path: None,
    "empty": lambda path: path.write_bytes(b""),
    "zero_frames": lambda path: soundfile.write(path, np.zeros(0, np.int16), 16_000),
    "cut_off": cut_off,
    "not_audio": lambda path: path.write_text("This is a shopping list, not a question. " * 50),
    "binary_rubbish": lambda path: path.write_bytes(bytes(range(256)) * 500),
    "ten_minutes": lambda path: soundfile.write(path, np.zeros(600 * 8000, np.int16), 8000),
    "folder": lambda path: path.mkdir(),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_refused_at_once(brief: RealShow, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"{kind}.wav"
    BAD[kind](path)
    turns = brief.call_now_status()["turns"]
    done = brief.cli("ask", "--wav", str(path), "--json")
    assert done.returncode == 2 and done.stdout == "" and one_line(done.stderr), done
    assert path.name in done.stderr
    assert brief.call_now_status()["turns"] == turns


@pytest.mark.parametrize("kind", ["silent", "hum", "noise"])
def test_no_speech_is_told_as_such(brief: RealShow, tmp_path: Path, kind: str) -> None:
    t = np.arange(2 * 16_000) / 16_000
    sounds = {"silent": 0 * t, "hum": 0.3 * np.sin(2 * np.pi * 120 * t), "noise": None}
    sound = sounds[kind] if sounds[kind] is not None else np.random.default_rng(1).normal(0, 0.05, len(t))
    path = tmp_path / f"{kind}.wav"
    soundfile.write(path, sound, 16_000)
    done = brief.cli("ask", "--wav", str(path), "--json")
    assert done.returncode == 4 and "LISTENING" in done.stderr and one_line(done.stderr), done


@pytest.mark.parametrize("kind", ["stereo_44k", "eight_bit", "mp3_named_wav", "float_48k"])
def test_other_kinds_of_sound_are_simply_answered(brief: RealShow, tmp_path: Path, kind: str) -> None:
    import soxr

    sound, rate = soundfile.read(recording("01_bm_george"))
    path = tmp_path / f"{kind}.wav"
    at_44k = soxr.resample(sound, rate, 44_100)
    if kind == "stereo_44k":
        soundfile.write(path, np.stack([at_44k, 0.5 * at_44k], axis=1), 44_100)
    elif kind == "eight_bit":
        soundfile.write(path, sound, rate, subtype="PCM_U8")
    elif kind == "float_48k":
        soundfile.write(path, soxr.resample(sound, rate, 48_000), 48_000, subtype="FLOAT")
    else:
        soundfile.write(path, at_44k, 44_100, format="MP3")
    turn = brief.ask("--wav", str(path))
    assert errors(QUESTION, turn["transcript"])[0] <= 1 and turn["outcome"] == "completed", turn


RIGS = {
    "unknown_key": ('extends = "rehearsal"\n[audio]\nmicrophon = "auto"\n', 'did you mean "microphone"'),
    "wrong_type": ('extends = "rehearsal"\n[engines.llm]\ncontext = "big"\n', "engines.llm.context"),
    "missing_model": ('extends = "rehearsal"\n[engines.llm]\nmodel = "qwen-0.6b"\n', 'did you mean "qwen-0.5b"'),
    "wrong_role": ('extends = "rehearsal"\n[engines.llm]\nmodel = "piper-joe"\n', "model for tts"),
    "unknown_engine": ('extends = "rehearsal"\n[engines.tts]\nengine = "pipper"\n', 'did you mean "piper"'),
    "unknown_option": ('extends = "rehearsal"\n[engines.llm.options]\nbach = 3\n', "known options"),
    "no_such_binary": ('extends = "rehearsal"\n[engines.llm]\nbinary = "/no/such/server"\n', "no program"),
    "not_toml": ("title = = 3\n", "TOML"),
    "bad_attach": ('extends = "rehearsal"\n[engines.llm]\nlaunch = "attach"\n', "engines.llm.url"),
}


@pytest.mark.parametrize("kind", RIGS)
def test_a_wrong_rig_is_explained(home: Path, tmp_path: Path, kind: str) -> None:
    text, hint = RIGS[kind]
    rig = tmp_path / "booth.toml"
    rig.write_text(text)
    idle = RealShow(home)
    for words in (("check",), ("run", "--headless"), ("ask", "--text", "Hello?")):
        done = idle.cli(*words, "--rig", str(rig))
        assert done.returncode == 2 and one_line(done.stderr), (words, done)
        assert "booth.toml" in done.stderr and hint in done.stderr, done.stderr


def test_a_taken_port_is_named_and_the_rest_answers(home: Path, tmp_path: Path) -> None:
    with socket.socket() as thief:
        thief.bind(("127.0.0.1", 0))
        thief.listen()
        port = thief.getsockname()[1]
        rig = tmp_path / "taken.toml"
        rig.write_text(f'extends = "quick"\n[engines.llm]\nport = {port}\n')
        idle = RealShow(home)
        done = idle.cli("ask", "--text", "Hello?", "--rig", str(rig))
        assert done.returncode == 3 and str(port) in done.stderr and "Traceback" not in done.stderr, done
        found = idle.cli("check", "--rig", str(rig))
        assert found.returncode == 3 and f"port {port} is taken" in found.stdout


def test_a_weight_file_cut_in_half_is_never_used(tmp_path: Path) -> None:
    """Named by the check, and put right (or refused in a plain line) before an engine sees it."""
    show = RealShow(tmp_path / "home", "--rig", "quick")
    file = Catalogue.load()["smollm2-135m"].files[0]
    folder = tmp_path / "home" / "models" / "smollm2-135m"
    folder.mkdir(parents=True)
    (folder / file.name).write_bytes(b"GGUF" + bytes(file.bytes // 2))
    found = show.cli("check", "--rig", "quick")
    assert found.returncode == 3 and "smollm2-135m partial" in found.stdout
    listed = show.cli("models", "list")
    assert any("smollm2-135m" in line and "partial" in line for line in listed.stdout.splitlines())


@pytest.mark.parametrize(
    "words",
    [
        ("ask",),
        ("ask", "--text", ""),
        ("ask", "--text", "  "),
        ("ask", "--text", "x", "--wav", "y"),
        ("ask", "--text", "x", "--timeout", "-1"),
        ("ask", "--text", "x", "--out", "/no/such/folder/x.wav"),
        ("models", "fetch", "qwen-0.6b"),
        ("models", "verify"),
        ("nonsense",),
        ("say", ""),
    ],
)
def test_wrong_usage_is_exit_code_2(brief: RealShow, words: tuple[str, ...]) -> None:
    done = brief.cli(*words)
    assert done.returncode == 2 and done.stderr and "Traceback" not in done.stderr, done


def test_after_all_that_the_show_answers(brief: RealShow) -> None:
    assert brief.ask("--text", "Are you still there?")["outcome"] == "completed"


@pytest.mark.skipif(os.geteuid() != 0 or not Path("/proc/mounts").exists(), reason="mounting a small disk needs root")
def test_a_full_disk_is_told_in_one_line(tmp_path: Path) -> None:
    """Too small for the engines: exit 3 within seconds. Full to the last byte: still one plain line."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk)], check=True)
    small = RealShow(disk, "--rig", "quick")
    try:
        done = small.cli("ask", "--text", "Hello?", "--rig", "quick", "--timeout", "60")
        assert done.returncode == 3 and "is full" in done.stderr.splitlines()[-1], done
        small.wait_nothing_left()
        with contextlib.suppress(OSError), (disk / "fill").open("wb", buffering=0) as fill:
            while True:
                fill.write(bytes(4096))
        for words in (("run", "--headless"), ("ask", "--text", "Hello?")):
            done = small.cli(*words, "--rig", "quick")
            assert done.returncode == 3 and one_line(done.stderr), done
        small.wait_nothing_left()
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
