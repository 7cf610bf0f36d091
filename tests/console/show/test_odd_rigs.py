"""Rigs whose values fit one by one and yet fit nothing that is there (F40): told at the load of the whole."""

from pathlib import Path

import pytest

from console.engines.services import launchers, workshop
from launchers.llm_llama_cpp import Launcher
from profiles.catalogue import Catalogue
from profiles.errors import ProfileError
from profiles.home import Home
from profiles.loader import load_rig
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
    (tmp_path / "profiles" / "rigs" / "odd.toml").write_text('extends = "rehearsal"\n[engines.llm]\ncontext = 4096\n')
    launchers(load_rig("odd", Home(tmp_path)), workshop(Home(tmp_path), Catalogue.load()), Catalogue.load())
