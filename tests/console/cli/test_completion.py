"""Completion and man page: made from the parser, and they complete."""

import subprocess
import sys
from pathlib import Path

import pytest

from console.cli import completion
from console.cli.main import main, parser
from tests.support import generated_files

VERBS = ("run", "ask", "say", "status", "swap", "completion")


def complete(*words: str, folder: Path) -> list[str]:
    """What a bash suggests for the last of these words."""
    script = """
        source "$1"; shift
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
        _shtab_galactus 2>/dev/null
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    command = ["bash", "--norc", "-c", script, "bash", str(completion.script("bash")), *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.parametrize(
    ("words", "suggested"),
    [
        (("galactus", "st"), {"status", "stop"}),
        (("galactus", "swap", "l"), {"llm"}),
        (("galactus", "swap", "llm", "x", "--device", "c"), {"cpu"}),
        (("galactus", "ask", "--te"), {"--text"}),
        (("galactus", "ask", "--wav", "que"), {"question.wav"}),
        (("galactus", "models", "f"), {"fetch"}),
        (("galactus", "completion", ""), set(completion.SHELLS)),
    ],
)
def test_bash_completes(words: tuple[str, ...], suggested: set[str], tmp_path: Path) -> None:
    (tmp_path / "question.wav").touch()
    assert set(complete(*words, folder=tmp_path)) == suggested


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_the_command_prints_the_script_of_a_shell(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    said = capsys.readouterr().out
    assert said == completion.script(shell).read_text("utf-8")
    assert all(verb in said for verb in VERBS)


def test_every_verb_is_in_the_man_page() -> None:
    page = completion.MAN_PAGE.read_text("utf-8")
    verbs = generated_files.subparsers(parser())
    assert set(VERBS) <= set(verbs)
    assert not [verb for verb in verbs if f"'galactus {verb}'" not in page]
    assert "130 interrupted" in page


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="argparse words its usage differently in other versions")
def test_generated_files_are_as_their_sources_make_them() -> None:
    made = generated_files.all_files()
    stale = [path.name for path, text in made.items() if path.read_text("utf-8") != text]
    assert not stale, "run: make generated"
