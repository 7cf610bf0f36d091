"""A show reads no more of its libraries than it needs."""

import subprocess
import sys

from profiles.home import CHECKOUT

_START = """
import sys
from console.lean import import_httpx
import_httpx()
import console.headless, console.show, httpx
assert not {"rich", "pygments", "click"} & sys.modules.keys(), sys.modules.keys() & {"rich", "pygments", "click"}
assert httpx.Client and httpx.AsyncClient
import click, rich
import_httpx()
assert sys.modules["click"] is click
"""


def test_httpx_comes_without_its_command_line() -> None:
    done = subprocess.run([sys.executable, "-c", _START], cwd=CHECKOUT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
