"""The command line: what may be said, and which exit code comes back. Each verb is imported when it is used."""

import argparse
import errno
import importlib
import logging
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NoReturn

from console import __version__
from console.api import commands as cmd
from console.host import exit_codes
from console.host.lean_import import import_httpx
from console.host.surroundings import words
from profiles.wording import capital

_JSON = "as JSON, for programs"
_NAMED = "its name, as in: console.py status"
_ABOUT = (
    "The operator console for a talking character. Without a command: the operator's screen, which starts the show if "
    "none runs. Without a terminal: the show in the foreground, its events as JSON lines."
)
_EPILOG = (
    "Exit codes: 0 done, 2 usage or profile error, 3 an engine could not be made ready, "
    "4 the turn failed, 5 no show is running, 130 interrupted."
)


_LOG = "%(asctime)s %(message)s"
_CODES = {
    cmd.USAGE: exit_codes.USAGE,
    cmd.NO_ENGINE: exit_codes.NO_ENGINE,
    cmd.TURN_FAILED: exit_codes.TURN_FAILED,
    cmd.NO_SHOW: exit_codes.NO_SHOW,
}
_ROOMS = {
    "models": "console.cli.model_verbs",
    "check": "console.cli.preflight",
    "autostart": "console.cli.autostart",
    "logs": "console.cli.log_verbs",
    "completion": "console.cli.completion",
}
"""Verbs with a module of their own, where the function has the verb's name."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command. Never lets a traceback reach the operator: it goes to a file, and the line says where."""
    logging.raiseExceptions, logging.lastResort = False, None  # a log that cannot be written must not use the screen
    try:
        arguments = parser().parse_args(argv)
    except SystemExit:
        with suppress(BrokenPipeError, cmd.CommandError):  # --help | head -1
            _flush()
        raise
    return guarded(lambda given: _verb(given)(given), arguments)


def guarded(work: Callable[[argparse.Namespace], int], arguments: argparse.Namespace) -> int:
    """The exit code of `work`, whatever it raises."""
    try:
        code = work(arguments)
        _flush()
        return code
    except KeyboardInterrupt:
        _tell("Interrupted.")
        return exit_codes.INTERRUPTED
    except BrokenPipeError:
        with suppress(BrokenPipeError, cmd.CommandError):
            _flush()
        return exit_codes.DONE
    except Exception as error:
        with suppress(BrokenPipeError, cmd.CommandError):
            _flush()
        return _explain(error)


def _flush() -> None:
    """Here rather than at Python's own end, where a reader that has gone costs a traceback. Raises BrokenPipeError."""
    try:
        sys.stdout.flush()
    except OSError as error:
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise
        why = error.strerror or str(error)
        raise cmd.CommandError(cmd.NO_ENGINE, f"what was to be printed cannot be written ({why})") from None


def _tell(line: str) -> None:
    with suppress(OSError):  # nobody reads it, and the exit code speaks
        print(line, file=sys.stderr)


class _Parser(argparse.ArgumentParser):
    """One plain line for a mistake, like everywhere else."""

    def error(self, message: str) -> NoReturn:
        print(f"{capital(message)}; see: {self.prog} --help", file=sys.stderr)
        raise SystemExit(exit_codes.USAGE)


