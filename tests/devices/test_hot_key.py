"""The global key: pipes stand in for the kernel's event files, and a real one is made where the kernel lets us."""

import fcntl
import os
import shutil
import struct
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

import pytest

from devices.errors import DeviceError
from devices.hot_key import HotKey, _codes, _has_bit, code_of

EVENT = struct.Struct("@llHHi")
F13, B, SPACE = 183, 48, 57
HEADER = Path("/usr/include/linux/input-event-codes.h")
UINPUT = Path("/dev/uinput")

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="event files are Linux's")


def until(condition: Callable[[], object]) -> None:
    due = monotonic() + 30
    while not condition():
        assert monotonic() < due, "it never came"
        sleep(0.005)


def bits(*codes: int) -> str:
    """As sysfs writes them."""
    value, words = sum(1 << code for code in codes), []
    width = 8 * struct.calcsize("@l")
    while value:
        words.append(f"{value & ((1 << width) - 1):x}")
        value >>= width
    return " ".join(reversed(words or ["0"]))


class Keyboards:
    """Folders as the kernel's, with pipes for event files."""

    def __init__(self, folder: Path) -> None:
        self.inputs, self.system = folder / "dev", folder / "sys"
        self.inputs.mkdir()
        self.system.mkdir()
        self._ends: dict[int, int] = {}

    def plug(self, number: int, name: str, *codes: int) -> None:
        os.mkfifo(self.inputs / f"event{number}")
        self._ends[number] = os.open(self.inputs / f"event{number}", os.O_RDWR | os.O_NONBLOCK)
        capabilities = self.system / f"event{number}" / "device" / "capabilities"
        capabilities.mkdir(parents=True)
        (capabilities / "key").write_text(bits(*codes) + "\n")
        (capabilities.parent / "name").write_text(name + "\n")

    def unplug(self, number: int) -> None:
        shutil.rmtree(self.system / f"event{number}")
        (self.inputs / f"event{number}").unlink()
        os.close(self._ends.pop(number))

    def send(self, number: int, code: int, value: int, kind: int = 1) -> None:
        self.write(number, EVENT.pack(1, 2, kind, code, value) + EVENT.pack(1, 2, 0, 0, 0))

    def write(self, number: int, data: bytes) -> None:
        os.write(self._ends[number], data)

    def close(self) -> None:
        for number in list(self._ends):
            self.unplug(number)


class Scene:
    """A hot key on such keyboards, and the edges that it told."""

    def __init__(self, keyboards: Keyboards) -> None:
        self.keyboards = keyboards
        self.edges: list[bool] = []
        self.threads: set[str] = set()

    def key(self, key: str, device: str = "") -> HotKey:
        boards = self.keyboards
        return HotKey(key, self._edge, device, inputs=boards.inputs, system=boards.system, rescan_s=0.05)

    def _edge(self, down: bool) -> None:
        self.threads.add(threading.current_thread().name)
        self.edges.append(down)


@pytest.fixture
def scene(tmp_path: Path):  # type: ignore[no-untyped-def]
    boards = Keyboards(tmp_path)
    boards.plug(0, "A keyboard", B, SPACE, F13)
    yield Scene(boards)
    boards.close()


def test_down_and_up_once_each_and_from_the_thread(scene: Scene) -> None:
    with scene.key("F13") as hot:
        assert hot.devices == ("event0",) and hot.fault == ""
        for code, value in ((B, 1), (F13, 1), (F13, 2), (F13, 2), (B, 0), (SPACE, 1)):
            scene.keyboards.send(0, code, value)
        until(lambda: scene.edges)
        scene.keyboards.send(0, F13, 0)
        until(lambda: len(scene.edges) == 2)
        scene.keyboards.send(0, F13, 1)
        scene.keyboards.send(0, F13, 0)
        until(lambda: len(scene.edges) == 4)
    assert scene.edges == [True, False, True, False] and scene.threads == {"hot key"}


def test_other_kinds_of_events_are_not_keys(scene: Scene) -> None:
    with scene.key("B"):
        for kind in (2, 3, 4, 17):
            scene.keyboards.send(0, B, 1, kind)
        scene.keyboards.send(0, B, 1)
        until(lambda: scene.edges)
    assert scene.edges == [True, False], "the end lets go"


