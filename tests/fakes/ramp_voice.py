"""A voice whose every sample says where it belongs: a gap, a repeat or a lost block shows in the sound itself."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

from conversation.audio import Samples

RATE = 22_050
S_PER_CHAR = 0.06


def ramp(text: str) -> Samples:
    """1, 2, 3 … 20000, 1, 2 …; never 0, which is what a starved speaker plays."""
    count = round(len(text) * S_PER_CHAR * RATE)
    return (np.arange(count) % 20_000 + 1).astype(np.int16)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(b"{}", "application/json")

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(ramp(asked["input"]).tobytes(), "audio/pcm")

    def _answer(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("x-sample-rate", str(RATE))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        """Silent."""


@contextmanager
def ramp_voice() -> Iterator[str]:
    """Its base URL, while the block lasts."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