def parser(program: str = "console.py") -> argparse.ArgumentParser:
    common = _Parser(add_help=False)
    for flag in ("rig", "character"):
        common.add_argument(f"--{flag}", metavar="NAME|FILE", default=argparse.SUPPRESS, help=f"which {flag}")
    out = _Parser(prog=program, description=_ABOUT, epilog=_EPILOG, parents=[common])
    out.add_argument("--version", action="version", version=f"Galactus {__version__}")
    verbs = out.add_subparsers(dest="verb", metavar="COMMAND")

    def verb(name: str, words: str) -> argparse.ArgumentParser:
        return verbs.add_parser(name, help=words, description=words, parents=[common])

    run = verb("run", "run the show in the foreground")
    run.add_argument("--headless", action="store_true", help="events as JSON lines on stdout")
    run.add_argument("--last", action="store_true", help="the rig and character that played last, if none is named")
    _ask(verb("ask", "one turn: ask the character something"))
    verb("say", "speak a line in the character's voice").add_argument("text", type=words, nargs="+")
    verb("press", "hold the talk button")
    verb("release", "let the talk button go")
    verb("panic", "silence, jaw limp, nobody is answered until: console.py resume")
    verb("estop", "motors off at once, even when the show hangs; the screen's rig page acknowledges it")
    verb("resume", "lift a panic: visitors may come again")
    verb("restart", "stop and start one engine").add_argument("service", type=words, help=_NAMED)
    swap = verb("swap", "give an engine another model while the show is on")
    swap.add_argument("service", type=words, help=_NAMED)
    swap.add_argument("model", type=words, help="id of the catalogue, as in: console.py models")
    swap.add_argument("--device", choices=("auto", "cpu", "gpu"), help="where it shall run; else as the rig says")
    swap.add_argument("--json", action="store_true", help=_JSON)
    verb("attach", "open the operator's screen on a show that runs")
    verb("status", "what runs, and how it is").add_argument("--json", action="store_true", help=_JSON)
    verb("stop", "stop the show and everything it started")
    check = verb("check", "what is missing, and the one thing to do; a show that runs tries everything once")
    check.add_argument("--json", action="store_true", help=_JSON)
    check.add_argument("--beep", action="store_true", help="and beep: does the microphone hear the speaker?")
    check.add_argument("--sweep", action="store_true", help="and sweep the jaw slowly, if it is armed: hands away")
    verb("autostart", "start the show when this machine starts (systemd)").add_argument(
        "--remove", action="store_true", help="no longer"
    )
    _models(verb("models", "the model store"))
    _logs(verb("logs", "what the engines and the show said, now or in the last run"))
    shell = verb("completion", "print the completion script of a shell; make install puts it in its place")
    shell.add_argument("shell", choices=("bash", "zsh", "fish"))
    return out


def _ask(ask: argparse.ArgumentParser) -> None:
    given = ask.add_mutually_exclusive_group(required=True)
    given.add_argument("--wav", metavar="FILE", type=Path, help="a recorded question, any sound format, 30 s at most")
    given.add_argument("--text", type=words, help="a typed question")
    ask.add_argument("--json", action="store_true", help="print the whole turn as one JSON object")
    ask.add_argument("--out", metavar="FILE", type=Path, help="write what was heard as a WAV")
    ask.add_argument(
        "--timeout", metavar="S", type=seconds, help="give up after S seconds (default 120; 600 if it starts a show)"
    )


def _models(models: argparse.ArgumentParser) -> None:
    models.add_argument("action", nargs="?", choices=("list", "fetch", "verify", "rm"), default="list")
    models.add_argument("id", type=words, nargs="*", help="ids of the catalogue")
    models.add_argument("--json", action="store_true", help=_JSON)
    models.add_argument("--from", dest="source", metavar="FILE", type=Path, help="fetch from this file or folder")
    models.add_argument("--for-rig", metavar="NAME|FILE", action="append", default=[], help="all that this rig needs")


def _logs(logs: argparse.ArgumentParser) -> None:
    logs.add_argument(
        "service", type=words, nargs="?", default="all", help="its name, show for the show itself, or all (merged)"
    )
    logs.add_argument("-f", "--follow", action="store_true", help="the last lines, and those to come until Ctrl-C")
    logs.add_argument("--crash", action="store_true", help="why it crashed last, and a line for each crash before")


