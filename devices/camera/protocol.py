"""What a capture program says, read with bounds: whatever comes, memory and patience end before we do."""

import asyncio

import msgspec
from msgspec import Struct

_LONGEST_LINE = 2000
_MOST_PIXELS = 20_000
_MOST_STILL = 64 << 20
"""A PNG of 4096 x 4096 that nothing compresses."""
ROOM = 1 << 16


class ProtocolError(Exception):
    """No capture program of ours says this."""


class PictureHeader(Struct, frozen=True, kw_only=True, tag="picture"):
    """The line before a picture; see devices/camera/child.py."""

    at: float
    width: int
    height: int
    brightness: int
    small_width: int
    small_height: int
    device: str = ""
    still: int = 0
    """Bytes of the full picture that follow the small one."""
    mime: str = ""


class CaptureFailed(Struct, frozen=True, kw_only=True, tag="trouble"):
    """Why there are no pictures; the program has ended."""

    message: str
    hint: str = ""


_DECODER = msgspec.json.Decoder(PictureHeader | CaptureFailed)


async def read(reader: asyncio.StreamReader) -> tuple[PictureHeader | CaptureFailed, bytes, bytes]:
    """The next line, the small picture and the full one (mostly empty). `reader` holds at most `ROOM` of a line. Raises
    Nonsense, EOFError.
    """
    try:
        line = await reader.readuntil(b"\n")
        head = _DECODER.decode(line)
    except asyncio.IncompleteReadError as error:
        raise EOFError from error
    except (asyncio.LimitOverrunError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError from error
    if len(line) > _LONGEST_LINE:
        raise ProtocolError
    if isinstance(head, CaptureFailed):
        return head, b"", b""
    if not _plausible(head):
        raise ProtocolError
    try:
        small = await reader.readexactly(head.small_width * head.small_height * 3)
        return head, small, await reader.readexactly(head.still)
    except asyncio.IncompleteReadError as error:
        raise EOFError from error


def _plausible(head: PictureHeader) -> bool:
    small = head.small_width > 0 < head.small_height and head.small_width * head.small_height <= _MOST_PIXELS
    full = 0 < head.width <= 16_384 and 0 < head.height <= 16_384
    still = 0 <= head.still <= _MOST_STILL and (head.mime in ("image/jpeg", "image/png") or not head.still)
    return small and full and still and 0 <= head.brightness <= 100 and head.at == head.at
