"""What only the kernel can tell or promise: who descends from whom, who is who, who inherits orphans (stdlib only).

Everything that depends on the platform is here. Linux gives all of it. Elsewhere (macOS) orphans fall to init instead
of to us and nobody dies with a killed parent: there a shim ends its process group, and the sweep by token the rest.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterable
from typing import NamedTuple

LINUX = sys.platform == "linux"
TOKEN_VARIABLE = "GALACTUS_SERVICE"
_PDEATHSIG, _SUBREAPER = 1, 36
_DONTNEED = 4
_LISTENING = "0A"
_PIECE = 4 << 20
_MMAP_THRESHOLD, _LARGE = -3, 1 << 16
"""mallopt(3); 64 KiB."""


class Proc(NamedTuple):
    """One process; `pid` and `started` together are its identity, because numbers come round again."""

    pid: int
    parent: int
    group: int
    state: str
    started: str
    """In the words of the kernel: clock ticks since boot on Linux, a date elsewhere."""

    @property
    def alive(self) -> bool:
        return self.state[:1] not in ("Z", "X")


def read_proc(pid: int) -> Proc | None:
    if not LINUX:
        return _ps().get(pid)
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            line = file.read()
    except OSError:
        return None
    words = line[line.rindex(b")") + 2 :].decode().split()
    return Proc(pid, int(words[1]), int(words[2]), words[0], words[19])


def is_alive(pid: int, started: str) -> bool:
    """Whether this very process still runs; a zombie does not."""
    found = read_proc(pid)
    return found is not None and found.alive and found.started == started


def descendants(root: int) -> list[Proc]:
    """The living tree below `root`, without it.

    A process that dies while the tree is read leaves its children to one whose list has been read already: after a
    look that met a dead one there is another, until two agree.
    """
    found, before = _tree(root), set[int]()
    while any(not proc.alive for proc in found) and (pids := {proc.pid for proc in found}) != before:
        found, before = _tree(root), pids
    return [proc for proc in found if proc.alive]


def _tree(root: int) -> list[Proc]:
    table = None if LINUX else _ps()
    found: dict[int, Proc] = {}
    queue = [root]
    while queue:
        parent = queue.pop()
        for pid in _children(parent) if table is None else [p.pid for p in table.values() if p.parent == parent]:
            child = read_proc(pid) if table is None else table[pid]
            if child is not None and pid not in found:
                found[pid] = child
                queue.append(pid)
    return list(found.values())


def signal_exactly(proc: Proc, number: int) -> bool:
    """Signal this very process, never another that got its number meanwhile; False when it is gone."""
    if not LINUX:
        return is_alive(proc.pid, proc.started) and _quietly(lambda: os.kill(proc.pid, number))
    try:
        handle = os.pidfd_open(proc.pid)
    except OSError:
        return False
    try:
        # The handle is held before the check: what it points at cannot change between the check and the signal.
        return is_alive(proc.pid, proc.started) and _quietly(lambda: signal.pidfd_send_signal(handle, number))
    finally:
        os.close(handle)


def signal_group(group: int, number: int) -> bool:
    return _quietly(lambda: os.killpg(group, number))


def become_subreaper() -> bool:
    """Orphans below us become our children, not init's; False where the platform has no such thing."""
    return _prctl(_SUBREAPER, 1)


def die_with_parent() -> bool:
    """SIGKILL for us when our parent dies. It is tied to the parent's *thread* that forked: fork from the main one."""
    return _prctl(_PDEATHSIG, signal.SIGKILL)


def be_first_to_go() -> None:
    """When memory runs out, the kernel shall end an engine, which comes back, and not the show. Anybody may say so."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("500")


def be_nice(nice: int) -> None:
    """Linux gives each session a scheduling group of its own, inside which niceness has no effect on other sessions:
    the group must be told too (sched(7), "The autogroup feature").
    """
    with contextlib.suppress(OSError):  # More than we may ask for, or no such kernel: the engine runs as it is.
        os.nice(nice)
    with contextlib.suppress(OSError), open("/proc/self/autogroup", "w") as group:
        group.write(str(nice))


def give_back_memory() -> None:
    """What only a start needed: freed heap that the C library keeps, and code that was run once; some ms.

    Code is read-only and lies in its file, so what is needed again comes back by itself, a page at a time.
    """
    if not LINUX:
        return
    import ctypes

    trim_heap()
    libc = ctypes.CDLL(None)
    with contextlib.suppress(OSError), open("/proc/self/maps") as maps:
        for words in map(str.split, maps):
            if words[1].startswith("r-x") and words[-1].startswith("/"):
                low, high = (int(address, 16) for address in words[0].split("-"))
                libc.madvise(ctypes.c_void_p(low), ctypes.c_size_t(high - low), _DONTNEED)


def trim_heap() -> None:
    """Give freed heap back that the C library keeps (glibc; elsewhere nothing); a few ms, without Python's lock."""
    import ctypes

    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)


