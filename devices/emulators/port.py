"""A serial port of software: a pty behind a lasting link, TCP beside it, and what may go wrong with either.

The device behind it is plain code without a clock or a thread (`EmulatedDevice`); the port drains the line at once,
stamps what came, paces what goes out to the baud rate (a pty knows none), and plays the faults. For Linux and macOS.
"""

import fcntl
import os
import random
import select
import socket
import termios
import threading
import tty
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp
from time import monotonic
from types import TracebackType

from devices.emulators.device import FAULTS, EmulatedDevice

__all__ = ("FAULTS", "EmulatedDevice", "EmulatedPort")
_LOOK_S = 0.02
"""How often a line that nobody has open is looked at: nothing tells when a pty is opened."""
_MOST_OUT = 65_536
"""Bytes that wait to be sent; what a device says beyond that is lost, as on a wire."""


class EmulatedPort:
    """Start it with `with`. `path` stays the same over unplug and replug; so does `url`, if TCP was asked for."""

    def __init__(
        self, device: EmulatedDevice, link: Path | None = None, tcp_port: int | None = None, *, with_pty: bool = True
    ) -> None:
        """`link`: the symbolic link to make; None = one in a folder of its own. `tcp_port`: on the loopback; 0 = a free
        one; None = no TCP.
        """
        self.device = device
        self.lock = threading.RLock()
        """Held for every call of the device."""
        self.path, self.url = "", ""
        self._wanted_link, self._tcp_port, self._with_pty = link, tcp_port, with_pty
        self._link: Path | None = None
        self._own_folder: Path | None = None
        self._tty = ""
        self._master = self._slave = -1
        """The slave is held only for the faults stall and busy, else we could not see that somebody opened it."""
        self._listener: socket.socket | None = None
        self._peer: socket.socket | None = None
        self._opened = self._stopping = False
        self._asked: deque[tuple[Callable[[], None], threading.Event]] = deque()
        self._fault = ""
        self._noise = random.Random(7)
        self._out = bytearray()
        self._paced_at = self._deaf_until = 0.0
        self._wakes_at = 0.0
        self._wake_r, self._wake_w = -1, -1
        self._thread: threading.Thread | None = None

    def __enter__(self) -> "EmulatedPort":
        self._wake_r, self._wake_w = os.pipe()
        os.set_blocking(self._wake_w, False)
        if self._with_pty:
            if self._wanted_link is None:
                self._own_folder = Path(mkdtemp(prefix="galactus-port-"))
            self._link = self._wanted_link or (self._own_folder or Path()) / "tty"
            self.path = str(self._link)
        self.device.boot()
        self._plug_in()
        self._thread = threading.Thread(target=self._run, name="emulated port", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._stopping = True
        self._wake()
        if self._thread is not None:
            self._thread.join(5.0)
        self._pull_out()
        os.close(self._wake_r)
        os.close(self._wake_w)
        if self._own_folder is not None:
            with suppress(OSError):
                self._own_folder.rmdir()

    def fault(self, name: str) -> None:
        """Switches one on ("" = none any more; one at a time). Unplug stays until `replug`. Raises ValueError."""
        if name and name not in FAULTS:
            raise ValueError(f"no such fault: {name}")
        self._in_thread(lambda: self._set_fault(name))

    def replug(self) -> None:
        """The device comes back, freshly started, at the same path and port; no fault any more."""
        self._in_thread(self._come_back)

    def say(self, data: bytes) -> None:
        """The device speaks unasked."""
        with self.lock:
            self._send(data, monotonic())
        self._wake()

    # ---- plugging: in the thread, or before and after it

    def _in_thread(self, what: Callable[[], None]) -> None:
        """Done when it returns. A pty closed by another thread would stay open for as long as this one waits for it."""
        done = threading.Event()
        self._asked.append((what, done))
        self._wake()
        done.wait(5.0)

    def _set_fault(self, name: str) -> None:
        self._let_go_of_slave()
        self._fault = name
        self.device.weak = name == "brownout"
        if name == "unplug":
            self._pull_out()
        elif name == "brownout":
            self._reset(monotonic())
        elif name in ("stall", "busy") and self._master >= 0:
            self._slave = os.open(self._tty, os.O_RDWR | os.O_NOCTTY)
            if name == "stall":  # who writes to a stopped terminal waits; its buffer alone would take 60 kB first
                termios.tcflow(self._slave, termios.TCOOFF)

    def _come_back(self) -> None:
        self._pull_out()
        self._fault, self.device.weak = "", False
        self.device.boot()
        self._deaf_until = 0.0
        self._plug_in()

    def _plug_in(self) -> None:
        if self._link is not None:
            self._master, slave = os.openpty()
            tty.setraw(slave)
            self._tty = os.ttyname(slave)
            os.close(slave)
            os.set_blocking(self._master, False)
            fresh = self._link.with_name(self._link.name + ".new")
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(self._tty)
            fresh.replace(self._link)
        if self._tcp_port is not None:
            self._listener = socket.create_server(("127.0.0.1", self._tcp_port))
            self._listener.setblocking(False)
            self._tcp_port = self._listener.getsockname()[1]
            self.url = f"socket://127.0.0.1:{self._tcp_port}"

    def _pull_out(self) -> None:
        self._let_go_of_slave()
        if self._link is not None:
            self._link.unlink(missing_ok=True)
        if self._master >= 0:
            os.close(self._master)
            self._master = -1
        for end in (self._listener, self._peer):
            if end is not None:
                end.close()
        self._listener = self._peer = None
        self._opened = False
        self._out.clear()

    def _let_go_of_slave(self) -> None:
        if self._slave >= 0:
            with suppress(OSError, termios.error):
                termios.tcflow(self._slave, termios.TCOON)
            os.close(self._slave)
            self._slave = -1

    def _wake(self) -> None:
        with suppress(OSError):  # full: it wakes anyhow
            os.write(self._wake_w, b"!")

    # ---- the thread

    def _run(self) -> None:
        while not self._stopping:
            with self.lock:
                while self._asked:
                    what, done = self._asked.popleft()
                    what()
                    done.set()
                timeout, readers = self._step(monotonic())
            poll = select.poll()
            poll.register(self._wake_r, select.POLLIN)
            for fd in readers:
                poll.register(fd, select.POLLIN)
            for fd, _ in poll.poll(timeout * 1000):
                if fd == self._wake_r:
                    os.read(fd, 4096)

    def _step(self, now: float) -> tuple[float, set[int]]:
        """Everything that can be done now; (how long to wait, s, for whose bytes)."""
        self._notice_opening(now)
        if self._fault == "busy" and self._slave >= 0:
            with suppress(OSError):  # the one who has it keeps it; we are the other program as soon as it lets go
                fcntl.flock(self._slave, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._opened = False
        if self._fault != "stall":
            for data in self._drained():
                self._hear(data, now)
        self._accept(now)  # after the last word of the one before
        if now >= self._wakes_at:
            self._tick(now)
        self._flush(now)
        readers = {self._listener.fileno()} if self._listener is not None else set()
        if self._fault != "stall":
            readers |= {self._master} if self._master >= 0 and self._opened else set()
            readers |= {self._peer.fileno()} if self._peer is not None else set()
        wait = min(1.0, max(0.0, self._wakes_at - now))
        if self._out:
            wait = min(wait, max(0.002, self._paced_at - now))
        if self._master >= 0 and not self._opened:
            wait = min(wait, _LOOK_S)
        if self._fault == "busy":
            wait = min(wait, _LOOK_S)
        return wait, readers

    def _accept(self, now: float) -> None:
        if self._listener is None:
            return
        with suppress(OSError):
            peer, _ = self._listener.accept()
            if self._peer is not None or self._fault == "busy":
                peer.close()  # one at a time, as a serial line
                return
            peer.setblocking(False)
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._peer = peer
            self._begin(now)

    def _notice_opening(self, now: float) -> None:
        """Linux reports a hang-up on the master while nobody has the slave open; before the first time it does not."""
        if self._master < 0 or self._slave >= 0:
            return
        poll = select.poll()
        poll.register(self._master, select.POLLIN)
        hung_up = any(event & select.POLLHUP for _, event in poll.poll(0))
        if self._opened and hung_up:
            if self._fault != "stall":
                for data in self._drained():  # its last words
                    self._hear(data, now)
            self._opened = False
            self._out.clear()
        elif not self._opened and not hung_up:
            self._opened = True
            self._begin(now)

    def _begin(self, now: float) -> None:
        self._out.clear()
        if self.device.resets_on_open:
            self._reset(now)

    def _reset(self, now: float) -> None:
        self._deaf_until = now + self.device.boot_s
        self._out.clear()
        self._send(self.device.boot(), now)
        self._paced_at = max(self._paced_at, self._deaf_until)

    def _drained(self) -> list[bytes]:
        got = []
        if self._master >= 0 and self._opened:
            with suppress(OSError):  # nobody there, or nothing
                got.append(os.read(self._master, 65_536))
        while self._peer is not None:
            try:
                data = self._peer.recv(65_536)
            except BlockingIOError:
                break
            except OSError:
                data = b""
            got.append(data)
            if not data:
                self._peer.close()
                self._peer = None
        return got

    def _hear(self, data: bytes, now: float) -> None:
        if data and self._fault != "timeout" and now >= self._deaf_until:
            boots = self.device.weak and not self._out
            answer = self.device.received(data, now)
            self._send(answer, now)
            if boots and answer:
                self._paced_at = max(self._paced_at, now + self.device.boot_s)
            self._tick(now)

    def _tick(self, now: float) -> None:
        said, self._wakes_at = self.device.tick(now)
        self._send(said, now)

    def _send(self, data: bytes, now: float) -> None:
        if self._fault == "timeout":
            return
        if self._fault == "garbage":
            data = bytes(self._noise.randrange(128, 256) for _ in data)
        if not self._out:
            self._paced_at = max(self._paced_at, now)
        self._out += data[: _MOST_OUT - len(self._out)]

    def _flush(self, now: float) -> None:
        """Hands over what a wire of this speed would have carried by now."""
        byte_s = 10 / self.device.baud
        count = min(len(self._out), int((now - self._paced_at) / byte_s) + 1) if now >= self._paced_at else 0
        if count <= 0 or self._fault == "stall":
            return
        data = bytes(self._out[:count])
        del self._out[:count]
        self._paced_at = max(self._paced_at + count * byte_s, now)
        if self._master >= 0 and self._opened:
            with suppress(OSError):  # full or gone: lost, as on a wire
                os.write(self._master, data)
        if self._peer is not None:
            with suppress(OSError):
                self._peer.send(data)
