"""`autostart`: the show comes back by itself after a power cut, as a systemd unit of the user."""

import os
import shlex
import shutil
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

from console.api import commands as cmd
from console.host import exit_codes
from console.host.last_show import given, recall
from console.host.show_finder import DEFAULT_RIG
from profiles.files import replace_file
from profiles.home import CHECKOUT, Home
from profiles.loader import load_character, load_rig

UNIT = "galactus.service"
_CARRIED = ("GALACTUS_HOME", "PATH")
"""With another PATH, `binary = "auto"` would choose other engines than in the operator's terminal."""
_BOOTED = Path("/run/systemd/system")
"""There when systemd runs this machine: sd_booted(3)."""
_TEMPLATE = """\
# Written by: console.py autostart. Changes of your own survive in a drop-in: systemctl --user edit {unit}
[Unit]
Description=Galactus, the talking character
After=pipewire.service wireplumber.service pulseaudio.service
StartLimitIntervalSec=600
StartLimitBurst=20

[Service]
Type=exec
{environment}
ExecStart=:{command}
# Every event is in the run's own log; the journal gets what the show says to people.
StandardOutput=null
# Only the show is signalled: it stops its engines in order. When it crashes instead, they live on for a while, and the
# show that is started in its place adopts them; if none comes, they end by themselves.
KillMode=process
TimeoutStopSec=40
Restart=on-failure
RestartSec=1
# A mistake in a profile is not mended by one more start.
RestartPreventExitStatus=2
SuccessExitStatus=130
# An engine that ran out of memory is for the show to mend; systemd would stop everything.
OOMPolicy=continue

[Install]
WantedBy=default.target
"""


def autostart(arguments: Namespace) -> int:
    """Write and enable the unit, or undo that. Nothing is started or stopped now. Raises CommandError, ProfileError."""
    home, path = Home.from_environment(), _folder() / UNIT
    if arguments.remove and not path.exists():
        print("The show did not start by itself; there is nothing to remove.", file=sys.stderr)
        return exit_codes.DONE
    words = _command(arguments, home)
    systemctl = shutil.which("systemctl")
    if systemctl is None:
        raise cmd.CommandError(cmd.USAGE, _elsewhere(words))
    if arguments.remove:
        return _remove(systemctl, path)
    _write(path, unit(words))
    _enable(systemctl, path)
    for line in _next_steps(arguments, home):
        print(line, file=sys.stderr)
    return exit_codes.DONE


def unit(words: list[str]) -> str:
    """The unit file that runs these words."""
    carried = (f"{name}={value}" for name in _CARRIED if (value := os.environ.get(name)))
    return _TEMPLATE.format(
        unit=UNIT,
        environment="\n".join(f"Environment={quoted(setting)}" for setting in carried),
        command=" ".join(map(quoted, words)),
    )


def quoted(word: str) -> str:
    """As systemd reads a word (systemd.syntax(7)): C escapes in double quotes; a single `%` begins a specifier."""
    for plain, escaped in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("%", "%%")):
        word = word.replace(plain, escaped)
    return f'"{word}"'


def _command(arguments: Namespace, home: Home) -> list[str]:
    """What was named stays named; else each start looks up what played last. Raises CommandError, ProfileError."""
    if set(sys.executable) & set("\"'\\"):  # systemd: "Executable path contains special characters"
        raise cmd.CommandError(
            cmd.USAGE, f"systemd runs no program with a quote or a backslash in its path; move {CHECKOUT} elsewhere"
        )
    words = [sys.executable, str(CHECKOUT / "console.py"), "run", "--headless", "--last"]
    if arguments.rig is not None:
        words += ["--rig", given(load_rig(arguments.rig, home))]
    if arguments.character is not None:
        words += ["--character", given(load_character(arguments.character, home))]
    return words


def _elsewhere(words: list[str]) -> str:
    line = shlex.join(words)
    if sys.platform == "darwin":
        return (
            "macOS has no systemd; save the next line as galactus.command, make it executable, and add it under "
            f"System Settings, General, Login Items: {line}"
        )
    return f"there is no systemctl here, so no systemd; let what starts programs on this machine run: {line}"


def _folder() -> Path:
    config = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(config) if os.path.isabs(config) else Path.home() / ".config") / "systemd" / "user"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, text.encode("utf-8", "surrogateescape"))


def _enable(systemctl: str, path: Path) -> None:
    if trouble := _say([systemctl, "--user", "enable", UNIT]):
        raise cmd.CommandError(
            cmd.NO_ENGINE,
            f"{path} was written, but systemd did not take it ({trouble}); say in a terminal of your own log-in: "
            f"systemctl --user enable {UNIT}",
        )
    print(f"The show now starts by itself when you log in: {path} was written and enabled.", file=sys.stderr)


def _remove(systemctl: str, path: Path) -> int:
    if trouble := _say([systemctl, "--user", "disable", UNIT]):
        raise cmd.CommandError(cmd.NO_ENGINE, f"systemd did not let go of {UNIT} ({trouble}); nothing was removed")
    path.unlink()
    _say([systemctl, "--user", "daemon-reload"])
    print(f"The show no longer starts by itself: {path} is gone. A show that runs goes on.", file=sys.stderr)
    return exit_codes.DONE


def _next_steps(arguments: Namespace, home: Home) -> list[str]:
    last = recall(home)
    rig = arguments.rig or (last.rig_given if last else DEFAULT_RIG)
    which = "this rig" if arguments.rig else "the rig that ran last"
    steps = [f"It plays {which}, now {rig}. To start it at once: systemctl --user start {UNIT}"]
    if not _lingers():
        steps.append("To have it run without a log-in, after a power cut, say once: loginctl enable-linger")
    if not _BOOTED.is_dir():
        steps.append(
            "Right now systemd does not run this machine, so nothing will start. On WSL2: write systemd=true under "
            "[boot] in /etc/wsl.conf, and restart it."
        )
    return steps


def _lingers() -> bool:
    """Whether this user's programs run without a log-in already."""
    loginctl = shutil.which("loginctl")
    if loginctl is None:
        return False
    asked = [loginctl, "show-user", str(os.getuid()), "--property=Linger", "--value"]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() == "yes"


def _say(words: list[str]) -> str:
    """What went wrong, in the program's last words; empty when all went well."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    said = done.stderr.strip().splitlines()
    return "" if done.returncode == 0 else (said[-1].rstrip(".") if said else f"exit code {done.returncode}")
