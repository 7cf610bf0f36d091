"""A terminal made of a pty and a thread, which speaks the kitty keyboard protocol, or does not."""

import os
import pty
import re
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from profiles.home import CHECKOUT

_ORDER = re.compile(rb"\x1b\[(?:(\?u)|(c)|>(\d*)u|<(\d*)u|\?1049([hl]))")
FULL = 0b11111
"""All that the protocol has."""
PATIENCE_S = 40.0


class KittyPty:
    """Runs the screen. `flags`: what this terminal can do, None = it has never heard of the protocol; `answers`:
    whether it at least says what it is.
    """

    def __init__(self, home: Path, *words: str, flags: int | None = FULL, answers: bool = True) -> None:
        self._able, self._answers = flags, answers
        self._own, child = pty.openpty()
        termios.tcsetwinsize(self._own, (40, 130))
        environment = {
            **os.environ, "GALACTUS_HOME": str(home), "TERM": "xterm-256color", "COLORTERM": "truecolor",
            "LANG": "C.UTF-8",
        }  # fmt: skip
        command = [sys.executable, str(CHECKOUT / "console.py"), *words]
        self.process = subprocess.Popen(command, stdin=child, stdout=child, stderr=child, env=environment)
        os.close(child)
        self.seen = b""
        self._done = 0
        self.alternate = False
        self.stacks: dict[bool, list[int]] = {False: [], True: []}
        """Of flags, one for each screen, as in a real one."""
        self.pushes: list[int] = []
        self._reader = threading.Thread(target=self._read, name="terminal")
        self._reader.start()

    @property
    def on(self) -> int:
        """The flags that are in force."""
        stack = self.stacks[self.alternate]
        return stack[-1] if stack else 0

    def _read(self) -> None:
        """Until the last one who had the terminal is gone."""
        with suppress(OSError):
            while data := os.read(self._own, 65_536):
                self.seen += data
                for order in _ORDER.finditer(self.seen, self._done):
                    self._done = order.end()
                    self._obey(order)

    def _obey(self, order: re.Match[bytes]) -> None:
        which, attributes, push, pop, screen = order.groups()
        if screen is not None:
            self.alternate = screen == b"h"
        elif attributes is not None:
            self.send("\x1b[?62;22c" if self._answers else "")
        elif push is not None:
            self.pushes.append(int(push))
            if self._able is not None:
                self.stacks[self.alternate].append(int(push) & self._able)
        elif pop is not None:
            del self.stacks[self.alternate][-int(pop or 1) :]
        elif which is not None and self._able is not None:
            self.send(f"\x1b[?{self.on}u")

    def send(self, text: str) -> None:
        os.write(self._own, text.encode())

    def press(self, character: str, shift: bool = False) -> str:
        """What the key with this character sends now, in the protocol's words where it is on."""
        if not self.on & 8:
            return character
        codes = {"\r": "\x1b[13u", "\x1b": "\x1b[27u"}
        modifiers = "2" if shift else ""
        return codes.get(character, f"\x1b[{ord(character.lower())};{modifiers};{ord(character)}u")

    def repeat(self, character: str = " ") -> str:
        return f"\x1b[{ord(character)};1:2;{ord(character)}u" if self.on & 2 else character

    def release(self, character: str = " ") -> str:
        return f"\x1b[{ord(character.lower())};1:3u" if self.on & 2 else ""

    def tap(self, *characters: str) -> None:
        for character in characters:
            self.send(self.press(character, character.isupper()) + self.release(character))

    def wait_for(self, text: str, after: int = 0) -> int:
        """Where the output then was. Lines are painted whole when they change, so whole words of a line will do."""
        self.until(lambda: text.encode() in self.seen[after:], text)
        return len(self.seen)

    def until(self, met: Callable[[], bool], what: str) -> None:
        due = time.monotonic() + PATIENCE_S
        while not met():
            assert time.monotonic() < due, f"no {what} within {PATIENCE_S:g} s: {self.seen[-600:]!r}"
            time.sleep(0.02)

    def screen(self) -> psutil.Process:
        """The process that draws."""
        (found,) = psutil.Process(self.process.pid).children()
        return found

    def close(self) -> None:
        for process in [*psutil.Process(self.process.pid).children(), self.process]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait()
        self._reader.join(10)
        os.close(self._own)


@contextmanager
def kitty(home: Path, *words: str, flags: int | None = FULL, answers: bool = True) -> Iterator[KittyPty]:
    window = KittyPty(home, *words, flags=flags, answers=answers)
    try:
        yield window
    finally:
        with suppress(psutil.NoSuchProcess):
            window.close()
