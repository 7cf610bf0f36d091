"""The capturing side: pictures out, orders in. Of the standard library only, for other interpreters run it as well.

Standard output: a JSON line for each picture (protocol.Picture), followed by the bytes that it announces; or one line
that says why there are none. Standard input: lines such as {"fps": 8} and {"still": "jpeg"}; its end is the end of
the process that shows our pictures, and so ours, even while a driver holds the main thread.
"""

import argparse
import json
import os
import sys
import threading
import time
from typing import Any, NoReturn

from supervisors import kernel

_LEAST_FPS, _MOST_FPS = 0.2, 60.0
SMALL_WIDTH = SMALL_HEIGHT = 96
"""The longer side of the small picture; 96 x 72 pixels are 20 kB and fill 96 x 36 cells."""


def arguments(what: str) -> argparse.ArgumentParser:
    """What every capture program takes."""
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("--device", action="append", required=True, help="the first that gives a picture is used")
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--height", type=int, default=480)
    parser.add_argument("--fps", type=int, default=15, help="of the camera; how many are sent is ordered meanwhile")
    return parser


def small_size(width: int, height: int) -> tuple[int, int]:
    """(width, height) of the small picture, of the same shape."""
    share = min(SMALL_WIDTH / width, SMALL_HEIGHT / height, 1.0)
    return max(1, round(width * share)), max(1, round(height * share))


class ShowPipe:
    """The line to the show. Starts the thread that listens."""

    def __init__(self) -> None:
        kernel.die_with_parent()  # a driver that hangs with the interpreter's lock would keep the thread from its work
        self.fps = 2.0
        self._out = 1
        self.png = False
        """It is wanted without loss, for a terminal that draws it."""
        self._still = threading.Event()
        self._sent_at = float("-inf")
        threading.Thread(target=self._listen, name="orders", daemon=True).start()

    @property
    def still(self) -> bool:
        """A picture of full size was asked for."""
        return self._still.is_set()

    def due(self, slack_s: float = 0.0) -> bool:
        """Whether a picture taken now is to be sent. `slack_s`: half the time between two of the camera, so that the
        nearest one is taken and not the next.
        """
        return self.still or time.monotonic() + slack_s - self._sent_at >= 1 / self.fps

    def wait(self, most_s: float) -> None:
        """Until the next picture is due, at most so long."""
        self._still.wait(max(0.0, min(most_s, self._sent_at + 1 / self.fps - time.monotonic())))

    def send(
        self,
        rgb: bytes,
        small: tuple[int, int],
        *,
        at: float,
        size: tuple[int, int],
        brightness: int,
        device: str,
        still: bytes = b"",
        mime: str = "",
    ) -> None:
        """`at`: when it was taken, on time.monotonic(); `rgb`: the small picture, 3 bytes a pixel, row by row."""
        self._sent_at = time.monotonic()
        if still:
            self._still.clear()
        head = {"type": "picture", "at": at, "width": size[0], "height": size[1], "brightness": brightness}
        head |= {"small_width": small[0], "small_height": small[1], "device": device}
        self._write(json.dumps(head | {"still": len(still), "mime": mime}).encode() + b"\n" + rgb + still)

    def trouble(self, message: str, hint: str = "") -> NoReturn:
        """Say why there are no pictures, and end."""
        self._write(json.dumps({"type": "trouble", "message": message, "hint": hint}).encode() + b"\n")
        sys.exit(1)

    def raw(self, data: bytes) -> None:
        """What no picture looks like, for those who rehearse trouble."""
        self._write(data)

    def _write(self, data: bytes) -> None:
        try:
            left = memoryview(data)
            while left:
                left = left[os.write(self._out, left) :]
        except OSError:
            os._exit(0)  # nobody looks any more

    def _listen(self) -> None:
        rest = b""
        while heard := os.read(0, 4096):
            *lines, rest = (rest + heard)[-8192:].split(b"\n")
            for line in lines:
                self._obey(line)
        os._exit(0)

    def _obey(self, line: bytes) -> None:
        try:
            order: Any = json.loads(line)
            if order.get("fps"):
                self.fps = max(_LEAST_FPS, min(_MOST_FPS, float(order["fps"])))
            if order.get("still"):
                self.png = order["still"] == "png"
                self._still.set()
        except (ValueError, TypeError, AttributeError):
            return  # not an order
