"""`make` under odd surroundings (F37), with a pip and a uv of a few lines: no network, and no second for a real one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from profiles.home import CHECKOUT

PYTHON = """#!/bin/sh
# A Python whose environments get the pip below.
real={real}
[ "$1 $2" = "-m venv" ] || exec "$real" "$@"
[ "$FAILS" != venv ] || exit 1
for last; do :; done
"$real" "$@" --without-pip || exit
site=$(echo "$last"/lib/python*/site-packages)
mkdir "$site/pip" 2>/dev/null
cp "{folder}/pip.py" "$site/pip/__main__.py"
printf '#!%s\\n' "$(cd "$last" && pwd -P)/bin/python" > "$last/bin/pip"
"""
PIP = """
import os, pathlib, sys
with open(os.environ["SAID"], "a") as said:
    print(*sys.argv[1:], file=said)
if os.environ.get("PIP_USER") and "install" in sys.argv:
    sys.exit("Can not perform a '--user' install.")
if os.environ.get("PIP_CONFIG_FILE") != os.devnull and "install" in sys.argv:
    sys.exit("user = true, says a pip.conf")
if os.environ.get("FAILS") == sys.argv[2 if sys.argv[1].startswith("-") else 1]:
    sys.exit("the line went dead")
if "install" in sys.argv:
    elsewhere = os.environ.get("PIP_TARGET") or os.environ.get("PIP_PREFIX")
    uv = pathlib.Path(elsewhere or sys.prefix, "uv" if elsewhere else "bin/uv")
    fails = "case $FAILS.$2 in sync.sync|download.sync) exit 2; esac"
    uv.write_text(f"#!/bin/sh\\necho uv $@ >> $SAID\\n{fails}\\necho uv 0\\n")
    uv.chmod(0o755)
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """What make needs of a checkout, in a folder with a space in its name."""
    folder = tmp_path / "a checkout"
    (folder / "requirements").mkdir(parents=True)
    shutil.copy(CHECKOUT / "Makefile", folder)
    for name in ("bootstrap", "console", "dev"):
        (folder / "requirements" / f"{name}.lock").touch()
    for name in "console launchers clients devices conversation profiles supervisors".split():
        (folder / name).mkdir()
    (folder / "console.py").write_text("import of_the_console\n")
    (tmp_path / "pip.py").write_text(PIP)
    python = tmp_path / "python"
    python.write_text(PYTHON.format(real=os.path.realpath(sys.executable), folder=tmp_path))
    python.chmod(0o755)
    return folder


def make(tree: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    said = tree.parent / "said"
    said.write_text("")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "MAKE", "MFLAGS"))}
    environment |= {"SAID": str(said), **variables}
    command = ("make", f"PYTHON={shutil.which(str(tree.parent / 'python'))}", *words, ".venv/.console")
    return subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, timeout=100)


def whole(tree: Path) -> bool:
    """And nothing is left to do."""
    done = make(tree)
    return (tree / ".venv" / ".console").exists() and done.returncode == 0 and done.stderr == "" and not said(tree)


def said(tree: Path) -> list[str]:
    """What pip and uv were asked for, but whether uv is well."""
    lines = (tree.parent / "said").read_text().splitlines()
    return [line for line in lines if line != "uv --version"]


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"PIP_USER": "1"},
        {"PIP_TARGET": "/tmp", "PIP_PREFIX": "/tmp", "PIP_ROOT": "/tmp"},
        {"PYTHONHOME": "/nonexistent", "PYTHONPATH": "{}", "PYTHONOPTIMIZE": "2", "PYTHONWARNINGS": "error"},
        {"MAKEFLAGS": "-j8", "CDPATH": "/:/tmp", "VIRTUAL_ENV": "/nowhere", "UV_SYSTEM_PYTHON": "1"},
    ],
)
def test_variables_of_other_programs_do_not_matter(tree: Path, variables: dict[str, str]) -> None:
    (tree.parent / "venv.py").write_text("raise RuntimeError('not for you')\n")
    done = make(tree, **{name: value.format(tree.parent) for name, value in variables.items()})
    assert done.returncode == 0 and done.stderr == "", done
    assert os.access(tree / ".venv" / "bin" / "uv", os.X_OK) and whole(tree)


@pytest.mark.parametrize("step", ["download", "install"])
def test_what_breaks_off_is_done_again(tree: Path, step: str) -> None:
    assert make(tree, FAILS=step).returncode != 0
    assert not (tree / ".venv" / "bin" / "uv").exists() and not (tree / ".venv" / ".console").exists()
    assert make(tree).returncode == 0 and whole(tree)


def _empty_uv(tree: Path) -> None:
    """As `touch` leaves it."""
    (tree / ".venv" / "bin" / "uv").unlink()
    (tree / ".venv" / "bin" / "uv").touch()


def _half_uv(tree: Path) -> None:
    (tree / ".venv" / "bin" / "uv").write_bytes(b"")


