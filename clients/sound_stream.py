"""Sound as servers stream it: raw samples or a WAV, of any rate, width and channels, in pieces of any size."""

import re
from collections.abc import Iterator, Mapping
from typing import Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from clients import refusals
from conversation.audio import Samples

DEFAULT_RATE = 24_000
"""What servers of this protocol send when they do not say."""
_LOWEST, _HIGHEST, _MOST_CHANNELS = 4000, 384_000, 8
_LONGEST_HEADER = 1 << 20
_FIRST = 4096
_RIFFS = (b"RIFF", b"RIFX", b"RF64")
_PIPED = 0x7FFF_0000
"""Programs that write a WAV into a pipe promise at least so much."""
_WHOLE = re.compile(rb"fLaC|OggS|ID3|FORM....AIF|\.snd", re.DOTALL)
_PACKED = re.compile(r"(audio|application)/(x-)?(mpeg|mp3|mpeg3|ogg|opus|vorbis|flac|aiff|basic|au)")
_OTHER = re.compile(rb"....ftyp|\x1aE\xdf\xa3", re.DOTALL)
_UNPLAYABLE = re.compile(r"(audio|video)/(x-)?(mp4|m4a|aac|aacp|webm|amr|3gpp)")
_RAW = re.compile(r"(audio/.*|(application|binary)/octet-stream)?")
_TEXT = re.compile(rb'\s*(\{\s*"(error|detail|message|object|code|status)"|<!doctype|<html|<\?xml)', re.IGNORECASE)
_LINEAR = re.compile(r"audio/(x-)?l(8|16|20|24)")
_PARAMETER = re.compile(r"([a-z_-]+)=\"?([^\";,]+)")
_FORMAT = re.compile(r"([suf])(8|16|24|32|64)(le|be)?")


class NoSound(Exception):
    """What came is none that can be played; `str()` is what the server did: "sent ..."."""


class CompressedSound(Exception):
    """It has to be decoded as a whole."""


class SampleFormat(Struct, frozen=True, kw_only=True):
    """How samples lie in the stream."""

    rate: int
    channels: int = 1
    kind: str = "i"
    """Of numpy: i, u or f."""
    bits: int = 16
    big: bool = False
    unsure: bool = False
    """It ought to be big-endian; some servers that say so are not."""

    def samples(self, data: bytes) -> Samples:
        """Of whole frames: mono, 16 bits."""
        order, width = ">" if self.big else "<", self.bits // 8
        if width == 3:
            loud = np.frombuffer(data, np.uint8).reshape(-1, 3)[:, :: -1 if self.big else 1]
            sound = np.ascontiguousarray(loud[:, 1:]).view("<i2").ravel().astype(np.float64)
        else:
            sound = np.frombuffer(data, f"{order}{self.kind}{width}").astype(np.float64)
            if self.kind == "f":
                sound = np.nan_to_num(sound, posinf=0.0, neginf=0.0) * 32767.0
            elif self.kind == "u":
                sound = (sound - float(1 << (self.bits - 1))) * 2.0 ** (16 - self.bits)
            elif width != 2:
                sound *= 2.0 ** (16 - self.bits)
        return mono(sound.reshape(-1, self.channels))


def mono(sound: NDArray[np.float64]) -> Samples:
    """Channels side by side, full scale 32767, mixed into one."""
    mixed = sound[:, 0] if sound.shape[1] == 1 else sound.mean(axis=1)
    out: Samples = np.clip(np.round(mixed), -32768, 32767).astype(np.int16)
    return out


class SoundStream:
    """`feed` it what comes; it gives (rate, samples). Raises NoSound, and Packed for what has to be decoded as a whole:
    `rest` is what has come of it.
    """

    def __init__(self, headers: Mapping[str, str], rate: int = 0) -> None:
        """`rate`: what the operator says, of a server that does not say."""
        self._headers, self._rate = headers, rate
        self.kind, self._parameters = _kind(headers.get("content-type", ""))
        self.rest = b""
        self._form: SampleFormat | None = None
        self._left: int | None = None
        """Bytes of samples that are still to come; None: until the end."""
        self._begun = self._in_header = self._refused = False

    def feed(self, data: bytes, *, last: bool = False) -> Iterator[tuple[int, Samples]]:
        self.rest += data
        if not self._begun and not self._begin(last):
            return
        while not self._in_header or self._read_header(last):
            yield from self._frames()
            if self._left != 0:
                return
            self._in_header, self._form = True, None

    def _begin(self, last: bool) -> bool:
        """Whether it is known what this is; what it looks like counts for more than what it is called."""
        first = self.rest
        if self._refused or (len(first) < 12 and not last):
            self._refuse(last)
            return False
        if first[:4] in _RIFFS:
            self._in_header = True
        elif _WHOLE.match(first) or _PACKED.fullmatch(self.kind):
            raise CompressedSound
        elif _OTHER.match(first) or _UNPLAYABLE.fullmatch(self.kind):
            raise NoSound(f"sent {self.kind or 'a kind of sound'}, which cannot be played here")
        elif "wav" in self.kind and not _TEXT.match(first):
            raise NoSound(f"sent {self.kind} that is none")
        elif _TEXT.match(first) or not _RAW.fullmatch(self.kind):
            self._refused = True
            self._refuse(last)
            return False
        else:
            form = _form(self.kind, self._parameters, self._headers, self._rate)
            if form.unsure and len(first) < _FIRST and not last:
                return False
            self._form = _in_order(form, first) if form.unsure else form
        self._begun = True
        return True

    def _frames(self) -> Iterator[tuple[int, Samples]]:
        form = self._form
        assert form is not None
        width = form.channels * form.bits // 8
        ready = len(self.rest) if self._left is None else min(len(self.rest), self._left)
        whole = ready // width * width
        if whole:
            yield form.rate, form.samples(self.rest[:whole])
        self.rest = self.rest[whole:]
        if self._left is not None:
            self._left -= whole
            if self._left < width and len(self.rest) >= self._left:  # a part of a frame, at the very end
                self.rest, self._left = self.rest[self._left :], 0

    def _read_header(self, last: bool) -> bool:
        """Up to the samples of a WAV, or behind them, as some servers send several. False: more must come."""
        self.rest = self.rest.lstrip(b"\0") if self._left == 0 else self.rest
        data = self.rest
        order: Literal["little", "big"] = "big" if data[:4] == b"RIFX" else "little"
        at = 12 if data[:4] in _RIFFS else 0
        while at + 8 <= len(data):
            name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], order)
            if name in _RIFFS and at:
                self.rest = data[at:]
                return self._read_header(last)
            if name == b"data" and self._form is not None:
                self._left = size if 0 < size < _PIPED and data[:4] != b"RF64" else None
                self.rest, self._in_header = data[at + 8 :], False
                return True
            if at + 8 + size > len(data):
                break
            if name == b"fmt ":
                self._form = _of_wav(data[at + 8 : at + 8 + size], order)
            at += 8 + size + size % 2
        if self._left is None and len(data) > _LONGEST_HEADER:
            raise NoSound("sent a WAV without sound in it")
        if self._left is None and last:
            raise NoSound(f"sent {self.kind or 'a WAV'} that ends before its sound")
        return False

    def _refuse(self, last: bool) -> None:
        """With the words of the server, once all of them are here."""
        if self._refused and (last or len(self.rest) > _FIRST):
            said = refusals.plain(refusals.said(bytes(self.rest)))
            raise NoSound(f"sent {self.kind or 'text'} where samples were asked for{f' ({said})' if said else ''}")


