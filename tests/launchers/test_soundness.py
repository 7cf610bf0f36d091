"""Weights that no engine can read: told before the start, whatever the catalogue has promised of them."""

import hashlib
from pathlib import Path

import pytest

from launchers import registry
from launchers.base import BaseLauncher
from launchers.context import LauncherContext
from launchers.runtime import openmp
from launchers.runtime.environments import Environments
from launchers.store.file_check import any_fault, ggml_fault, gguf_fault
from launchers.store.model_store import ModelStore
from profiles.catalogue import Catalogue
from profiles.home import Home
from profiles.schema import Engine
from supervisors.errors import NeedsRepair
from supervisors.exits import Exit
from tests.launchers.memory.headers import gguf_bytes, layer_tensors, llama, whisper_bytes

GOOD = gguf_bytes(llama(), layer_tensors(4))
WHISPER = whisper_bytes([("a", (32, 4), 0)])
WRONG = {
    "a web page": (b"<!DOCTYPE html>\n<html><body>Sign in</body></html>", "is a web page"),
    "a web page, indented": (b"\n  <html>" + b"x" * 4096, "is a web page"),
    "a pointer of Git LFS": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n",
        "only a pointer of Git LFS",
    ),
    "an answer in JSON": (b'{"error": "Repository not found"}', "is JSON text"),
    "zeros": (bytes(5000), "holds nothing but zeros"),
    "a zip": (b"PK\x03\x04" + b"x" * 500, "is a zip archive"),
    "packed": (b"\x1f\x8b\x08" + b"x" * 500, "is packed"),
    "safetensors": (b"\x40\0\0\0\0\0\0\0" + b'{"a":{}}' + b" " * 99, "is a safetensors file"),
    "of another kind": (WHISPER, "has the old GGML form"),
    "noise": (b"noise" * 100, "not a GGUF"),
    "cut off in its header": (GOOD[:60], "is cut off in its header"),
    "cut off in its weights": (GOOD[:-100], "ends before its tensors do"),
    "of version 1": (gguf_bytes(llama(), version=1), "GGUF version 1"),
    "big-endian": (b"GGUF\0\0\0\x03" + bytes(500), "for big-endian machines"),
    "eyes": (gguf_bytes({"general.architecture": "clip", "general.type": "mmproj"}), "is no language model"),
    "an adapter": (gguf_bytes(llama() | {"general.type": "adapter"}), "of the kind adapter"),
    "one for searching": (gguf_bytes(llama(architecture="nomic-bert")), "its architecture is nomic-bert"),
    "of no architecture": (gguf_bytes({"general.name": "x"}), "does not say which architecture"),
    "part 2 in the name of the whole": (gguf_bytes(llama() | {"split.no": 1, "split.count": 3}), "is part 2 of 3"),
    "part 1 without its name": (gguf_bytes(llama() | {"split.no": 0, "split.count": 3}), "-00001-of-00003.gguf"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_no_language_model_is_said_in_one_clause(kind: str, tmp_path: Path) -> None:
    data, words = WRONG[kind]
    file = tmp_path / "a.gguf"
    file.write_bytes(data)
    assert words in gguf_fault(file) and "\n" not in gguf_fault(file)


def test_a_good_one_and_one_of_a_kind_that_is_not_known_here_are_let_through(tmp_path: Path) -> None:
    file = tmp_path / "a.gguf"
    for data in (GOOD, b"GGUF\x04" + GOOD[5:], b"GGUF\x03\0\0\0" + b"\xff" * 500):
        file.write_bytes(data)
        assert gguf_fault(file) == ""
    file.write_bytes(WHISPER)
    assert ggml_fault(file) == any_fault(file) == ""


def test_no_file_an_empty_one_and_a_folder(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    for fault in (gguf_fault, ggml_fault, any_fault):
        assert fault(tmp_path / "no") == "is not there"
        assert fault(tmp_path / "empty") == "is empty"
        assert fault(tmp_path) == "is a folder"


@pytest.mark.parametrize("missing", [2, 3])
def test_a_part_that_is_missing_is_named(missing: int, tmp_path: Path) -> None:
    names = [f"a-{n:05d}-of-00003.gguf" for n in (1, 2, 3)]
    for n, name in enumerate(names):
        (tmp_path / name).write_bytes(gguf_bytes(llama() | {"split.no": n, "split.count": 3}, layer_tensors(1)))
    assert gguf_fault(tmp_path / names[0]) == ""
    (tmp_path / names[missing - 1]).unlink()
    assert gguf_fault(tmp_path / names[0]) == f"lacks its part {names[missing - 1]}"
    (tmp_path / names[missing - 1]).write_bytes(b"<html>")
    assert gguf_fault(tmp_path / names[0])


def launcher(folder: Path, data: bytes, role: str, engine: str) -> BaseLauncher:
    """Of a model that the catalogue describes as it is, and whose hash is right."""
    home = Home(folder / "home")
    home.profiles.mkdir(parents=True)
    (folder / "a.bin").write_bytes(data)
    (home.profiles / "models.toml").write_text(
        f'[mine]\nrole = "{role}"\ntitle = "Mine"\nlicence = "MIT"\nprovenance = "me"\n[[mine.files]]\nname = "a.bin"\n'
        f'bytes = {len(data)}\nsha256 = "{hashlib.sha256(data).hexdigest()}"\n'
        f'sources = [{{ from = "file", path = "{folder}/a.bin" }}]\n'
    )
    shop = LauncherContext(home, ModelStore(home, Catalogue.load(home)), Environments(home))
    return registry.launcher("booth.toml", role, role, Engine(engine=engine, model="mine"), shop)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("role", "engine", "data", "words"),
    [
        ("llm", "llama_cpp", WRONG["a web page"][0], "is a web page"),
        ("llm", "llama_cpp", GOOD[:-100], "ends before its tensors do"),
        ("stt", "whisper_cpp", GOOD, "is a GGUF file"),
        ("stt", "whisper_cpp", WHISPER[:-9], "ends before its tensors do"),
        ("stt", "whisper_cpp", WRONG["a pointer of Git LFS"][0], "only a pointer of Git LFS"),
        ("tts", "piper", WRONG["a web page"][0], "is a web page"),
    ],
)
async def test_it_is_held_before_the_start(
    role: str, engine: str, data: bytes, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def here(*_: object) -> None:
        return

    monkeypatch.setattr(Environments, "ensure", here)
    monkeypatch.setattr(openmp, "provide", here)
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(NeedsRepair) as caught:
        await launcher(tmp_path, data, role, engine).prepare(lambda progress: None)
    line = str(caught.value)
    assert (
        line.startswith(f"{role}: a.bin of mine ") and words in line and "models.toml" in line and "verify" not in line
    )


def test_an_architecture_that_the_engine_does_not_know_is_held_at_once(tmp_path: Path) -> None:
    made = launcher(tmp_path, GOOD, "llm", "llama_cpp")
    tail = "llama_model_load: error loading model: unknown model architecture: 'brandnew-moe'\nfailed"
    words, hopeless = made.died_early(Exit(code=1, tail=tail))
    assert hopeless and "does not know the architecture brandnew-moe of mine" in words
    assert made.died_early(Exit(code=1, tail="no memory")) == ("", False)