def test_the_end_lets_go_of_a_held_key(scene: Scene) -> None:
    with scene.key("b"):
        scene.keyboards.send(0, B, 1)
        until(lambda: scene.edges == [True])
    assert scene.edges == [True, False]
    assert not [t for t in threading.enumerate() if t.name == "hot key"]


def test_unplugged_it_is_let_go_and_replugged_it_works_again(scene: Scene) -> None:
    with scene.key("F13") as hot:
        for _ in range(2):
            scene.keyboards.send(0, F13, 1)
            until(lambda: scene.edges == [True])
            scene.keyboards.unplug(0)
            until(lambda: scene.edges == [True, False])
            until(lambda: "is there; plug it in" in hot.fault)
            scene.edges.clear()
            scene.keyboards.plug(0, "A keyboard", F13)
            until(lambda: hot.devices and not hot.fault)


def test_two_keyboards_are_one_key(scene: Scene) -> None:
    scene.keyboards.plug(1, "A pedal", F13)
    with scene.key("F13") as hot:
        assert hot.devices == ("event0", "event1")
        scene.keyboards.send(0, F13, 1)
        until(lambda: scene.edges == [True])
        scene.keyboards.send(1, F13, 1)
        until(lambda: len(hot._held) == 2)
        scene.keyboards.send(0, F13, 0)
        until(lambda: len(hot._held) == 1)
        assert scene.edges == [True], "the pedal is still down"
        scene.keyboards.unplug(1)
        until(lambda: scene.edges == [True, False])


def test_only_the_device_of_that_name_and_with_that_key(scene: Scene) -> None:
    scene.keyboards.plug(1, "PCsensor FootSwitch", B, SPACE)
    scene.keyboards.plug(2, "FootSwitch mouse", 0x110)
    with scene.key("B", "footswitch") as hot:
        assert hot.devices == ("event1",)
        scene.keyboards.send(0, B, 1)
        scene.keyboards.send(1, B, 1)
        until(lambda: scene.edges)
        assert scene.edges == [True]
    with scene.key("B", "organ") as hot:
        assert "no keyboard or pedal with this key and organ in its name is there" in hot.fault


def test_a_new_one_is_found_while_the_old_one_is_busy(scene: Scene) -> None:
    with scene.key("F13") as hot:
        scene.keyboards.plug(1, "A pedal", F13)
        due = monotonic() + 30
        while len(hot.devices) < 2 and monotonic() < due:
            scene.keyboards.send(0, SPACE, 1)
            sleep(0.002)
        assert hot.devices == ("event0", "event1")


def test_events_that_the_kernel_lost_let_go(scene: Scene) -> None:
    with scene.key("F13"):
        scene.keyboards.send(0, F13, 1)
        until(lambda: scene.edges == [True])
        scene.keyboards.write(0, EVENT.pack(1, 2, 0, 3, 0))
        until(lambda: scene.edges == [True, False])


def test_broken_records_and_a_callback_that_fails_cost_nothing(scene: Scene) -> None:
    told: list[bool] = []

    def edge(down: bool) -> None:
        told.append(down)
        raise RuntimeError("of the test")

    boards = scene.keyboards
    with HotKey("F13", edge, inputs=boards.inputs, system=boards.system, rescan_s=0.05):
        boards.send(0, F13, 1)
        until(lambda: told == [True])
        boards.send(0, F13, 0)
        until(lambda: told == [True, False])
        boards.write(0, b"odd")


def test_folders_that_are_none_and_bits_that_are_none(scene: Scene, tmp_path: Path) -> None:
    for number, words in enumerate(("", "zz", "0 0 0", "\x00"), 3):
        scene.keyboards.plug(number, "odd")
        (scene.keyboards.system / f"event{number}" / "device" / "capabilities" / "key").write_text(words)
    (scene.keyboards.system / "event9").mkdir()
    with scene.key("F13") as hot:
        assert hot.devices == ("event0",)
    nowhere = tmp_path / "nowhere"
    with HotKey("F13", print, inputs=nowhere, system=nowhere, rescan_s=0.05) as hot:
        assert hot.fault.startswith("hot key F13: no keyboard or pedal with this key is there; plug it in")


