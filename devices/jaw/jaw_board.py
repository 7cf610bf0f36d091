"""Keeps the jaw's board: finds it, opens it, asks how it is, and takes it up again after it was unplugged."""

import logging
import threading
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from devices.boards import maestro
from devices.boards.board import Board, module
from devices.emulators.launch import emulated
from devices.errors import DeviceError
from devices.limits import LimitedJaw
from devices.serial_port import Port, find, moved, on_line, ports

_LOG = logging.getLogger(__name__)
SOFTWARE = ("simulated",)
"""Boards without a wire."""
_LOOK_S, _PLAYING_S, _LIMP_S, _AGAIN_S = 0.1, 0.5, 0.5, 1.0
"""How often it is asked: at rest (a button is heard so soon), while frames are sent (an answer takes some ms of the
line), as software that is limp; and how long until the next try when it is not there."""


class JawBoard:
    """While entered, a thread that gives `jaw` its board. The callbacks come from that thread."""

    def __init__(
        self,
        jaw: LimitedJaw,
        playing: Callable[[], bool],
        on_button: Callable[[bool], None],
        on_change: Callable[[], None],
    ) -> None:
        self.jaw, self._playing, self._on_button, self._on_change = jaw, playing, on_button, on_change
        self._stop = threading.Event()
        self._held = False
        self._told: tuple[object, ...] | None = None
        self._known: Port | None = None
        """What was found at the path of the rig."""
        self._thread = threading.Thread(target=self._run, name="jaw-board", daemon=True)

    @property
    def simulated(self) -> bool:
        return self.jaw.settings.board in SOFTWARE or self.jaw.settings.port == "emulated"

    @property
    def name(self) -> str:
        board, settings = self.jaw.board, self.jaw.settings
        return board.name if board is not None else f"{settings.board} on {settings.port}"

    def __enter__(self) -> Self:
        if self.jaw.settings.board in SOFTWARE:
            self._open()  # at once, so that a rehearsal's jaw is there from the first moment on
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(5.0)
        self.jaw.release(wait=True)
        board, self.jaw.board = self.jaw.board, None
        if board is not None:
            board.close()

    def _run(self) -> None:
        with ExitStack() as stack:
            while not self._stop.is_set():
                if self.jaw.board is None:
                    self._try_open(stack)
                else:
                    for button in self.jaw.poll():
                        self._press(button.down)
                    if self._held and self.jaw.board is None:
                        self._press(False)  # gone with its board
                self._tell()
                self._stop.wait(self._pause())

    def _press(self, down: bool) -> None:
        self._held = down
        self._on_button(down)

    def _pause(self) -> float:
        if self.jaw.board is None:
            return _AGAIN_S
        if self._playing():
            return _PLAYING_S
        return _LIMP_S if self.jaw.settings.board in SOFTWARE and not self.jaw.attached else _LOOK_S

    def _try_open(self, stack: ExitStack) -> None:
        try:
            if self.jaw.settings.port == "emulated":
                stack.close()
                self._open(stack.enter_context(emulated(self.jaw.settings.board)))
            else:
                self._open()
        except Exception as error:  # also a fault of a board's file: it must not end this thread
            if not isinstance(error, DeviceError):
                _LOG.exception("opening the jaw's board")
            self.jaw.lose(error)

    def _open(self, path: str = "") -> None:
        board = self._board(path)
        if self._stop.is_set():  # it took so long that nobody waits for it any more
            board.close()
        else:
            self.jaw.take(board, self.simulated)

    def _board(self, path: str) -> Board:
        settings, made = self.jaw.settings, module(self.jaw.settings.board)
        if settings.board in SOFTWARE:
            return made.open_board(_NoLine())
        url = path or moved(find(settings.port, made.USB_IDS), self._known)
        self._known = next((port for port in ports() if port.path == url), self._known)
        try:
            return on_line(url, settings.baud or made.BAUD, made.open_board)
        except DeviceError as error:
            port = self._known
            if settings.board != "maestro" and port is not None and (port.vendor, port.product) in maestro.USB_IDS:
                hint = 'set board = "maestro", and its serial mode to "USB Dual Port" in its Control Center'
                raise DeviceError(error.device, f"{error.message}, and is a Maestro", hint) from None
            raise

    def _tell(self) -> None:
        now = (self.name, self.jaw.fault or self.jaw.missing, self.jaw.armed, self.jaw.stopped, not self.jaw.board)
        if now != self._told:
            self._told = now
            self._on_change()


class _NoLine:
    """Of a board without a wire."""

    name = "no wire"

    def write(self, data: bytes) -> None:
        """Nobody listens."""

    def read(self, count: int, timeout_s: float) -> bytes:
        return b""

    def read_line(self, end: bytes, timeout_s: float, longest: int = 200) -> bytes:
        return b""

    def close(self) -> None:
        """There is nothing to close."""
