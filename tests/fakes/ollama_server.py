"""A little Ollama: a real process that speaks its API and can be told to misbehave (stdlib only).

`ollama serve`, as the real one: OLLAMA_HOST says where, OLLAMA_MODELS where the models are (a manifest each), and a
loaded model has a runner, a child of its own. FAKE_OLLAMA holds the moods as JSON, see `Moods`; FAKE_OLLAMA_DIARY takes
a line of JSON per request.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

BYTES = 1_300_000_000
REPLY = "I am a skeleton, so I have no body to go with. My humerus side is all that is left."
LIBRARY = Path("manifests", "registry.ollama.ai", "library")


@dataclass
class Moods:
    """Each may be changed while it runs: POST /fake with the same JSON."""

    load_s: float = 0.0
    """Seconds that loading takes."""
    load_error: str = ""
    """What loading ends with, as Ollama words it."""
    token_s: float = 0.005
    reply: str = REPLY
    die_after: int = -1
    """Tokens after which the server dies."""
    break_after: int = -1
    """Tokens after which an answer ends without its last line."""
    junk_after: int = -1
    error_after: int = -1
    hang: bool = False
    """Chats are never answered, versions are."""
    deaf: bool = False
    """Nothing is answered."""
    pull_s: float = 0.0
    pull: str = ""
    """"stall" in the middle, "offline", "unknown" or "break"."""
    gpu: float = 0.0
    """Share of a model that goes there."""


class Fake:
    """What all requests share."""

    def __init__(self, moods: Moods, models: Path, diary: str) -> None:
        self.moods, self.models, self.diary = moods, models, diary
        self.loaded: dict[str, dict[str, Any]] = {}
        self.runners: dict[str, subprocess.Popen[bytes]] = {}
        self.lock = threading.Lock()

    def note(self, line: dict[str, Any]) -> None:
        if self.diary:
            with self.lock, open(self.diary, "a") as out:
                out.write(json.dumps(line) + "\n")

    def manifest(self, model: str) -> Path:
        name, _, tag = model.partition(":")
        return self.models / LIBRARY / name / (tag or "latest")

    def stored(self) -> list[str]:
        return sorted(f"{p.parent.name}:{p.name}" for p in (self.models / LIBRARY).glob("*/*"))

    def load(self, asked: dict[str, Any]) -> str:
        """What went wrong, or ""."""
        name, options = asked["model"], asked.get("options", {})
        known = self.loaded.get(name)
        if known is None or known["context_length"] != options.get("num_ctx", 4096):
            self.unload(name)
            until = time.monotonic() + self.moods.load_s
            while time.monotonic() < until:
                print("loading tensors", file=sys.stderr, flush=True)
                time.sleep(min(0.1, self.moods.load_s))
            if self.moods.load_error:
                return self.moods.load_error
            hold = [sys.executable, "-S", "-c", "import time; time.sleep(3600)"]
            self.runners[name] = subprocess.Popen(hold, stdin=subprocess.DEVNULL)
            self.loaded[name] = {"context_length": options.get("num_ctx", 4096)}
        self.loaded[name]["keep_alive"] = asked.get("keep_alive", "5m")
        return ""

    def unload(self, name: str) -> None:
        if self.loaded.pop(name, None) is not None:
            self.runners[name].kill()
            self.runners[name].wait()

    def running(self) -> list[dict[str, Any]]:
        vram = int(self.moods.gpu * BYTES)
        rows = self.loaded.items()
        return [
            {"name": n, "model": n, "size": BYTES, "size_vram": vram, "expires_at": "2318-11-02", **m} for n, m in rows
        ]

    def die(self) -> None:
        for name in list(self.loaded):
            self.unload(name)
        os._exit(3)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    fake: Fake

    def do_GET(self) -> None:
        self.fake.note({"path": self.path})
        self._mind_moods()
        match self.path:
            case "/api/version":
                self._json({"version": "0.0.0-fake"})
            case "/api/tags":
                models = [{"name": n, "model": n, "size": BYTES, "digest": "d" * 64} for n in self.fake.stored()]
                self._json({"models": models})
            case "/api/ps":
                self._json({"models": self.fake.running()})
            case _:
                self._json({"error": "404 page not found"}, 404)

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        if self.path == "/fake":
            self.fake.moods = Moods(**asked)
            return self._json({})
        self.fake.note({"path": self.path, **asked})
        self._mind_moods()
        if self.path == "/api/pull":
            return self._lines(pull(self.fake, asked["model"]))
        if not self.fake.manifest(asked["model"]).exists():
            return self._json({"error": f"model '{asked['model']}' not found"}, 404)
        if self.path == "/api/show":
            return self._json({"details": {"family": "fake", "parameter_size": "1B"}, "capabilities": ["completion"]})
        if asked.get("keep_alive") == 0 and not asked.get("messages"):
            self.fake.unload(asked["model"])
            return self._json({"done": True, "done_reason": "unload"})
        if self.fake.moods.hang:
            time.sleep(3600)
        if trouble := self.fake.load(asked):
            return self._json({"error": trouble}, 500)
        if self.path == "/api/generate":
            return self._json({"response": "", "done": True, "done_reason": "load"})
        lines = chat(self.fake, asked)
        return self._lines(lines) if asked.get("stream", True) else self._body(list(lines)[-1])

    def _mind_moods(self) -> None:
        print(f'[GIN] | 200 | {self.command} "{self.path}"', flush=True)
        if self.fake.moods.deaf:
            time.sleep(3600)

    def _json(self, value: object, status: int = 200) -> None:
        self._body(json.dumps(value).encode(), status)

    def _body(self, body: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _lines(self, lines: Iterator[bytes]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for line in lines:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(line) + 1, line + b"\n"))
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.fake.note({"path": self.path, "hung_up": True})
            self.close_connection = True

    def log_message(self, *words: object) -> None:
        """`_mind_moods` does it in Ollama's way."""


