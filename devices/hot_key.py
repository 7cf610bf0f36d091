"""A key that works whatever has the focus: a keyboard's F13, a foot pedal's B. Linux, read from its event files.

After the kernel's input.h and input-event-codes.h: each `/dev/input/event*` yields records of (seconds, microseconds,
type, code, value), native sizes, 24 bytes on 64-bit machines; a key's value is 1 down, 0 up, 2 repeated. We grab
nothing: other programs that listen hear the key, too. Where the kernel can (4.4 and newer) it hands us that one key
alone, so nothing else that is typed reaches this program.
"""

import ctypes
import fcntl
import logging
import os
import select
import struct
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from types import TracebackType

from devices.errors import DeviceError

_LOG = logging.getLogger(__name__)
_EVENT = struct.Struct("@llHHi")
_EV_SYN, _EV_KEY = 0, 1
_SYN_DROPPED = 3
_PRESSED, _RELEASED = 1, 0
_EVIOCSMASK = 0x40104593
"""Which types and codes the kernel hands out to this reader."""
_KEYS = 0x300
_INPUTS, _SYSTEM = Path("/dev/input"), Path("/sys/class/input")
RESCAN_S = 2.0


def _codes() -> dict[str, int]:
    """Names without KEY_, as in input-event-codes.h; BTN_ ones with it. Pedals send a letter, F key or mouse button."""
    rows = {2: "1234567890", 16: "QWERTYUIOP", 30: "ASDFGHJKL", 44: "ZXCVBNM"}
    codes = {key: first + place for first, row in rows.items() for place, key in enumerate(row)}
    codes |= (
        {f"F{n}": 58 + n for n in range(1, 11)} | {"F11": 87, "F12": 88} | {f"F{n}": 170 + n for n in range(13, 25)}
    )
    codes |= {"ESC": 1, "MINUS": 12, "EQUAL": 13, "BACKSPACE": 14, "TAB": 15, "ENTER": 28, "LEFTCTRL": 29, "GRAVE": 41}
    codes |= {"LEFTSHIFT": 42, "COMMA": 51, "DOT": 52, "SLASH": 53, "RIGHTSHIFT": 54, "LEFTALT": 56, "SPACE": 57}
    codes |= {"CAPSLOCK": 58, "NUMLOCK": 69, "SCROLLLOCK": 70, "KPENTER": 96, "RIGHTCTRL": 97, "RIGHTALT": 100}
    codes |= {"HOME": 102, "UP": 103, "PAGEUP": 104, "LEFT": 105, "RIGHT": 106, "END": 107, "DOWN": 108}
    codes |= {"PAGEDOWN": 109, "INSERT": 110, "DELETE": 111, "PAUSE": 119, "LEFTMETA": 125, "RIGHTMETA": 126}
    codes |= {"NEXTSONG": 163, "PLAYPAUSE": 164, "PREVIOUSSONG": 165, "RECORD": 167}
    codes |= {f"BTN_{n}": 0x100 + n for n in range(10)}
    codes |= {"BTN_LEFT": 0x110, "BTN_RIGHT": 0x111, "BTN_MIDDLE": 0x112, "BTN_SIDE": 0x113, "BTN_EXTRA": 0x114}
    return codes | {"BTN_TRIGGER": 0x120, "BTN_THUMB": 0x121, "BTN_THUMB2": 0x122}


def code_of(key: str) -> int:
    """F13, b, SPACE, KEY_F13, BTN_LEFT. Raises DeviceError."""
    code = _codes().get(key.strip().upper().removeprefix("KEY_"))
    if code is None:
        raise DeviceError(f"hot key {key}", "there is no such key", "name one such as F13, B, SPACE or BTN_LEFT")
    return code