def _move(tree: Path) -> None:
    shutil.copytree(tree, tree.with_name("old"), symlinks=True)
    shutil.rmtree(tree)
    shutil.move(tree.with_name("old"), tree.with_name("moved"))
    tree.symlink_to("moved")


def _python_gone(tree: Path) -> None:
    for name in ("python", "python3", f"python3.{sys.version_info[1]}"):
        (tree / ".venv" / "bin" / name).unlink(missing_ok=True)
    (tree / ".venv" / "bin" / "python").symlink_to("/usr/bin/python-of-yesterday")


def _other_python(tree: Path) -> None:
    (lib,) = (tree / ".venv" / "lib").iterdir()
    lib.rename(lib.with_name("python3.99"))


@pytest.mark.parametrize("harm", [_empty_uv, _half_uv, _move, _python_gone, _other_python])
def test_an_environment_that_is_not_whole_is_made_anew_with_a_word(tree: Path, harm: object) -> None:
    """An empty uv is what a pip that installs elsewhere used to leave behind, for good."""
    assert make(tree).returncode == 0
    assert callable(harm)
    harm(tree)
    done = make(tree)
    assert done.returncode == 0 and done.stderr.count("\n") == 1 and "making it again" in done.stderr, done
    assert whole(tree)


@pytest.mark.parametrize("step", ["download", "install", "sync"])
@pytest.mark.parametrize("harm", [_half_uv, _move])
def test_without_a_network_the_environment_of_before_comes_back(tree: Path, harm: object, step: str) -> None:
    """One that was only moved still runs, and a booth has no network."""
    assert make(tree).returncode == 0
    (tree / ".venv" / "mine").touch()
    assert callable(harm)
    harm(tree)
    for _ in range(2):
        done = make(tree, FAILS=step)
        assert done.returncode != 0 and "The environment of before is back" in done.stderr, done
        assert (tree / ".venv" / "mine").exists() and not (tree / ".venv.old").exists()
        assert subprocess.run([tree / ".venv" / "bin" / "python", "-c", ""], check=False).returncode == 0
    assert make(tree).returncode == 0 and whole(tree) and not (tree / ".venv.old").exists()


def test_what_was_broken_off_halfway_is_put_back_as_well(tree: Path) -> None:
    """The power went while the new one was made."""
    assert make(tree).returncode == 0
    (tree / ".venv" / "mine").touch()
    (tree / ".venv").rename(tree / ".venv.old")
    (tree / ".venv").mkdir()
    assert make(tree, FAILS="download").returncode != 0 and (tree / ".venv" / "mine").exists()


def _complete(tree: Path) -> None:
    """What only a network brings, and `console.py` needs."""
    assert make(tree).returncode == 0
    (site,) = (tree / ".venv" / "lib").glob("python*/site-packages")
    (site / "of_the_console.py").touch()


def _console_runs(tree: Path) -> bool:
    console = (tree / ".venv" / "bin" / "python", "console.py")
    return subprocess.run(console, cwd=tree, stderr=subprocess.DEVNULL).returncode == 0


@pytest.mark.parametrize("step", ["venv", "download", "install", "sync"])
@pytest.mark.parametrize("again", [1, 3])
def test_without_a_network_a_moved_checkout_keeps_the_console_that_runs(tree: Path, step: str, again: int) -> None:
    _complete(tree)
    _move(tree)
    for _ in range(again):
        done = make(tree, FAILS=step)
        assert done.returncode == 0 and "Its console still runs" in done.stderr, done
        assert _console_runs(tree) and not (tree / ".venv.old").exists()
    assert make(tree).returncode == 0 and whole(tree) and not (tree / ".venv.old").exists()
    assert not _console_runs(tree)  # this one is new, and its makers here install no console


def test_what_was_broken_off_in_the_middle_finds_its_way_back(tree: Path) -> None:
    """The machine was switched off; what is there is half of a new one, and the old one beside it."""
    _complete(tree)
    _move(tree)
    (tree / ".venv").rename(tree / ".venv.old")
    (tree / ".venv" / "bin").mkdir(parents=True)
    assert make(tree, FAILS="download").returncode == 0 and _console_runs(tree)
    (tree / ".venv.old" / "lib").mkdir(parents=True)  # one that was being removed
    assert make(tree, FAILS="download").returncode == 0 and _console_runs(tree)


@pytest.mark.parametrize("harm", [_python_gone, _other_python])
def test_a_console_that_does_not_run_is_not_passed_off_as_one(tree: Path, harm: object) -> None:
    _complete(tree)
    assert callable(harm)
    harm(tree)
    assert make(tree, FAILS="download").returncode != 0
    assert make(tree).returncode == 0 and whole(tree)


def test_a_link_that_leads_nowhere_is_no_environment(tree: Path) -> None:
    (tree / ".venv").symlink_to("gone")
    assert make(tree).returncode == 0 and whole(tree)


def test_a_python_that_is_too_old_is_told(tree: Path) -> None:
    (tree.parent / "python").write_text("#!/bin/sh\nexit 1\n")
    done = make(tree)
    assert done.returncode != 0 and "Python 3.11 or newer is needed here" in done.stderr.splitlines()[0]
