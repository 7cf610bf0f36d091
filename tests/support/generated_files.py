"""Files of the product that are made from its sources: `make generated` writes them, a test compares.

The tables of docs/keys.md come from the screen's list of keys; completion and man page come from the parser of the
command line; the JSON Schemas come from the types of the operator API, of rigs and of characters.
"""

import argparse
import re
from pathlib import Path

import shtab
from argparse_manpage.manpage import Manpage

from console.cli import completion
from console.cli.main import parser
from console.tui.input import keymap
from profiles.home import CHECKOUT
from tests.support.schemas import all_schemas

KEYS_PAGE = CHECKOUT / "docs/keys.md"
TABLE = re.compile(
    r"(<!-- (\w+) of console/tui/input/keymap.py, by make generated -->\n).*?(?=<!-- end -->)", re.DOTALL
)
FILES_WORDS = ("FILE", "NAME|FILE")
"""Metavars of arguments that a file's name fits."""
ENGINES = ("stt", "llm", "tts", "standby")
"""Services of the rehearsal rig; completion suggests them, the program knows better."""


def keys_page(page: str) -> str:
    """The page with its tables as the list of keys has them."""
    return TABLE.sub(lambda found: found[1] + _table(getattr(keymap, found[2])), page)


def _table(actions: tuple[keymap.KeyAction, ...]) -> str:
    rows = (f"| `{action.shown}` | {action.label} | {action.sentence} |\n" for action in actions)
    return "\n| key | action | what it does |\n|---|---|---|\n" + "".join(rows) + "\n"


def complete_parser() -> argparse.ArgumentParser:
    """The parser, with what a shell can suggest for each argument."""
    out = parser("galactus")
    for each in (out, *subparsers(out).values()):
        for action in each._actions:
            if action.metavar in FILES_WORDS:
                action.complete = shtab.FILE  # type: ignore[attr-defined]
            elif action.dest == "service":
                action.choices = (*ENGINES, "show", "all") if action.nargs == "?" else ENGINES
    return out


def subparsers(of: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    (verbs,) = (action for action in of._actions if isinstance(action, argparse._SubParsersAction))
    return dict(verbs.choices)


def completion_script(shell: str) -> str:
    script: str = shtab.complete(complete_parser(), shell)
    return script.rstrip("\n") + "\n"


def man_page() -> str:
    """Without the day on which it was made, so that the same parser makes the same page."""
    _, *lines = (line.rstrip() for line in str(Manpage(parser("galactus"))).splitlines())
    lines[lines.index("galactus")] = "galactus \\- the operator console for a talking character"
    text = (
        "\n".join(lines).replace(".SH\nPOSITIONAL ARGUMENTS", ".SH COMMANDS").replace(".SH COMMENTS", ".SH EXIT STATUS")
    )
    return f'.TH GALACTUS 1 "" Galactus "Galactus"\n{text}\n'


def all_files() -> dict[Path, str]:
    scripts = {completion.script(shell): completion_script(shell) for shell in completion.SHELLS}
    return {
        KEYS_PAGE: keys_page(KEYS_PAGE.read_text("utf-8")),
        completion.MAN_PAGE: man_page(),
        **scripts,
        **all_schemas(),
    }


if __name__ == "__main__":
    for path, text in all_files().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
        print(path.relative_to(CHECKOUT))
