"""A home whose rigs are the shipped ones, while every engine in it is a fake of a few lines."""

import array
import json
import shlex
import sys
from pathlib import Path

import numpy as np
import soundfile
import soxr

from launchers.runtime import openmp
from launchers.runtime.environments import Environments
from launchers.stt_whisper_cpp import _CANARY
from profiles.home import CHECKOUT, Home
from tests.support.real_show import borrowed_home
from tests.support.scripted import engine

WORDS = {
    "canary": "Skeleton.",
    "01_bm_george": "Why did the skeleton cross the road?",
    "02_af_bella": "What is your favorite kind of music?",
    "04_bf_emma": "How many bones do you have in your body?",
    "06_af_nicole": "What did you have for breakfast this morning?",
}
"""What is said in the recordings; of the others it is of no matter here."""
_OTHERS = "Do you ever sleep at night?"
_RIG = 'extends = "rehearsal"\n[engines.stt]\nbinary = "none"\n[engines.llm]\nbinary = "none"\n'
"""A whisper-server or a llama-server of the machine would be a real one."""


def scripted_home(folder: Path) -> Path:
    """Weights are those of the store, of which no more than the header is read."""
    home = borrowed_home(folder)
    (home / "envs").unlink()
    (home / "envs").mkdir()
    (home / "ears.json").write_text(json.dumps(recordings()))
    environments = Environments(Home(home))
    for state in environments.states():
        _fake(environments, state.engine, home / "ears.json")
    rigs = home / "profiles" / "rigs"
    rigs.mkdir(parents=True)
    (rigs / "rehearsal.toml").write_text(_RIG)
    return home


def _fake(environments: Environments, name: str, ears: Path) -> None:
    folder = environments.folder(name)
    (folder / "bin").mkdir(parents=True)
    program = [sys.executable, "-I", "-S", str(Path(engine.__file__)), name, str(ears)]
    (folder / "bin" / "python").write_text(f'#!/bin/sh\nexec {shlex.join(program)} "$@"\n')
    (folder / "bin" / "python").chmod(0o755)
    if name == openmp._CARRIER:  # where the system has none, its copy of OpenMP is looked for
        library = folder / "lib" / "python3" / "site-packages" / "scripted.libs" / "libgomp-0.so"
        library.parent.mkdir(parents=True)
        library.touch()
    (folder / ".ready").touch()


def recordings() -> list[tuple[str, list[int]]]:
    """Words and envelope of each."""
    clips = [_CANARY, *sorted((CHECKOUT / "devices" / "visitors").glob("*.flac"))]
    return [(WORDS.get(clip.stem, _OTHERS), engine.envelope(samples(clip))) for clip in clips]


def samples(clip: Path) -> "array.array[int]":
    """16 kHz."""
    sound, rate = soundfile.read(clip, dtype="float32")
    at_16k = soxr.resample(sound, rate, 16_000)
    return array.array("h", (np.clip(at_16k, -1, 1) * 32_767).astype("<i2").tobytes())
