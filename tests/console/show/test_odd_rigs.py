"""Rigs whose values fit one by one and yet fit nothing that is there (F40): told at the load of the whole."""

import re
from pathlib import Path
from typing import Any

import pytest

from console.engines.services import launchers, workshop
from launchers.llm_llama_cpp import Launcher
from profiles.catalogue import Catalogue
from profiles.errors import ProfileError
from profiles.home import Home
from profiles.loader import load_rig
from supervisors.meters.readings import Machine
from tests.launchers.memory.headers import llama, write_gguf


def complaint(home: Home, rows: str) -> str:
    rig = home.profiles / "rigs" / "odd.toml"
    rig.parent.mkdir(parents=True, exist_ok=True)
    rig.write_text(f'extends = "rehearsal"\n{rows}')
    catalogue = Catalogue.load(home)
    with pytest.raises(ProfileError) as caught:
        launchers(load_rig("odd", home), workshop(home, catalogue), catalogue)
    assert str(caught.value).startswith(f"{rig}: ")
    return str(caught.value).removeprefix(f"{rig}: ")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            '[talk]\nhot_key = "F99"\n',
            'talk.hot_key: there is no key "F99"; name one such as F13, B, SPACE or BTN_LEFT',
        ),
        ('[talk]\nhot_key = "the red one"\n', 'talk.hot_key: there is no key "the red one"'),
        ('[talk]\nhot_key = " "\n', 'talk.hot_key: there is no key " "'),
        ('[jaw]\nboard = "maestor"\n', 'jaw.board: there is no "maestor"; did you mean "maestro"?'),
        ('[jaw]\nboard = "Arduino Uno"\n', 'jaw.board: there is no "Arduino Uno"; known: firmata, line, '),
        ('[jaw]\nboard = "board"\n', 'jaw.board: there is no "board"'),
        ('[pan_tilt]\ndriver = "VISCA"\n', 'pan_tilt.driver: there is no "VISCA"; did you mean "visca"?'),
        ('[pan_tilt]\ndriver = "opener"\n', 'pan_tilt.driver: there is no "opener"'),
        (
            '[engines.llm.options]\nbatch = "128"\n',
            "engines.llm.options.batch: it must be a whole number, such as 128; "
            'it is the text "128"; write the number without quotes',
        ),
        ("[engines.llm.options]\nbatch = true\n", "engines.llm.options.batch: it must be a whole number"),
    ],
)
def test_what_no_device_knows(tmp_path: Path, rows: str, said: str) -> None:
    assert complaint(Home(tmp_path), rows).startswith(said)


@pytest.mark.parametrize("wanted", [200_000, 4097])
def test_a_window_that_the_model_was_not_made_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: int) -> None:
    file = write_gguf(tmp_path / "toy.gguf", llama() | {"llama.context_length": 4096})
    monkeypatch.setattr(Launcher, "files", lambda launcher: (file,))
    said = complaint(Home(tmp_path), f"[engines.llm]\ncontext = {wanted}\n")
    assert said == f"engines.llm.context: {wanted} tokens are more than qwen-0.5b was made for; write 4096 or less"
    _taken(tmp_path, "context = 4096")


TOY = llama(28)  # 14 kB of cache for each token


@pytest.fixture
def small_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("supervisors.meters.machine.look", lambda: Machine(ram_total=2 * 10**9, ram_available=10**9))


@pytest.mark.usefixtures("small_machine")
@pytest.mark.parametrize("keys", [TOY, TOY | {"llama.context_length": 1 << 20}])
def test_a_window_that_the_memory_cannot_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keys: Any) -> None:
    """One that the model was made for, or does not speak of; what is said to fit does."""
    file = write_gguf(tmp_path / "toy.gguf", keys)
    monkeypatch.setattr(Launcher, "files", lambda launcher: (file,))
    monkeypatch.setattr(Launcher, "needs_environment", lambda launcher: True)
    said = complaint(Home(tmp_path), "[engines.llm]\ncontext = 200000\n")
    found = re.fullmatch(
        r"engines\.llm\.context: 200000 tokens with qwen-0\.5b take (\d\.\d) GB of memory, "
        r"and this machine has 2\.0 GB; "
        r"write (\d+) or less",
        said,
    )
    assert found and float(found[1]) > 2.5 and 20_000 < int(found[2]) < 150_000
    assert str(int(found[2]) + 256) in complaint(Home(tmp_path), f"[engines.llm]\ncontext = {int(found[2]) + 256}\n")
    _taken(tmp_path, f"context = {found[2]}")


@pytest.mark.usefixtures("small_machine")
@pytest.mark.parametrize(
    ("layers", "own", "rows"),
    [
        (28, False, "context = 200000"),  # a program of the machine may put all of it on a card
        (28, True, "context = 2048"),
        (2800, True, "context = 4096"),  # not even a usual window has room: that is the model's fault
    ],
)
def test_a_window_that_may_well_have_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layers: int, own: bool, rows: str
) -> None:
    file = write_gguf(tmp_path / "toy.gguf", llama(layers))
    monkeypatch.setattr(Launcher, "files", lambda launcher: (file,))
    monkeypatch.setattr(Launcher, "needs_environment", lambda launcher: own)
    _taken(tmp_path, rows)
    if not own:
        said = complaint(Home(tmp_path), f'[engines.llm]\ndevice = "cpu"\n{rows}\n')
        assert "and this machine has 2.0 GB" in said


def _taken(home: Path, row: str) -> None:
    (home / "profiles" / "rigs").mkdir(parents=True, exist_ok=True)
    (home / "profiles" / "rigs" / "odd.toml").write_text(f'extends = "rehearsal"\n[engines.llm]\n{row}\n')
    launchers(load_rig("odd", Home(home)), workshop(Home(home), Catalogue.load()), Catalogue.load())
