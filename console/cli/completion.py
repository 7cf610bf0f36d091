"""`console.py completion SHELL`: the completion script of a shell. `make generated` makes it from the parser."""

import sys
from argparse import Namespace
from pathlib import Path

from console.host import exit_codes

FOLDER = Path(__file__).parent / "shell_files"
"""What shells and `man` read, made from the parser."""
SHELLS = ("bash", "zsh", "fish")
MAN_PAGE = FOLDER / "galactus.1"


def script(shell: str) -> Path:
    return FOLDER / f"galactus.{shell}"


def completion(arguments: Namespace) -> int:
    sys.stdout.write(script(arguments.shell).read_text("utf-8"))
    return exit_codes.DONE