def chat(fake: Fake, asked: dict[str, Any]) -> Iterator[bytes]:
    moods, options = fake.moods, asked.get("options", {})
    words = moods.reply.split(" ")[: options.get("num_predict", 1000)]
    for index, word in enumerate(words):
        if index == moods.die_after:
            fake.die()
        if index == moods.break_after:
            return
        if index == moods.junk_after:
            yield b'{"message": {"content": 5'
        if index == moods.error_after:
            yield b'{"error": "an error was encountered while running the model: CUDA error: out of memory"}'
            return
        time.sleep(moods.token_s)
        text = word if index == 0 else " " + word
        yield json.dumps({"message": {"role": "assistant", "content": text}, "done": False}).encode()
    figures = {"prompt_eval_count": 30, "prompt_eval_duration": 10**8, "eval_count": len(words), "load_duration": 5}
    last = {"message": {"content": ""}, "done": True, "done_reason": "stop", "eval_duration": len(words) * 10**7}
    yield json.dumps(last | figures).encode()


def pull(fake: Fake, model: str) -> Iterator[bytes]:
    moods, parts = fake.moods, 20

    def line(status: str, **more: Any) -> bytes:
        return json.dumps({"status": status, **more}).encode()

    yield line("pulling manifest")
    if moods.pull == "offline":
        yield b'{"error": "pull model manifest: Get \\"https://x/v2/\\": dial tcp: lookup x: no such host"}'
        return
    if moods.pull == "unknown":
        yield b'{"error": "pull model manifest: file does not exist"}'
        return
    for part in range(parts + 1):
        digest = "sha256:" + "a" * 64
        while moods.pull == "stall" and part == parts // 2:
            yield line("pulling aaaaaaaaaaaa", digest=digest, total=BYTES, completed=BYTES // 2)
            time.sleep(0.06)
        if moods.pull == "break" and part == parts // 2:
            return
        time.sleep(moods.pull_s / parts)
        yield line("pulling aaaaaaaaaaaa", digest=digest, total=BYTES, completed=BYTES * part // parts)
    yield line("pulling bbbbbbbbbbbb", digest="sha256:" + "b" * 64, total=500, completed=500)
    yield line("verifying sha256 digest")
    manifest = fake.manifest(model)
    manifest.parent.mkdir(parents=True, exist_ok=True)
    manifest.write_text("{}")
    yield line("success")


def main() -> None:
    if "--help" in sys.argv or sys.argv[1:] != ["serve"]:
        print("Usage: ollama serve")
        return
    moods = Moods(**json.loads(os.environ.get("FAKE_OLLAMA") or "{}"))
    fake = Fake(moods, Path(os.environ["OLLAMA_MODELS"]), os.environ.get("FAKE_OLLAMA_DIARY", ""))
    signal.signal(signal.SIGTERM, lambda *_: fake.die())
    host, _, port = os.environ.get("OLLAMA_HOST", "127.0.0.1:11434").partition(":")

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        allow_reuse_address = True

    server = Server((host, int(port)), type("Bound", (Handler,), {"fake": fake}))
    print(f"Listening on {host}:{port} (version 0.0.0-fake)", file=sys.stderr, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
