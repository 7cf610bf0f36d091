"""The memory that the kernel lets this process have: limits of its control group and of all above it, v1 and v2.

A container has no other memory than that, whatever /proc/meminfo says of the machine.
"""

import os
from collections.abc import Iterator

from msgspec import Struct

_NO_LIMIT = 1 << 60
"""Version 1 writes 2^63 less a page."""
_DISCOVER_S = 30.0
"""A process may be moved to another group."""


class CgroupMemory(Struct, frozen=True):
    """Bytes."""

    total: int
    available: int
    """What is free, and what would be freed at once: files that were not used lately."""
    swap_total: int | None = None
    """None: not limited here."""
    swap_used: int = 0


class Cgroup:
    def __init__(self, root: str = "/") -> None:
        """`root`: where `proc` is, and below which the groups are mounted."""
        self._root = root.rstrip("/")
        self._levels: list[tuple[str, bool]] = []
        """Folders from our own group upwards, and whether each is of version 2."""
        self._due = float("-inf")

    def rooms(self, now: float) -> list[CgroupMemory]:
        """Of each level that has a limit. `now`: monotonic time, seconds."""
        if now >= self._due:
            self._levels, self._due = list(self._find()), now + _DISCOVER_S
        rooms = (_version_2(folder) if second else _version_1(folder) for folder, second in self._levels)
        return [room for room in rooms if room is not None]

    def _find(self) -> Iterator[tuple[str, bool]]:
        ours = _groups(_text(f"{self._root}/proc/self/cgroup"))
        mounts = list(_mounts(_text(f"{self._root}/proc/self/mountinfo")))
        for second, top, point in mounts or [(True, "/", "/sys/fs/cgroup"), (False, "/", "/sys/fs/cgroup/memory")]:
            yield from ((folder, second) for folder in self._upwards(ours.get(second, "/"), top, point))

    def _upwards(self, path: str, top: str, point: str) -> Iterator[str]:
        """`top` of the hierarchy is mounted at `point`. In a namespace a path may lead out of what is seen."""
        inside = path == top or path.startswith(top.rstrip("/") + "/")
        words = [word for word in path[len(top.rstrip("/")) :].split("/") if word] if inside else []
        if ".." in words or not os.path.isdir("/".join((self._root + point, *words))):
            words = []
        for count in range(len(words), -1, -1):
            yield "/".join((self._root + point, *words[:count]))


def _groups(text: str) -> dict[bool, str]:
    """By whether it is of version 2: our own group of memory."""
    rows = [row.split(":", 2) for row in text.splitlines() if row.count(":") >= 2]
    return {
        not what: path for number, what, path in rows if "memory" in what.split(",") or (number == "0" and not what)
    }


def _mounts(text: str) -> Iterator[tuple[bool, str, str]]:
    """Whether of version 2, which part of the hierarchy it is, and where; of those that count memory."""
    for row in text.splitlines():
        before, _, after = row.partition(" - ")
        words, kind = before.split(), after.split()
        if len(words) < 5 or len(kind) < 3:
            continue
        top, point = (word.replace("\\040", " ") for word in words[3:5])
        if kind[0] == "cgroup2" or (kind[0] == "cgroup" and "memory" in kind[2].split(",")):
            yield kind[0] == "cgroup2", top, point


def _version_2(folder: str) -> CgroupMemory | None:
    limits = [_number(f"{folder}/memory.{name}") for name in ("max", "high")]
    swap = _number(f"{folder}/memory.swap.max")
    room = _room([limit for limit in limits if limit is not None], f"{folder}/memory.current", folder, "inactive_file")
    return _with_swap(room, swap, _number(f"{folder}/memory.swap.current") or 0)


def _version_1(folder: str) -> CgroupMemory | None:
    limit = _number(f"{folder}/memory.limit_in_bytes")
    both = _number(f"{folder}/memory.memsw.limit_in_bytes")
    used = f"{folder}/memory.usage_in_bytes"
    room = _room([] if limit is None else [limit], used, folder, "total_inactive_file")
    if both is None or limit is None:
        return room
    swapped = (_number(f"{folder}/memory.memsw.usage_in_bytes") or 0) - (_number(used) or 0)
    return _with_swap(room, max(0, both - limit), max(0, swapped))


def _room(limits: list[int], used: str, folder: str, idle: str) -> CgroupMemory | None:
    taken = _number(used)
    if not limits or taken is None:
        return None
    limit = min(limits)
    return CgroupMemory(limit, max(0, min(limit, limit - taken + _stat(f"{folder}/memory.stat", idle))))


def _with_swap(room: CgroupMemory | None, total: int | None, used: int) -> CgroupMemory | None:
    if room is None or total is None:
        return room
    return CgroupMemory(room.total, room.available, total, min(used, total))


def _stat(path: str, key: str) -> int:
    rows = (row.split() for row in _text(path).splitlines())
    return next((int(row[1]) for row in rows if len(row) == 2 and row[0] == key and row[1].isdigit()), 0)


def _number(path: str) -> int | None:
    """None: no limit ("max", or next to 2^63), or nothing that can be read."""
    text = _text(path).strip()
    return int(text) if text.isdigit() and int(text) < _NO_LIMIT else None


def _text(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
