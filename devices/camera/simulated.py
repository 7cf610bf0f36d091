"""A camera without a camera: a visitor in a red coat who walks up and down under a clock, drawn for rehearsals.

Run by its path as a capture program (devices/camera/child.py). Device "simulated", or "simulated:FAULT[:N]": a fault
that begins after N pictures (20): hang (no more of them), garbage (what is no picture), die, dark (the lamp is out),
slow (one in 2 s).
"""

import os
import struct
import sys
import time
import zlib
from pathlib import Path
from typing import NoReturn

sys.path.append(str(Path(__file__).resolve().parents[2]))

import numpy as np
import numpy.typing as npt

from devices.camera.child import ShowPipe, arguments, small_size

Image = npt.NDArray[np.uint8]

FAULTS = ("hang", "garbage", "die", "dark", "slow")
_FAULT_AFTER = 20
_SLOW_S = 2.0
_SEGMENTS = (0x77, 0x24, 0x5D, 0x6D, 0x2E, 0x6B, 0x7B, 0x25, 0x7F, 0x6F)
"""Of each digit: top, upper left, upper right, middle, lower left, lower right, bottom (the lowest bit first)."""
_BARS = ((0, 0, 3, 1), (0, 0, 1, 3), (2, 0, 3, 3), (0, 2, 3, 3), (0, 2, 1, 5), (2, 2, 3, 5), (0, 4, 3, 5))
"""Of each segment: left, top, right, bottom, on a grid of 3 x 5."""


def command() -> tuple[str, ...]:
    """For devices.camera.capture.CameraFeed."""
    return sys.executable, "-I", os.path.abspath(__file__)


def scene(width: int, height: int, seconds: float, clock: str, light: float = 1.0) -> Image:
    """(height, width, 3) at so many seconds since the start; `clock` is digits and colons."""
    down = np.linspace(0.0, 1.0, height)[:, None, None]
    image: Image = (np.array((24, 30, 52)) * (1 - down) + np.array((70, 58, 48)) * down).astype(np.uint8)
    image = np.repeat(image, width, axis=1)
    x = width * (0.5 + 0.33 * np.sin(seconds * 0.8))
    _oval(image, x, height * 0.98, width * 0.17, height * 0.42, (176, 40, 36))
    _oval(image, x, height * 0.46, width * 0.07, height * 0.13, (224, 180, 150))
    _write(image, clock, width // 24, height // 16, max(1, width // 48))
    return (image * light).astype(np.uint8) if light < 1 else image


def _oval(
    image: Image, x: float, y: float, half_width: float, half_height: float, colour: tuple[int, int, int]
) -> None:
    rows, columns = np.ogrid[: image.shape[0], : image.shape[1]]
    image[((columns - x) / half_width) ** 2 + ((rows - y) / half_height) ** 2 <= 1] = colour


def _write(image: Image, digits: str, left: int, top: int, unit: int) -> None:
    for sign in digits:
        lit = _SEGMENTS[int(sign)] if sign.isdigit() else 0
        bars = [bar for number, bar in enumerate(_BARS) if lit >> number & 1]
        for x0, y0, x1, y1 in bars or ((1, 1, 2, 2), (1, 3, 2, 4)):
            rows = slice(top + y0 * unit, top + y1 * unit)
            image[rows, left + x0 * unit : left + x1 * unit] = (240, 220, 120)
        left += 4 * unit


def shrunk(image: Image, width: int, height: int) -> Image:
    """The nearest pixels: a drawing needs no more."""
    rows = np.arange(height) * image.shape[0] // height
    return np.ascontiguousarray(image[rows][:, np.arange(width) * image.shape[1] // width])


def brightness(image: Image) -> int:
    """Percent, as the eye weighs the colours (ITU-R BT.601)."""
    return round(float(image.reshape(-1, 3).mean(axis=0) @ (0.299, 0.587, 0.114)) / 2.55)


def png(image: Image) -> bytes:
    """(height, width, 3) as a PNG (ISO/IEC 15948: signature, IHDR, IDAT, IEND): our environment can pack no JPEG."""
    height, width, _ = image.shape
    rows = np.zeros((height, 1 + width * 3), np.uint8)  # each row begins with its filter: 0, none
    rows[:, 1:] = image.reshape(height, -1)
    parts = (b"IHDR", struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(rows.tobytes(), 1))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*part) for part in (*parts, (b"IEND", b"")))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _fail(link: ShowPipe, fault: str) -> None:
    match fault:
        case "hang":
            _hang()
        case "garbage":
            link.raw(b"\xff\xd8 this is no picture {]}\n" * 500)
        case "die":
            os._exit(3)
        case "slow":
            time.sleep(_SLOW_S)


def _hang() -> NoReturn:
    while True:
        time.sleep(60)


def main() -> None:
    args = arguments("a drawn camera").parse_args()
    link = ShowPipe()
    device = str(args.device[0])
    fault, _, pictures = device.partition(":")[2].partition(":")
    after = int(pictures) if pictures.isdigit() else _FAULT_AFTER
    if fault and fault not in FAULTS:
        link.trouble("cannot rehearse this fault", f"it knows {', '.join(FAULTS)}")
    began, size, sent = time.monotonic(), (args.width, args.height), 0
    small = small_size(*size)
    while True:
        link.wait(1.0)
        if not link.due():
            continue
        if sent >= after:
            _fail(link, fault)
        light = 0.02 if fault == "dark" and sent >= after else 1.0
        at = time.monotonic()
        image = scene(*size, at - began, time.strftime("%H:%M:%S"), light)
        still = png(image) if link.still else b""
        rgb, lit = shrunk(image, *small).tobytes(), brightness(shrunk(image, *small))
        link.send(rgb, small, at=at, size=size, brightness=lit, device=device, still=still, mime="image/png")
        sent += 1


if __name__ == "__main__":
    main()