def test_one_that_may_not_be_read_is_named(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def refusing(path: Path, flags: int) -> int:
        if denied:
            raise PermissionError(13, "Permission denied")
        return real(path, flags)

    denied = True
    monkeypatch.setattr("devices.hot_key.os.open", refusing)
    with scene.key("F13") as hot:
        assert hot.fault.endswith("event0: may not be read by you; add yourself to the group input and log in again")
        denied = False
        until(lambda: hot.devices and not hot.fault)


def test_elsewhere_it_says_what_to_use_instead() -> None:
    with HotKey("F13", print, platform="darwin") as hot:
        assert hot.fault.endswith("global keys work on Linux only; use SPACE, the pad or the board's button")
        assert hot.devices == ()


@pytest.mark.parametrize("key", ["", "F99", "HUGO", "KEY_", "F 13"])
def test_a_key_that_there_is_not(key: str) -> None:
    with pytest.raises(DeviceError, match="there is no such key"):
        code_of(key)
    with HotKey(key, print) as hot:
        assert "there is no such key" in hot.fault


@pytest.mark.parametrize(("key", "code"), [("F13", F13), ("b", B), ("KEY_SPACE", SPACE), (" f24 ", 194), ("0", 11)])
def test_names(key: str, code: int) -> None:
    assert code_of(key) == code


def test_the_codes_are_the_kernels() -> None:
    if not HEADER.exists():
        pytest.skip("the kernel's headers are not installed")
    known: dict[str, int] = {}
    for line in HEADER.read_text("utf-8").splitlines():
        words = line.split()
        if len(words) > 2 and words[0] == "#define" and words[2].removeprefix("0x").isalnum() and words[2][0].isdigit():
            known[words[1]] = int(words[2], 0)
    for name, code in _codes().items():
        assert known[name if name.startswith("BTN_") else f"KEY_{name}"] == code, name


def test_bits_of_sysfs() -> None:
    assert _has_bit(bits(F13), F13) and not _has_bit(bits(F13), F13 - 64) and not _has_bit(bits(F13), 700)
    assert _has_bit(bits(1, 63, 64, 0x110), 0x110) and not _has_bit("", 0)
    assert _has_bit("10000 0 7 ff800000000007ff febeffdff3cfffff fffffffffffffffe", SPACE)


def test_a_real_keyboard_of_the_kernel() -> None:
    """One made with uinput: found by its name, heard, and gone when it is destroyed."""
    if not UINPUT.exists() or not os.access(UINPUT, os.W_OK) or not Path("/dev/input").exists():
        pytest.skip("this machine has no /dev/uinput that we may write to")
    set_event, set_key, setup, create, destroy = 0x40045564, 0x40045565, 0x405C5503, 0x5501, 0x5502
    name = f"galactus test {os.getpid()}"
    edges: list[bool] = []
    maker = os.open(UINPUT, os.O_WRONLY | os.O_NONBLOCK)
    try:
        fcntl.ioctl(maker, set_event, 1)
        for code in (B, F13):
            fcntl.ioctl(maker, set_key, code)
        fcntl.ioctl(maker, setup, struct.pack("@HHHH80sI", 3, 1, 1, 1, name.encode(), 0))
        fcntl.ioctl(maker, create)
        with HotKey("F13", edges.append, name, rescan_s=0.1) as hot:
            due = monotonic() + 10
            while not hot.devices:
                if "may not be read" in hot.fault or monotonic() > due:
                    pytest.skip(f"its event file did not come: {hot.fault}")
                sleep(0.05)
            for code, value in ((B, 1), (B, 0), (F13, 1)):
                os.write(maker, EVENT.pack(0, 0, 1, code, value) + EVENT.pack(0, 0, 0, 0, 0))
            until(lambda: edges == [True])
            fcntl.ioctl(maker, destroy)
            until(lambda: edges == [True, False])
    finally:
        os.close(maker)
