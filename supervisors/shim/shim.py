"""Keeps one engine while the show may come and go: its session, its log, its exit and its death (stdlib only).

Run as `python -S -E -I shim.py NAME` with the owner's socket as standard input, whose first line says what to run.
The end of that socket is the owner's death notice: no heartbeat is needed. When nobody has adopted the engine within
the window, the whole tree is killed. Nothing here may wait for anybody: not for the owner, not for the disk.
"""

import contextlib
import os
import select
import selectors
import signal
import socket
import sys
import time

sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from supervisors import kernel
from supervisors.shim import state_file
from supervisors.shim.engine_process import EngineProcess
from supervisors.shim.json_socket import JsonSocket, Message
from supervisors.shim.log_file import LogFile
from supervisors.shim.named_socket import LONGEST, NamedSocket

PROGRESS_EVERY_S = 0.2
LOOK_EVERY_S = 0.5
STOP_TICK_S = 0.02


class Shim:
    def __init__(self, owner: JsonSocket, order: Message) -> None:
        self._order = order
        self._owner: JsonSocket | None = owner
        self._orphan_since = 0.0
        self._selector = selectors.DefaultSelector()
        self._engine = EngineProcess(order, LogFile(order["log"], order.get("log_limit", 20_000_000)), self._selector)
        self._door: NamedSocket | None = None
        self._wanted: str = order["socket"]
        self._look_at = 0.0
        self._ready = 0.0
        """The show has found it READY, with answers due within so many seconds; a show that adopts it need not ask."""
        self._told = False
        self._reported = 0
        self._reported_at = 0.0

    def run(self) -> None:
        wake = self._catch_signals()
        try:
            self._engine.start()
        except OSError as error:
            self._send({"is": "failed", "message": f"{error.filename} cannot be started: {error.strerror}"})
            return
        self._selector.register(wake, selectors.EVENT_READ, lambda: _drain(wake))
        if self._owner:
            self._watch(self._owner)
        self._open_door()
        self._send(self._hello())
        while not self._done():
            for key, _ in self._selector.select(self._patience()):
                key.data()
            self._engine.reap()
            self._engine.mind_stop()
            self._mind_owner()
            self._tell()
        self._leave()

    # The owner

    def _watch(self, link: JsonSocket) -> None:
        self._selector.register(link, selectors.EVENT_READ, lambda: self._hear(link))

    def _hear(self, link: JsonSocket) -> None:
        for message in link.receive():
            match message.get("do"):
                case "status":
                    link.send({**self._hello(), "is": "status", "owned": self._owner is not None})
                case "adopt" if self._owner is None:
                    self._belong_to(link, message)
                case "ready" if link is self._owner:
                    self._ready = float(message["due_s"])
                case "stop" if link is self._owner:
                    self._engine.begin_stop(float(message.get("grace_s", 0)))
                case _:
                    link.send({"is": "refused"})
        if link.closed:
            self._lose(link)

    def _belong_to(self, link: JsonSocket, message: Message) -> None:
        """To the next show, which has a log folder of its own."""
        self._owner, self._told = link, False
        self._order |= {key: message[key] for key in ("log", "adopt_window_s", "stop_grace_s") if key in message}
        self._engine.log.move(self._order["log"])
        link.send(self._hello())
        with contextlib.suppress(OSError):
            state_file.write(self._order["state"], self._identity())

    def _lose(self, link: JsonSocket) -> None:
        self._selector.unregister(link)
        link.close()
        if link is self._owner:
            self._owner = None
            self._orphan_since = self._look_at = time.monotonic()

    def _mind_owner(self) -> None:
        if self._owner and self._owner.closed:
            self._lose(self._owner)
        if self._owner is not None:
            return
        if self._adoptable():
            self._mind_door()
        else:
            self._engine.kill_tree()

    def _adoptable(self) -> bool:
        return time.monotonic() < self._orphan_since + float(self._order["adopt_window_s"])

    def _tell(self) -> None:
        owner, now, engine = self._owner, time.monotonic(), self._engine
        if owner is None:
            return
        owner.flush()
        for line in engine.broken_rules():
            owner.send({"is": "rule", "line": line})
        if not self._told and engine.all_gone:
            owner.send(engine.exited or {})
            self._told = True
        elif engine.heard != self._reported and now >= self._reported_at + PROGRESS_EVERY_S and not owner.behind:
            owner.send({"is": "progress", "bytes": engine.heard})
            self._reported, self._reported_at = engine.heard, now

    def _send(self, message: Message) -> None:
        if self._owner:
            self._owner.send(message)

    def _hello(self) -> Message:
        return {
            "is": "hello",
            "pid": self._engine.pid,
            "started": self._engine.started,
            "shim_pid": os.getpid(),
            "token": self._order["token"],
            "port": self._order["port"],
            "ready": self._ready,
        }

    # Beginning and end

    def _catch_signals(self) -> int:
        hear, speak = os.pipe()
        for end in (hear, speak):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(speak, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: self._engine.begin_stop(float(self._order["stop_grace_s"])))
        for ignored in (signal.SIGINT, signal.SIGHUP):
            signal.signal(ignored, signal.SIG_IGN)
        return hear

    def _open_door(self) -> None:
        """The socket gets its name after the state file has: a show that finds it finds a whole shim."""
        wanted, beside = self._wanted, self._order["state"].removesuffix(".json") + ".sock"
        complaint: OSError | None = None
        for path in (wanted, beside) if len(os.fsencode(beside)) <= LONGEST else (wanted,):
            self._order["socket"] = path
            try:
                state_file.write(self._order["state"], self._identity())
                self._stand_at(NamedSocket(path))
            except OSError as error:
                complaint = complaint or error
            else:
                return
        self._engine.log.note(f"nobody can adopt this service: {complaint}")

    def _stand_at(self, door: NamedSocket) -> None:
        if self._door:
            self._selector.unregister(self._door.socket)
            self._door.close()
        self._door = door
        self._selector.register(
            door.socket, selectors.EVENT_READ, lambda: self._watch(JsonSocket(door.socket.accept()[0]))
        )

    def _mind_door(self) -> None:
        """A show that comes to adopt looks for a file and a socket; both may have been cleared away meanwhile."""
        if time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + LOOK_EVERY_S
        found = state_file.read(self._order["state"]).get("token")
        if found not in (None, self._order["token"]):
            return  # the place is another's by now
        if found is None or self._door is None or not self._door.stands:
            self._open_door()

    def _identity(self) -> Message:
        shim = kernel.read_proc(os.getpid())
        kept = {key: self._order[key] for key in ("name", "port", "token", "argv_hash", "log", "socket")}
        told = {key: value for key, value in self._hello().items() if key != "is"}
        return {**kept, **told, "shim_started": shim.started if shim else "", "boot_id": kernel.boot_id()}

    def _patience(self) -> float | None:
        if self._engine.kill_at is not None:
            return STOP_TICK_S
        if self._owner is None:
            left = self._orphan_since + float(self._order["adopt_window_s"]) - time.monotonic()
            return max(0.0, min(left, LOOK_EVERY_S))
        if self._engine.exited or self._owner.behind:
            return STOP_TICK_S
        return PROGRESS_EVERY_S if self._engine.heard != self._reported else None

    def _done(self) -> bool:
        if self._owner is None:
            return not self._adoptable() or (self._engine.exited is not None and self._engine.kill_at is not None)
        return self._told and not self._owner.behind

    def _leave(self) -> None:
        self._engine.kill_tree()
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        # The next shim of this service may have put its own files there already.
        if self._door and state_file.read(self._order["state"]).get("token") == self._order["token"]:
            self._door.forget()
            with contextlib.suppress(OSError):
                os.unlink(self._order["state"])
        self._engine.log.close()


def _drain(pipe: int) -> None:
    with contextlib.suppress(BlockingIOError):
        while os.read(pipe, 4096):
            pass


def main() -> None:
    owner = JsonSocket(socket.socket(fileno=os.dup(0)))
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    while not (orders := owner.receive()):
        if owner.closed:
            return  # The show died between our birth and its first word.
        select.select([owner], [], [])
    if len(orders) > 1:
        return  # All that can follow is a stop: called off before it began.
    kernel.become_subreaper()
    Shim(owner, orders[0]).run()
    os._exit(0)  # a show waits for our end before it starts the next one; there is nothing to tidy up


if __name__ == "__main__":
    main()
