"""What comes from a capture program is believed only as far as it is plausible."""

import asyncio
import json
import random
from typing import Any

import pytest

from devices.camera import protocol
from devices.camera.capture import CameraFeed
from profiles.schema import Camera as Settings

HEAD: dict[str, Any] = {
    "type": "picture",
    "at": 1.5,
    "width": 640,
    "height": 480,
    "brightness": 40,
    "small_width": 4,
    "small_height": 2,
    "device": "/dev/video0",
    "still": 5,
    "mime": "image/jpeg",
}


def said(**other: Any) -> bytes:
    return json.dumps(HEAD | other).encode() + b"\n" + bytes(range(24)) + b"\xff\xd8abc"


def heard(data: bytes) -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=protocol.ROOM)
    reader.feed_data(data)
    reader.feed_eof()
    return reader


async def test_a_picture_is_read_whole() -> None:
    reader = heard(said() * 2)
    for _ in range(2):
        head, small, still = await protocol.read(reader)
        assert isinstance(head, protocol.PictureHeader) and head.width == 640
        assert (small, still) == (bytes(range(24)), b"\xff\xd8abc")
    with pytest.raises(EOFError):
        await protocol.read(reader)


@pytest.mark.parametrize(
    "other",
    [
        {"small_width": 0},
        {"small_width": -4, "small_height": -2},
        {"small_width": 10**9},
        {"small_width": 10**30},
        {"still": 1 << 40},
        {"still": -1},
        {"brightness": 101},
        {"brightness": "bright"},
        {"width": 0},
        {"mime": "text/html"},
        {"type": "film"},
        {"device": "x" * 3000},
    ],
)
async def test_what_is_not_plausible_is_nonsense(other: dict[str, Any]) -> None:
    with pytest.raises(protocol.ProtocolError):
        await protocol.read(heard(said(**other)))


@pytest.mark.parametrize("data", [b"\n", b"[" * 60_000 + b"\n", b"x" * 200_000, b"\xff\xfe\n", b"null\n", b"{}\n"])
async def test_what_is_no_line_of_ours_is_nonsense(data: bytes) -> None:
    with pytest.raises(protocol.ProtocolError):
        await protocol.read(heard(data))


@pytest.mark.parametrize("data", [b"", b'{"type": "pic', said()[:-1], said()[:-6], b"\x00" * 100])
async def test_what_breaks_off_is_an_end(data: bytes) -> None:
    with pytest.raises(EOFError):
        await protocol.read(heard(data))


@pytest.mark.parametrize("seed", range(200))
async def test_fuzzed_streams_end_in_plain_words(seed: int) -> None:
    dice = random.Random(seed)
    data = bytearray(b"".join(said(at=float(n)) for n in range(4)))
    for _ in range(dice.randint(1, 30)):
        at = dice.randrange(len(data))
        match dice.randrange(4):
            case 0:
                data[at] = dice.randrange(256)
            case 1:
                del data[at : at + dice.randint(1, 200)]
                data = data or bytearray(b"\n")
            case 2:
                data[at:at] = dice.randbytes(dice.randint(1, 300))
            case 3:
                data[at:at] = str(dice.choice([0, -1, 10**20, 1e308, "NaN", '"', "{"])).encode()
    camera = CameraFeed(Settings(device="simulated"), ())
    why = await camera._look(heard(bytes(data)), {})
    assert "nonsense" in why or "has ended" in why
    frame = camera.frame
    assert frame is None or (len(frame.rgb) == frame.width * frame.height * 3 and (camera.age_s or 0) >= 0)