def has_terminal() -> bool:
    """Whether somebody sits at both ends: a screen can be drawn, and keys come from a person."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def _screen(arguments: argparse.Namespace) -> int:
    from console.tui.app.main import main as screen

    return screen(arguments)


def seconds(text: str) -> float:
    value = float(text)
    if not 0 < value <= 3600:
        raise argparse.ArgumentTypeError("between 0 and 3600 seconds")
    return value


def _verb(arguments: argparse.Namespace) -> Callable[[argparse.Namespace], int]:
    """The function behind a verb; importing it costs only those who use it."""
    for name in ("rig", "character"):
        if name not in arguments:
            setattr(arguments, name, None)
    if arguments.verb == "attach" or (arguments.verb is None and has_terminal()):
        from console.cli.terminal import open_screen

        return lambda given: open_screen(given, partial(guarded, _screen, given))
    if arguments.verb in (None, "run", "check", "models"):
        import_httpx()
    if arguments.verb in (None, "run"):
        from console.cli.headless import run

        return run
    if arguments.verb in ("check", "models"):
        import_httpx()
    room = importlib.import_module(_ROOMS.get(arguments.verb, "console.cli.show_verbs"))
    found: Callable[[argparse.Namespace], int] = getattr(room, arguments.verb)
    return found


def _explain(error: Exception) -> int:
    """One plain line, and the exit code that goes with the kind of error."""
    while isinstance(error, ExceptionGroup):  # a TaskGroup's wrapping; the first is the cause
        error = error.exceptions[0]
    if isinstance(error, ImportError):
        _tell(f"A part of Galactus cannot be loaded ({error}); mend it with: make setup")
        return exit_codes.NO_ENGINE
    if isinstance(error, MemoryError):
        _tell("There is too little memory; close other programs and try again.")
        return exit_codes.NO_ENGINE
    from console.api.client import NoShow
    from console.host.run_lock import AlreadyRunning
    from devices.errors import DeviceError
    from launchers.errors import FetchError
    from profiles.errors import ProfileError
    from supervisors.errors import ServiceError

    codes: dict[type[Exception], int] = {
        ProfileError: exit_codes.USAGE,
        DeviceError: exit_codes.USAGE,
        AlreadyRunning: exit_codes.USAGE,
        FetchError: exit_codes.NO_ENGINE,
        ServiceError: exit_codes.NO_ENGINE,
        NoShow: exit_codes.NO_SHOW,
    }
    if isinstance(error, cmd.CommandError):
        code = _CODES[error.code]
    elif isinstance(error, OSError) and error.errno is not None:
        _tell(_os_trouble(error))
        return exit_codes.NO_ENGINE
    else:
        code = next((c for kind, c in codes.items() if isinstance(error, kind)), 1)
    if code != 1:
        _tell(_sentence(str(error)))
        return code
    return _unforeseen(error)


def _os_trouble(error: OSError) -> str:
    from profiles.home import Home

    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        if error.filename is None and _room(Home.from_environment().root):
            return "What was to be printed has no room where it goes; send it elsewhere."
        from console.host.disk_space import of_error

        lack = of_error(error, Home.from_environment().root)
        return f"{capital(lack.detail)}; {lack.mend}."
    what = f"{error.filename or 'The system'}: {error.strerror}"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{what}; check whose it is, or set GALACTUS_HOME to a folder that you may write to."
    if error.errno == errno.ENOENT and not error.filename:
        return "The folder that you are in is gone; go to another one and try again."
    return f"{what}; mend that and try again."


def _room(root: Path) -> bool:
    import shutil

    there = next(folder for folder in (root, *root.parents) if folder.exists())
    return shutil.disk_usage(there).free > 1 << 20


def _sentence(text: str) -> str:
    plain = " ".join(text.split())
    return plain if plain.endswith((".", "!", "?")) else plain + "."


def _unforeseen(error: Exception) -> int:
    from profiles.home import Home

    try:
        path = Home.from_environment().root / "errors.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        logging.basicConfig(filename=path, encoding="utf-8", errors="backslashreplace", format=_LOG)
        logging.getLogger(__name__).error("unforeseen", exc_info=error)
        where = f"the details are in {path}"
    except OSError:
        where = f"it was {type(error).__name__}: {error}"
    _tell(f"Something went wrong inside Galactus; {where}.")
    return 1
