"""One end of the shim's protocol: JSON lines on a socket that never makes the shim wait (stdlib only)."""

import json
import socket
from typing import Any

Message = dict[str, Any]


class JsonSocket:
    """A connection to a client. What cannot be sent yet waits in memory; a reader that is gone is `closed`."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.closed = False
        self._in = b""
        self._out = b""

    def fileno(self) -> int:
        return self.sock.fileno()

    @property
    def behind(self) -> bool:
        return bool(self._out)

    def send(self, message: Message) -> None:
        self._out += json.dumps(message, separators=(",", ":")).encode() + b"\n"
        self.flush()

    def flush(self) -> None:
        try:
            while self._out and not self.closed:
                self._out = self._out[self.sock.send(self._out) :]
        except BlockingIOError:
            return
        except OSError:
            self.closed = True

    def receive(self) -> list[Message]:
        """Whole lines that are there; at the end of the stream `closed` is set."""
        try:
            while data := self.sock.recv(65536):
                self._in += data
            self.closed = True
        except BlockingIOError:
            pass
        except OSError:
            self.closed = True
        *lines, self._in = self._in.split(b"\n")
        return [json.loads(line) for line in lines if line]

    def close(self) -> None:
        self.closed = True
        self.sock.close()
