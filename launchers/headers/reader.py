"""Reads the front of a file that may be hostile: never more than a limit, and one plain error for all that is wrong."""

import struct
from typing import BinaryIO

LIMIT = 64 * 1024 * 1024
"""Bytes of header; the largest vocabularies of today take 16 MB."""
_FIRST, _GROWTH = 64 * 1024, 4
_U32, _U64 = struct.Struct("<I"), struct.Struct("<Q")


class BadHeader(ValueError):
    """The file cannot be what it claims to be; its text is one plain clause about "it"."""


class HeaderReader:
    """A window on the file's front that grows as it is needed. Read, not mapped: a file that shrinks under a map would
    end the process.
    """

    def __init__(self, file: BinaryIO, limit: int = LIMIT) -> None:
        self._file, self._limit = file, limit
        self._data = file.read(_FIRST)
        self.at = 0

    def need(self, count: int) -> None:
        """Makes sure that so many bytes follow. Raises BadHeader."""
        end = self.at + count
        if end <= len(self._data):
            return
        if end > self._limit:
            raise BadHeader(f"its header is longer than {self._limit >> 20} MiB")
        wanted = min(self._limit, max(end, _GROWTH * len(self._data)))
        self._data += self._file.read(wanted - len(self._data))
        if end > len(self._data):
            raise BadHeader("it is cut off in its header")

    def take(self, count: int) -> bytes:
        self.need(count)
        self.at += count
        return self._data[self.at - count : self.at]

    def skip(self, count: int) -> None:
        self.need(count)
        self.at += count

    def u32(self) -> int:
        return int(_U32.unpack(self.take(4))[0])

    def u64(self) -> int:
        return int(_U64.unpack(self.take(8))[0])

    def text(self, longest: int) -> str:
        """A string with its length (64 bits) before it. Raises BadHeader."""
        length = self.u64()
        if length > longest:
            raise BadHeader(f"it has a name of {length} bytes")
        return self.take(length).decode("utf-8", "replace")

    def skip_texts(self, count: int) -> None:
        """A vocabulary's strings: 300,000 of them in 50 ms, so nothing is made of any."""
        data, at, length_at = self._data, self.at, _U64.unpack_from
        for _ in range(count):
            if at + 8 > len(data):
                data = self._grown(at, 8)
            at += 8 + length_at(data, at)[0]
            if at > len(data):
                data = self._grown(at, 0)
        self.at = at

    def _grown(self, at: int, more: int) -> bytes:
        self.at = at
        self.need(more)
        return self._data