class HotKey:
    """Start it with `with`. `on_edge(down)` is called in its thread: once when the key goes down, and once when it goes
    up, or its keyboard is unplugged, or we end. What fails is in `fault`, and tried again.
    """

    def __init__(
        self,
        key: str,
        on_edge: Callable[[bool], None],
        device: str = "",
        *,
        inputs: Path = _INPUTS,
        system: Path = _SYSTEM,
        rescan_s: float = RESCAN_S,
        platform: str = sys.platform,
    ) -> None:
        """`device`: a part of the keyboard's or pedal's name; empty = any that has the key."""
        self.fault = ""
        """Why the key does not work now, one plain line; empty = it does."""
        self._key, self._on_edge, self._wanted = key, on_edge, device
        self._inputs, self._system, self._rescan_s, self._platform = inputs, system, rescan_s, platform
        self._code = -1
        self._open: dict[str, int] = {}
        """Event file's name -> descriptor."""
        self._held: set[int] = set()
        self._wake_r = self._wake_w = -1
        self._thread: threading.Thread | None = None

    @property
    def devices(self) -> tuple[str, ...]:
        """Those that are listened to, event0 and so on."""
        return tuple(self._open)

    def __enter__(self) -> "HotKey":
        try:
            if not self._platform.startswith("linux"):
                hint = "use SPACE, the pad or the board's button"
                raise DeviceError(f"hot key {self._key}", "global keys work on Linux only", hint)
            self._code = code_of(self._key)
        except DeviceError as error:
            self._trouble(str(error))
            return self
        self._wake_r, self._wake_w = os.pipe()
        self._scan()
        self._thread = threading.Thread(target=self._run, name="hot key", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._thread is None:
            return
        os.close(self._wake_w)  # the other end wakes up
        self._thread.join()

    # ---- the thread

    def _run(self) -> None:
        poll, scan_at = select.poll(), monotonic() + self._rescan_s
        while True:
            watched = {self._wake_r, *self._open.values()}
            for fd in watched:
                poll.register(fd, select.POLLIN)
            ready = [fd for fd, _ in poll.poll(max(0.0, scan_at - monotonic()) * 1000)]
            for fd in watched:
                poll.unregister(fd)
            if self._wake_r in ready:
                break
            for name, fd in [(n, f) for n, f in self._open.items() if f in ready]:
                self._read(name, fd)
            if monotonic() >= scan_at:
                self._scan()
                scan_at = monotonic() + self._rescan_s
        for name in list(self._open):
            self._drop(name)
        os.close(self._wake_r)

    def _read(self, name: str, fd: int) -> None:
        try:
            data = os.read(fd, 64 * _EVENT.size)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:  # unplugged
            self._drop(name)
            return
        for _, _, kind, code, value in _EVENT.iter_unpack(data[: len(data) // _EVENT.size * _EVENT.size]):
            if kind == _EV_KEY and code == self._code and value in (_PRESSED, _RELEASED):
                self._set(fd, value == _PRESSED)
            elif kind == _EV_SYN and code == _SYN_DROPPED:  # the kernel had no room for all: better up than stuck
                self._set(fd, False)

    def _set(self, fd: int, down: bool) -> None:
        before = bool(self._held)
        (self._held.add if down else self._held.discard)(fd)
        if bool(self._held) != before:
            try:
                self._on_edge(not before)
            except Exception:
                _LOG.exception("the hot key's edge was not taken")

    def _drop(self, name: str) -> None:
        fd = self._open.pop(name)
        self._set(fd, False)
        os.close(fd)

    # ---- finding

    def _scan(self) -> None:
        """Opens those that have come; a vanished one shows when it is read."""
        trouble = ""
        for name in self._having_the_key():
            if name in self._open:
                continue
            try:
                fd = os.open(self._inputs / name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            except PermissionError:
                hint = "add yourself to the group input and log in again"
                trouble = str(DeviceError(str(self._inputs / name), "may not be read by you", hint))
            except OSError as error:  # it goes just now
                trouble = str(DeviceError(str(self._inputs / name), "cannot be read", f"({error.strerror})"))
            else:
                _hand_out_only(fd, self._code)
                self._open[name] = fd
        if not self._open and not trouble:
            whose = f" and {self._wanted} in its name" if self._wanted else ""
            hint = "plug it in, or set talk.hot_key in the rig"
            trouble = str(
                DeviceError(f"hot key {self._key}", f"no keyboard or pedal with this key{whose} is there", hint)
            )
        self._trouble("" if self._open else trouble)

    def _having_the_key(self) -> list[str]:
        having = []
        for folder in sorted(self._system.glob("event*")):
            try:
                name = (folder / "device" / "name").read_text("utf-8", "replace").strip()
                keys = (folder / "device" / "capabilities" / "key").read_text("ascii", "replace")
            except OSError:
                continue
            if self._wanted.lower() in name.lower() and _has_bit(keys, self._code):
                having.append(folder.name)
        return having

    def _trouble(self, words: str) -> None:
        if words and words != self.fault:
            _LOG.warning("%s", words)
        self.fault = words


def _has_bit(words: str, bit: int) -> bool:
    """`words`: hexadecimal longs, the highest first, as in sysfs."""
    width = 8 * struct.calcsize("@l")
    longs = words.split()[::-1]
    try:
        return bit // width < len(longs) and bool(int(longs[bit // width], 16) >> bit % width & 1)
    except ValueError:
        return False


def _hand_out_only(fd: int, code: int) -> None:
    """An old kernel hands out all; we then drop it here."""
    types = (1 << _EV_SYN | 1 << _EV_KEY).to_bytes(8, "little")  # whole longs; little-endian, as all that we run on
    keys = (1 << code).to_bytes(_KEYS // 8, "little")
    for kind, bits in ((_EV_SYN, types), (_EV_KEY, keys)):
        buffer = ctypes.create_string_buffer(bits, len(bits))
        try:
            fcntl.ioctl(fd, _EVIOCSMASK, struct.pack("@IIQ", kind, len(bits), ctypes.addressof(buffer)))
        except OSError:
            return