def _kind(content_type: str) -> tuple[str, dict[str, str]]:
    kind, _, rest = content_type.lower().partition(";")
    return kind.strip(), dict(_PARAMETER.findall(rest))


def _form(kind: str, parameters: Mapping[str, str], headers: Mapping[str, str], given: int) -> SampleFormat:
    """Of raw samples, by what the server says of them, else the operator, else custom."""
    names = ("rate", "samplerate", "sample_rate", "sample-rate")
    said = next((parameters[name] for name in names if name in parameters), None)
    said = said or headers.get("x-sample-rate") or headers.get("sample-rate") or headers.get("x-audio-sample-rate")
    channels = parameters.get("channels") or headers.get("x-channels") or headers.get("x-audio-channels") or "1"
    linear = _LINEAR.fullmatch(kind)
    words = " ".join(parameters.get(name, "") for name in ("format", "encoding", "codec"))
    layout = _FORMAT.search(words)
    bits = linear[2] if linear else layout[2] if layout else parameters.get("bits", parameters.get("bitdepth", "16"))
    sort = {"s": "i", "u": "u", "f": "f"}[layout[1]] if layout else "f" if "float" in words else "i"
    endian = parameters.get("endianness") or parameters.get("endian") or (layout[3] if layout else None) or ""
    big = endian.startswith("b") if endian else linear is not None
    if bits not in ("8", "16", "24", "32", "64") or (sort == "f" and bits not in ("32", "64")):
        raise NoSound(f"sends samples of {bits[:20]} bits, which cannot be played here")
    if linear and bits == "8":
        sort = "u"
    return SampleFormat(
        rate=rate(said.strip() if said else str(given or DEFAULT_RATE)),
        channels=_channels(channels.strip()),
        kind=sort,
        bits=int(bits),
        big=big,
        unsure=linear is not None and bits == "16" and not endian,
    )


def rate(said: str) -> int:
    if not (said.isascii() and said.isdecimal()) or not _LOWEST <= int(said[:9]) <= _HIGHEST:
        raise NoSound(f"sends sound at a rate that cannot be ({said[:20]})")
    return int(said)


def _channels(said: str) -> int:
    if not (said.isascii() and said.isdecimal()) or not 1 <= int(said[:9]) <= _MOST_CHANNELS:
        raise NoSound(f"sends sound with channels that cannot be ({said[:20]})")
    return int(said)


def _of_wav(chunk: bytes, order: Literal["little", "big"]) -> SampleFormat:
    """Of the chunk that is called "fmt "."""

    def number(at: int, size: int) -> int:
        return int.from_bytes(chunk[at : at + size], order)

    tag, bits = number(0, 2), number(14, 2)
    if tag == 0xFFFE and len(chunk) >= 26:
        tag = number(24, 2)
    if tag not in (1, 3) or bits not in ((32, 64) if tag == 3 else (8, 16, 24, 32)):
        raise CompressedSound  # companded and compressed ones
    sort = "f" if tag == 3 else "u" if bits == 8 else "i"
    channels = _channels(str(number(2, 2)))
    return SampleFormat(rate=rate(str(number(4, 4))), channels=channels, kind=sort, bits=bits, big=order == "big")


def _in_order(form: SampleFormat, first: bytes) -> SampleFormat:
    """Speech is smooth in one order of its bytes, noise in the other; where that is not plain, as the standard says."""
    words = first[: len(first) // 2 * 2]

    def roughness(order: str) -> float:
        return float(np.abs(np.diff(np.frombuffer(words, f"{order}i2").astype(np.float64))).sum())

    return SampleFormat(rate=form.rate, channels=form.channels, big=roughness("<") * 4 >= roughness(">"))
