"""The engine of one shim: its birth, its words, its tree and its death (stdlib only)."""

import contextlib
import os
import selectors
import signal
import time
from typing import Any

from supervisors import kernel
from supervisors.shim import child
from supervisors.shim.log_file import LogFile
from supervisors.shim.log_rules import LogRules

KILL_PATIENCE_S = 2.0


class EngineProcess:
    """Nothing here waits for anybody: not for the engine, not for the disk."""

    def __init__(self, order: dict[str, Any], log: LogFile, selector: selectors.BaseSelector) -> None:
        self.log = log
        self.pid = 0
        self.started = ""
        self.heard = 0
        """Bytes."""
        self.exited: dict[str, Any] | None = None
        self.kill_at: float | None = None
        """A stop has been asked for; the grace ends at this monotonic time."""
        self.given_up = False
        self._others_told = False
        self._order, self._selector = order, selector
        self._pipe = -1
        self._rules = LogRules(order.get("rules", []))

    def start(self) -> None:
        """Raises OSError."""
        order = self._order
        self.pid, self._pipe = child.spawn(order["argv"], order["env"], order.get("nice", 0), order.get("cwd"))
        found = kernel.read_proc(self.pid)
        self.started = found.started if found else ""
        self.log.note(f"started {order['argv'][0]} as {self.pid}")
        self._selector.register(self._pipe, selectors.EVENT_READ, self.listen)

    def listen(self, limit: int = 1) -> None:
        """One read a turn of the loop, so that a flood of log never keeps us from a stop."""
        for _ in range(limit):
            try:
                data = os.read(self._pipe, 65536)
            except BlockingIOError:
                return
            if not data:
                self._selector.unregister(self._pipe)
                return
            self.heard += len(data)
            self.log.write(data)
            self._rules.read(data)

    def broken_rules(self) -> list[str]:
        """Lines of the log that speak of a trouble after which a server may hang; each is told once."""
        return self._rules.take()

    def reap(self) -> None:
        """SIGCHLD coalesces, so ask until nobody is left; orphans of the engine are ours and come by here as well."""
        with contextlib.suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                if found[0] == self.pid:
                    self._ended(found[1])

    def _ended(self, status: int) -> None:
        code = os.waitstatus_to_exitcode(status)
        with contextlib.suppress(KeyError):
            self._selector.get_key(self._pipe)
            # Its last words. The pipe's end is not waited for: a grandchild may hold it for ever.
            self.listen(limit=64)
        self.exited = {
            "is": "exited",
            "code": code if code >= 0 else None,
            "signal": -code if code < 0 else None,
            "stopped": self.kill_at is not None,
            "tail": self.log.tail,
        }
        if self.kill_at is None:
            self.kill_tree()
        self.log.note(f"{self._order['argv'][0]} ended: " + (f"code {code}" if code >= 0 else f"signal {-code}"))

    # Its tree

    def tree(self) -> list[kernel.Proc]:
        return kernel.descendants(os.getpid())

    def kill_tree(self) -> None:
        """Again and again, for they may fork meanwhile; what the kernel holds beyond our patience is left to it."""
        give_up = time.monotonic() + KILL_PATIENCE_S
        if not self.exited or not kernel.LINUX:
            kernel.signal_group(self.pid, signal.SIGKILL)
        while time.monotonic() < give_up:
            tree = self.tree()
            for proc in tree:
                kernel.signal_exactly(proc, signal.SIGKILL)
            if not tree:
                return
            time.sleep(0.002)
        self.given_up = True

    @property
    def all_gone(self) -> bool:
        return self.exited is not None and (self.given_up or not self.tree())

    # Stopping

    def begin_stop(self, grace_s: float) -> None:
        due = time.monotonic() + grace_s
        if self.kill_at is None:
            self.log.note(f"stop, with {grace_s:g} s of grace")
            if not self.exited:
                kernel.signal_group(self.pid, signal.SIGTERM)
        self.kill_at = due if self.kill_at is None else min(due, self.kill_at)

    def mind_stop(self) -> None:
        if self.kill_at is None:
            return
        if self.exited and not self._others_told:
            # Those who left its group did not hear the first TERM; they get theirs once nobody leads them.
            self._others_told = True
            for proc in self.tree():
                kernel.signal_exactly(proc, signal.SIGTERM)
        if time.monotonic() >= self.kill_at:
            self.kill_tree()
