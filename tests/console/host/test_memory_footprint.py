"""A show reads no more of its libraries than it needs."""

import re
import subprocess
import sys

import pytest

from profiles.home import CHECKOUT

_START = """
import sys
from console.host.lean_import import import_httpx
import_httpx()
import console.cli.headless, console.show.show, httpx
assert not {"rich", "pygments", "click"} & sys.modules.keys(), sys.modules.keys() & {"rich", "pygments", "click"}
assert httpx.Client and httpx.AsyncClient
import click, rich
import_httpx()
assert sys.modules["click"] is click
"""


def test_httpx_comes_without_its_command_line() -> None:
    done = subprocess.run([sys.executable, "-c", _START], cwd=CHECKOUT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


_COMMAND = """
import sys
from console.cli.main import _verb, parser
_verb(parser().parse_args(sys.argv[1:]))
print(*sorted({"numpy", "httpx", "rich", "textual"} & sys.modules.keys()))
"""


@pytest.mark.parametrize("words", ["status", "say hello", "press", "panic", "estop", "stop", "restart tts", "logs"])
def test_a_command_to_a_show_brings_no_engines(words: str) -> None:
    """It has to be there at once: an emergency stop does not wait half a second for a web client."""
    command = (sys.executable, "-c", _COMMAND, *words.split())
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stdout == "\n", (done.stdout, done.stderr)


def test_numpys_percentile_is_not_asked_for() -> None:
    """It brings numpy.ma into memory, 4 MB, in the midst of a turn; conversation.audio.quantile does not."""
    rooms = ("console", "conversation", "clients", "devices", "profiles", "supervisors")
    files = [file for room in rooms for file in (CHECKOUT / room).rglob("*.py")]
    assert len(files) > 200
    greedy = re.compile(r"np\.(nan)?(percentile|quantile|median|cov|corrcoef|ma)\b")
    assert not [file.name for file in files if greedy.search(file.read_text("utf-8"))]