def map_large_blocks() -> None:
    """Have every large block, such as a clause of sound, in pages of its own that are gone with it (glibc; elsewhere
    nothing). By itself glibc raises this limit with the first that is freed, and the heap is full of holes after a few
    turns. It costs a system call a block.
    """
    import ctypes

    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_MMAP_THRESHOLD, _LARGE)


def read_ahead(path: str) -> None:
    """Bring a file into the page cache; nothing to do when it is there already. Blocks while the disk reads."""
    with open(path, "rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        if _cached(file.fileno(), size):
            return
        while file.readinto(bytearray(_PIECE)):
            pass


def _cached(fd: int, size: int) -> bool:
    """Whether 64 places all over the file are in memory."""
    if not hasattr(os, "preadv") or not hasattr(os, "RWF_NOWAIT"):
        return False
    try:
        return all(os.preadv(fd, [bytearray(1)], size * n // 64, os.RWF_NOWAIT) for n in range(64))
    except OSError:
        return False


def resident(pid: int) -> int | None:
    """Bytes of its memory that are in RAM; None when it is gone, or where /proc does not tell."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return None


def listens(port: int, pids: Iterable[int]) -> bool | None:
    """Whether one of these has the socket that listens on this TCP port; None where /proc does not tell."""
    if not LINUX:
        return None
    inodes = _listening_inodes(port)
    return bool(inodes) and any(not inodes.isdisjoint(_sockets_of(pid)) for pid in pids)


def cpu_s(pid: int) -> float:
    """Processor time that it has used, seconds; 0 when it is gone, or where /proc does not tell."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            line = file.read()
    except OSError:
        return 0.0
    words = line[line.rindex(b")") + 2 :].split()
    return (int(words[11]) + int(words[12])) / float(os.sysconf("SC_CLK_TCK"))


def run_delay_s(pid: int) -> float:
    """Time that its threads were ready to run and had no core (Linux, scheduler statistics); 0 where it is not told."""
    total = 0
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError, ValueError), open(f"/proc/{pid}/task/{task}/schedstat", "rb") as file:
                total += int(file.read().split()[1])
    return total / 1e9


def out_of_memory_line(pid: int) -> str:
    """What the kernel's log says of ending this process for want of memory; "" when nothing, or when it is not for us
    to read. Never waits.
    """
    found = ""
    try:
        log = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return ""
    try:
        while True:
            with contextlib.suppress(BrokenPipeError):  # overwritten while we read: the next one is there
                record = os.read(log, 8192).decode("utf-8", "replace").partition(";")[2].partition("\n")[0]
                if f"Killed process {pid} " in record:
                    found = record
    except OSError:  # the end, or a kernel that does not let us
        return found
    finally:
        os.close(log)


def boot_id() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    except OSError:
        return ""


def _children(pid: int) -> list[int]:
    pids: list[int] = []
    # Who ended while we looked has left its children to others; the next look finds them there.
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{task}/children") as file:
                pids += map(int, file.read().split())
    return pids


def _listening_inodes(port: int) -> set[str]:
    inodes = set[str]()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError), open(table) as rows:
            for words in map(str.split, list(rows)[1:]):
                if words[3] == _LISTENING and int(words[1].rpartition(":")[2], 16) == port:
                    inodes.add(f"socket:[{words[9]}]")
    return inodes


def _sockets_of(pid: int) -> set[str]:
    links = set[str]()
    with contextlib.suppress(OSError):
        for handle in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                links.add(os.readlink(f"/proc/{pid}/fd/{handle}"))
    return links


def _prctl(option: int, value: int) -> bool:
    if not LINUX:
        return False
    import ctypes  # 6 ms; most of our readers never need it

    return bool(ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) == 0)


def _quietly(send: Callable[[], None]) -> bool:
    try:
        send()
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _ps() -> dict[int, Proc]:
    with os.popen("ps -A -o pid=,ppid=,pgid=,stat=,lstart=") as lines:
        rows = [line.split(None, 4) for line in lines]
    return {int(r[0]): Proc(int(r[0]), int(r[1]), int(r[2]), r[3], r[4].strip()) for r in rows if len(r) == 5}
