"""A show that comes back after a power cut: what it remembers, and the unit that systemd is given."""

import json
import os
import shutil
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from console.api.commands import Play
from console.cli import autostart, headless
from console.cli.main import main
from console.host import last_show
from console.host.last_show import LastShow, recall, remember
from console.host.run_lock import RunLock
from profiles.home import CHECKOUT, Home
from profiles.loader import load_character, load_rig
from tests.support.real_show import RealShow

NOBODY = "".join(f'[engines.{role}]\nlaunch = "attach"\nurl = "http://127.0.0.1:9"\n' for role in ("stt", "llm", "tts"))
"""A rig whose engines somebody else runs, only that nobody does: its show is up at once."""
FAKE_SYSTEMCTL = """\
#!/bin/sh
echo "$@" >> "$CALLS"
case "$*" in *"$REFUSE"*) echo "Failed to connect to bus: No medium found." >&2; exit 1;; esac
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for everything, and a PATH with nothing on it but a systemctl that notes how it is called."""
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "systemctl").write_text(FAKE_SYSTEMCTL)
    (tools / "systemctl").chmod(0o755)
    (tmp_path / "booted").mkdir()
    monkeypatch.setattr(autostart, "_BOOTED", tmp_path / "booted")
    monkeypatch.setattr(sys, "platform", "linux")
    settings = {"PATH": tools, "CALLS": tmp_path / "calls", "XDG_CONFIG_HOME": tmp_path / "config"}
    for name, value in (settings | {"GALACTUS_HOME": tmp_path / "home", "REFUSE": "nothing"}).items():
        monkeypatch.setenv(name, str(value))
    return tmp_path


def unit_file(machine: Path) -> Path:
    return machine / "config" / "systemd" / "user" / "galactus.service"


def calls(machine: Path) -> list[str]:
    return (machine / "calls").read_text().splitlines()


