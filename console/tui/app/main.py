"""Runs the screen in this process, from finding or starting a show to the operator's last word."""

import asyncio
import gc
import logging
import os
import sys
from argparse import Namespace
from contextlib import suppress
from typing import TYPE_CHECKING

from console.api.client import NoShow
from console.host import exit_codes, show_finder
from profiles.home import Home
from profiles.loader import load_character

if TYPE_CHECKING:
    from console.tui.app.app import ConsoleApp


def main(arguments: Namespace) -> int:
    """The show is started before the widgets are imported: on two cores both come up side by side."""
    gc.disable()  # until the first frame: nothing of what is made now is garbage
    home = Home.from_environment()
    if arguments.character is not None:
        load_character(arguments.character, home)  # a wrong name is told before anything is opened
    show = show_finder.find(arguments, home)
    if show is None and arguments.verb == "attach":
        raise NoShow("no show is running; start one with: make show")
    newborn = show_finder.spawn(arguments, home) if show is None else None
    folder = newborn.folder if newborn else home.state(show.rig if show else "")

    from console.tui.app.app import FRAME_S, REMOTE_FRAME_S, ConsoleApp
    from console.tui.client.show_connection import ShowConnection
    from console.tui.input.drivers import driver

    _keep_errors(home)
    for name in ("COLUMNS", "LINES"):
        os.environ.pop(name, None)  # Rich believes them before the terminal
    app = ConsoleApp(
        ShowConnection(folder, newborn),
        arguments,
        frame_s=REMOTE_FRAME_S if "SSH_CONNECTION" in os.environ else FRAME_S,
        driver_class=driver(os.environ),
    )
    answer = app.run()
    if app.return_code:
        return exit_codes.SCREEN_FAILED
    if answer == "stop" and app.link.show is None and (born := app.link.born or newborn) is not None:
        show_finder.end(born.child)
    return _after(answer or "leave", app, home)


def _keep_errors(home: Home) -> None:
    """What the screen trips over goes to a file; the terminal belongs to the operator."""
    folder = home.root / "state"
    with suppress(OSError):  # a full disk must not keep an operator from a show that runs
        folder.mkdir(parents=True, exist_ok=True)
        logging.basicConfig(
            filename=folder / "screen.log",
            encoding="utf-8",
            errors="backslashreplace",
            format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        )


def _after(answer: str, app: "ConsoleApp", home: Home) -> int:
    picture, show = app.link.picture, app.link.show
    if picture.link == "failed":
        print(f"The show did not start: {picture.trouble}.", file=sys.stderr)
        return exit_codes.NO_ENGINE
    if answer == "stop" and show is not None:
        print("Stopping the show …", file=sys.stderr)
        asyncio.run(show_finder.stop(show, home))
        print(f"The show of the rig {show.rig} has stopped.", file=sys.stderr)
    elif answer != "stop" and picture.link in ("live", "starting"):
        print("The show goes on without a screen. Come back with: console.py attach", file=sys.stderr)
        print("Stop it with: console.py stop", file=sys.stderr)
    return exit_codes.DONE
