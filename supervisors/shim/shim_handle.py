"""The process of a shim: our own child, or one that an earlier show left to us."""

import subprocess
from abc import ABC, abstractmethod

from supervisors import kernel
from supervisors.exits import return_code

_KILL = 9


class ShimHandle(ABC):
    pid: int

    @abstractmethod
    def ended(self) -> bool:
        """Never waits."""

    @abstractmethod
    def kill(self) -> None:
        """It ends with its engine; what else it kept is found by its token."""

    @abstractmethod
    def collect(self) -> None:
        """After `kill`: waits for its end, a millisecond, if that is ours to do."""

    @abstractmethod
    def let_go(self) -> None:
        """It shall outlive us, or end without being waited for."""

    @property
    @abstractmethod
    def left_well(self) -> bool:
        """It has ended by itself, after its whole tree; only asked once it has ended."""

    @property
    @abstractmethod
    def end(self) -> str:
        """In words; only asked once it has ended."""


class ChildShim(ShimHandle):
    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        self._popen, self.pid = popen, popen.pid

    def ended(self) -> bool:
        return self._popen.poll() is not None

    def kill(self) -> None:
        self._popen.kill()

    def collect(self) -> None:
        self._popen.wait()

    def let_go(self) -> None:
        if self._popen.poll() is None:
            self._popen.returncode = 0  # else Python complains of a child that was forgotten, which it was not

    @property
    def left_well(self) -> bool:
        return self._popen.returncode == 0

    @property
    def end(self) -> str:
        return return_code(self._popen.returncode)


class AdoptedShim(ShimHandle):
    """Somebody else's child: the kernel tells that it is gone, but not how."""

    def __init__(self, pid: int, started: str) -> None:
        self.pid, self._started = pid, started
        self._killed = False

    def ended(self) -> bool:
        return not kernel.is_alive(self.pid, self._started)

    def kill(self) -> None:
        found = kernel.read_proc(self.pid)
        if found and found.started == self._started:
            self._killed = True
            kernel.signal_exactly(found, _KILL)

    def collect(self) -> None:
        """The show that adopted it does."""

    def let_go(self) -> None:
        """Nothing of it is ours."""

    @property
    def left_well(self) -> bool:
        return False  # nobody can know: its tree is looked for

    @property
    def end(self) -> str:
        return "killed by SIGKILL" if self._killed else "lost"
