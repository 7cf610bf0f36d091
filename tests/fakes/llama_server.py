"""A `llama-server` that thinks nothing: loads at once, answers one word, and fails as it is told (stdlib only).

What befalls it is in `moods.json` beside the folder of its weights: {"<file name>": "crash" | "oom" | "hang" | "deaf"}.
"""

import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CHUNK = {"choices": [{"delta": {"content": "Bones."}, "finish_reason": "stop"}], "timings": {"prompt_n": 1}}


class Handler(BaseHTTPRequestHandler):
    mood = ""

    def do_GET(self) -> None:
        self.answer(b'{"status": "ok"}')

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.mood == "deaf":
            time.sleep(3600)
        self.answer(b"data: " + json.dumps(CHUNK).encode() + b"\n\ndata: [DONE]\n\n")

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        """A line per probe would bury the rest."""


def main(words: list[str]) -> int:
    if "--help" in words:
        return 0
    weights, port = Path(words[words.index("-m") + 1]), int(words[words.index("--port") + 1])
    moods = Path(os.environ["FAKE_MOODS"])
    Handler.mood = json.loads(moods.read_text()).get(weights.name, "") if moods.exists() else ""
    print(f"loading {weights.name}", flush=True)
    match Handler.mood:
        case "crash":
            return 7
        case "oom":
            print("CUDA error: out of memory", flush=True)
            time.sleep(0.05)
            return 1
        case "hang":
            time.sleep(3600)
    ThreadingHTTPServer.daemon_threads = True
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
