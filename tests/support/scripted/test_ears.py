"""The fake of whisper hears what is said, and not what is not: tests of how sound is read lean on it."""

import io
import json
import wave
from pathlib import Path

import numpy as np
import pytest

from tests.support.scripted.engine import Ears
from tests.support.scripted.home import WORDS, recordings, samples


@pytest.fixture(scope="module")
def ears(tmp_path_factory: pytest.TempPathFactory) -> Ears:
    file = tmp_path_factory.mktemp("ears") / "ears.json"
    file.write_text(json.dumps(recordings()))
    return Ears(file)


def wav(sound: "np.ndarray[tuple[int], np.dtype[np.int16]]") -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 2, 16_000, len(sound), "NONE", ""))
        file.writeframes(sound.tobytes())
    return out.getvalue()


@pytest.mark.parametrize("level", [0.2, 1.0])
def test_a_recording_is_known_by_its_sound_alone(ears: Ears, visitors: Path, level: float) -> None:
    for name, said in WORDS.items():
        if name != "canary":
            sound = np.frombuffer(samples(visitors / f"{name}.flac"), np.int16)
            late = np.concatenate((np.zeros(4000, np.int16), (sound * level).astype(np.int16)))
            assert ears.words(wav(late)).strip() == said


def test_half_a_question_is_half_of_its_words(ears: Ears, visitors: Path) -> None:
    sound = np.frombuffer(samples(visitors / "04_bf_emma.flac"), np.int16)
    half = ears.words(wav(sound[: len(sound) // 2])).strip()
    assert WORDS["04_bf_emma"].startswith(half) and 2 <= len(half.split()) < 9


@pytest.mark.parametrize("wrong", ["noise", "twice too fast", "backwards"])
def test_what_was_read_wrongly_is_not_understood(ears: Ears, visitors: Path, wrong: str) -> None:
    sound = np.frombuffer(samples(visitors / "01_bm_george.flac"), np.int16)
    heard = {
        "noise": np.random.default_rng(1).normal(0, 3000, len(sound)).astype(np.int16),
        "twice too fast": sound[::2],
        "backwards": sound[::-1],
    }[wrong]
    assert "skeleton" not in ears.words(wav(heard))


@pytest.fixture
def visitors() -> Path:
    return Path(__file__).parents[3] / "devices" / "visitors"