def settings(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if "=" in line and not line.startswith("#"):
            found.setdefault(line.partition("=")[0], []).append(line.partition("=")[2])
    return found


def test_the_unit_is_written_enabled_and_explained(machine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["autostart"]) == 0
    unit, said = settings(unit_file(machine).read_text()), capsys.readouterr()
    assert unit["ExecStart"] == [f':"{sys.executable}" "{CHECKOUT}/console.py" "run" "--headless" "--last"']
    assert f'"GALACTUS_HOME={machine}/home"' in unit["Environment"]
    assert (unit["KillMode"], unit["Restart"], unit["RestartPreventExitStatus"]) == (["process"], ["on-failure"], ["2"])
    assert float(unit["RestartSec"][0]) < 30 < float(unit["TimeoutStopSec"][0]), "in time to adopt; time to stop"
    assert calls(machine) == ["--user enable galactus.service"], "enabled, and nothing is started"
    assert said.out == "" and "loginctl enable-linger" in said.err and "rehearsal" in said.err
    assert "systemctl --user start galactus.service" in said.err and "WSL" not in said.err


def test_it_is_undone(machine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["autostart"]) == 0 and main(["autostart", "--remove"]) == 0
    assert not unit_file(machine).exists()
    assert calls(machine)[1:] == ["--user disable galactus.service", "--user daemon-reload"]
    capsys.readouterr()
    assert main(["autostart", "--remove"]) == 0
    assert "nothing to remove" in capsys.readouterr().err and len(calls(machine)) == 3


def test_a_systemd_that_refuses_is_one_plain_line(
    machine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REFUSE", "enable")
    assert main(["autostart"]) == 3
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "No medium found" in said and "systemctl --user enable" in said
    assert unit_file(machine).exists()
    monkeypatch.setenv("REFUSE", "disable")
    assert main(["autostart", "--remove"]) == 3 and unit_file(machine).exists()


@pytest.mark.parametrize(("platform", "hint"), [("darwin", "Login Items"), ("linux", "no systemctl")])
def test_without_systemd_the_command_is_told(
    platform: str, hint: str, machine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    (machine / "bin" / "systemctl").unlink()
    assert main(["autostart"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and hint in said and "run --headless --last" in said
    assert not unit_file(machine).exists()


def test_who_lingers_or_has_no_systemd_now_is_told_so(machine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (machine / "booted").rmdir()
    (machine / "bin" / "loginctl").write_text("#!/bin/sh\necho yes\n")
    (machine / "bin" / "loginctl").chmod(0o755)
    assert main(["autostart"]) == 0
    said = capsys.readouterr().err
    assert "enable-linger" not in said and "systemd does not run this machine" in said


def test_a_rig_that_is_named_stays_named(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (machine / "booth.toml").write_text('extends = "quick"\n')
    monkeypatch.chdir(machine)
    assert main(["autostart", "--rig", "booth.toml", "--character", "captain_brine"]) == 0
    words = settings(unit_file(machine).read_text())["ExecStart"][0]
    assert words.endswith(f'"--rig" "{machine}/booth.toml" "--character" "captain_brine"')
    assert main(["autostart", "--rig", "nonsense"]) == 2


def test_a_path_that_systemd_cannot_run_is_told(
    machine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "executable", "/home/bob's/.venv/bin/python")
    assert main(["autostart"]) == 2
    assert "move" in capsys.readouterr().err and not unit_file(machine).exists()


@pytest.mark.parametrize(
    ("folder", "beside"), [("plain", "home"), ("two words", "two words"), ("50% $HOME %h", 'a "b" \\ c\'s %h $X')]
)
def test_systemd_reads_what_we_mean(folder: str, beside: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`systemd-analyze verify` looks for the program that the unit names: wrong quotes, and it is not found."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("no systemd-analyze here")
    program = tmp_path / folder / "python"
    program.parent.mkdir()
    program.symlink_to(sys.executable)
    monkeypatch.setenv("GALACTUS_HOME", str(tmp_path / beside))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    path = tmp_path / autostart.UNIT
    path.write_text(autostart.unit([str(program), str(tmp_path / beside / "console.py"), "run"]))
    done = subprocess.run([analyze, "--user", "--man=no", "verify", str(path)], capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    path.write_text(path.read_text().replace("/python", "/no-such-python"))
    wrong = subprocess.run([analyze, "--user", "--man=no", "verify", str(path)], capture_output=True, text=True)
    assert wrong.returncode != 0 and f"{folder}/no-such-python" in wrong.stderr, "it would have told"


def test_what_played_last_is_found_again_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path / "home")
    home.state("quick").mkdir(parents=True)
    assert recall(home) is None
    remember(home, load_rig("quick", home), load_character("mr_bones", home))
    assert recall(home) == LastShow(rig="quick", character="mr_bones")
    (tmp_path / "booth.toml").write_text('extends = "quick"\n')
    (tmp_path / "ghost.toml").write_text('extends = "mr_bones"\n')
    monkeypatch.chdir(tmp_path)
    remember(home, load_rig("booth.toml", home), load_character("ghost.toml", home))
    monkeypatch.chdir("/")
    last = recall(home)
    assert last is not None and last.rig_file == str(tmp_path / "booth.toml")
    assert load_rig(last.rig_given, home).name == last.rig
    assert load_character(last.character, home).file == str(tmp_path / "ghost.toml")
    assert [p.name for p in (home.root / "state").glob("last*")] == ["last.json"]
    (home.root / "state" / "last.json").write_bytes(b'{"rig": "bo')
    assert recall(home) is None


def test_a_memory_that_cannot_be_kept_does_not_stop_a_show(tmp_path: Path) -> None:
    home = Home(tmp_path / "nowhere")
    remember(home, load_rig("quick", home), load_character("mr_bones", home))
    assert recall(home) is None


@pytest.mark.parametrize(
    ("kept", "words", "chosen"),
    [
        (None, {}, ("rehearsal", "mr_bones")),
        (b"\0\0\0\0", {}, ("rehearsal", "mr_bones")),
        (b'{"rig": "quick", "character": "captain_brine"}', {}, ("quick", "captain_brine")),
        (b'{"rig": "quick", "character": "captain_brine"}', {"rig": "rehearsal"}, ("rehearsal", "captain_brine")),
        (b'{"rig": "quick", "character": "captain_brine"}', {"character": "mr_bones"}, ("quick", "mr_bones")),
        (b'{"rig": "quick", "character": "/gone/ghost.toml"}', {}, ("quick", "mr_bones")),
    ],
)
def test_who_plays(kept: bytes | None, words: dict[str, str], chosen: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    if kept is not None:
        (tmp_path / "state" / "last.json").write_bytes(kept)
    arguments = Namespace(**{"rig": None, "character": None, "last": True} | words)
    rig, character = headless._chosen(arguments, Home(tmp_path))
    assert (rig.name, character.name) == chosen


@pytest.fixture
def nobody(tmp_path: Path) -> Iterator[Path]:
    rig = tmp_path / "nobody.toml"
    rig.write_text('extends = "quick"\n' + NOBODY + "[engines.standby]\nenabled = false\n")
    yield rig


def started(show: RealShow) -> dict[str, Any]:
    """Starts it; returns its first event once operators are heard."""
    out = show.home / "show.out"
    words = [sys.executable, show.program, "run", "--headless", *show.arguments]
    with out.open("wb") as stdout, (show.home / "show.err").open("wb") as stderr:
        show.process = subprocess.Popen(
            words, env=show.environment, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr
        )
    deadline = time.monotonic() + 20
    while b'"ShowStarted"' not in out.read_bytes():
        assert show.process.poll() is None and time.monotonic() < deadline, (show.home / "show.err").read_text()
        time.sleep(0.02)
    return next(e for e in show.events() if e["type"] == "ShowStarted")


def test_the_show_remembers_and_comes_back(nobody: Path, tmp_path: Path) -> None:
    show = RealShow(tmp_path / "home", "--rig", str(nobody))
    show.home.mkdir()
    again = RealShow(show.home)
    again.arguments, again.rig = ("--last",), show.rig
    try:
        assert started(show)["character"] == "mr_bones"
        kept = json.loads((show.home / "state" / "last.json").read_bytes())
        assert kept == {"rig": show.rig, "rig_file": str(nobody), "character": "mr_bones"}
        show.call_now(Play(character="captain_brine"))
        refused = show.cli("run", "--headless", "--rig", str(nobody))
        polite = show.cli("run", "--headless", "--last")
        assert (refused.returncode, polite.returncode) == (2, 0) and "is running already" in polite.stderr
        assert show.process is not None
        show.process.kill()
        show.process.wait()
        came = started(again)
        assert (came["rig"], came["character"]) == (show.rig, "captain_brine")
    finally:
        again.end()
        show.end()


def test_only_a_start_by_the_machine_is_polite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GALACTUS_HOME", str(tmp_path))
    with RunLock(Home(tmp_path), "rehearsal"):
        assert main(["run", "--headless", "--last"]) == 0
        assert capsys.readouterr().err == "This show is running already; it is left as it is.\n"
        assert main(["run", "--headless"]) == 2
        assert "stop it first" in capsys.readouterr().err
    assert last_show.recall(Home(tmp_path)) is None, "it never was up"
    assert os.listdir(tmp_path / "state" / "rehearsal") == ["show.lock"]
