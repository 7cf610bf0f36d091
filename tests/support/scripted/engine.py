"""Stands in for one engine server of ours (stdlib only): `engine.py KIND EARS ARGUMENTS_OF_THE_REAL_ONE ...`.

It speaks the same protocol, takes the same flags, keeps about the pace of a real engine on a quiet machine, hears the
recordings whose envelopes are in the file EARS, answers from a list, and speaks in one tone.
"""

import array
import io
import json
import math
import os
import struct
import sys
import threading
import time
import wave
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

LOAD_S, LOAD_BYTES_PER_S = 0.2, 400e6
"""The larger model takes longer."""
HEAR_S = 0.25
FIRST_TOKEN_S, TOKEN_S = 0.2, 0.02
FIRST_SOUND_S = 0.05
RATE, S_PER_CHAR = 22_050, 0.06
FRAME = 320
"""Samples of 16 kHz per frame of an envelope."""
ALIKE = 0.8
REPLIES = (
    "I have a bone to pick with that question, my friend.",
    "Nobody knows, but my humerus side says it was funny.",
    "I would tell you, but I have no body to go with me.",
    "Come closer, and I will tell you what the ribs have seen.",
)
STORY = (
    "Once upon a time a whale swam under the cold moon. The wind sang to it of bones and of ships. "
    "It answered in a voice as deep as the sea. Nobody who heard it ever slept well again. "
    "And when the tide went out, only I was left upon the sand. That is why I rattle."
)
Json = dict[str, Any]


def envelope(samples: "array.array[int]") -> list[int]:
    """Mean level of each frame."""
    return [sum(map(abs, samples[i : i + FRAME])) // FRAME for i in range(0, len(samples) - FRAME + 1, FRAME)]


def likeness(heard: list[int], known: list[int]) -> float:
    """1 where one is a part of the other, whatever their levels: the best correlation over all shifts."""
    best, least = 0.0, min(len(heard), len(known)) * 3 // 4
    for shift in range(least - len(heard), len(known) - least + 1):
        a, b = heard[max(0, -shift) :], known[max(0, shift) :]
        n = min(len(a), len(b))
        ma, mb = sum(a[:n]) / n, sum(b[:n]) / n
        da, db = [x - ma for x in a[:n]], [x - mb for x in b[:n]]
        scale = math.sqrt(sum(x * x for x in da) * sum(x * x for x in db))
        best = max(best, sum(x * y for x, y in zip(da, db, strict=True)) / scale if scale else 0.0)
    return best


class Ears:
    """Knows recordings by the rise and fall of their sound."""

    def __init__(self, file: Path) -> None:
        self.known: list[tuple[str, list[int]]] = json.loads(file.read_text())

    def words(self, data: bytes) -> str:
        with wave.open(io.BytesIO(data)) as file:
            samples = array.array("h", file.readframes(file.getnframes()))
        heard = envelope(samples)
        if not heard:
            return " [BLANK_AUDIO]"
        alike, text, whole = max((likeness(heard, env), text, len(env)) for text, env in self.known)
        if alike < ALIKE:
            return " Mumble."
        words = text.split()
        return " " + " ".join(words[: max(1, round(len(words) * min(1.0, 1.25 * len(heard) / whole)))])


def tone() -> bytes:
    """A syllable: a quarter of a second that swells and fades."""
    count = RATE // 4
    return struct.pack(
        f"<{count}h",
        *(
            int(12_000 * (0.05 + math.sin(math.pi * i / count)) * math.sin(2 * math.pi * 200 * i / RATE))
            for i in range(count)
        ),
    )


def reply_to(messages: list[Json]) -> str:
    asked = str(messages[-1]["content"]) if messages else ""
    return STORY if "story" in asked else REPLIES[zlib.crc32(asked.encode()) % len(REPLIES)]


class Handler(BaseHTTPRequestHandler):
    """What all of them do."""

    protocol_version = "HTTP/1.1"
    loaded_at = 0.0
    turn = threading.Lock()
    """One request at a time, as real engines have it."""
    key = os.environ.pop("GALACTUS_ENGINE_KEY", "")

    def parse_request(self) -> bool:
        """Without the show's key there is /health alone."""
        if not super().parse_request():
            return False
        if self.path == "/health" or not self.key or self.headers.get("Authorization") == f"Bearer {self.key}":
            return True
        self.rfile.read(
            min(int(self.headers.get("Content-Length", 0)), 1 << 20)
        )  # else a client that writes is cut off
        self.send_error(401)
        self.close_connection = True
        return False

    def do_GET(self) -> None:
        if self.path == "/health" and time.monotonic() < self.loaded_at:
            self.answer({"status": "loading model"}, 503)
        else:
            self.answer({"status": "ok"})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            with self.turn:
                self.work(body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def work(self, body: bytes) -> None:
        self.answer({"error": "there is nothing here"}, 404)

    def answer(self, what: Json, status: int = 200) -> None:
        body = json.dumps(what).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def stream(self, kind: str, pieces: Iterator[bytes], **headers: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        for piece in pieces:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *words: object) -> None:
        """A line per probe would bury the rest."""


class Whisper(Handler):
    ears: Ears

    def work(self, body: bytes) -> None:
        start, end = body.find(b"RIFF"), body.rfind(b"\r\n--", 0, -4)
        time.sleep(HEAR_S)
        self.answer({"text": self.ears.words(body[start:end])})


class Llama(Handler):
    context = 2048

    def do_GET(self) -> None:
        if self.path == "/props":
            slot = {"n_ctx": self.context}
            return self.answer({"modalities": {"vision": False}, "default_generation_settings": slot})
        return super().do_GET()

    def work(self, body: bytes) -> None:
        asked = json.loads(body)
        match self.path:
            case "/apply-template":
                self.answer({"prompt": "\n".join(str(m["content"]) for m in asked["messages"])})
            case "/tokenize":
                self.answer({"tokens": list(range(len(asked["content"]) // 4))})
            case "/v1/chat/completions" if asked.get("stream"):
                self.stream("text/event-stream", self.tokens(asked))
            case "/v1/chat/completions":
                message = {"role": "assistant", "content": reply_to(asked["messages"]).split()[0]}
                self.answer({"choices": [{"message": message, "finish_reason": "length"}]})
            case _:
                super().work(body)

    def tokens(self, asked: Json) -> Iterator[bytes]:
        words, most = reply_to(asked["messages"]).split(), int(asked.get("max_tokens", 80))
        time.sleep(FIRST_TOKEN_S)
        for number, word in enumerate(words[:most]):
            yield self.line({"delta": {"content": word if number == 0 else f" {word}"}, "finish_reason": None}, number)
            time.sleep(TOKEN_S)
        end = "stop" if len(words) <= most else "length"
        yield self.line({"delta": {}, "finish_reason": end}, len(words[:most])) + b"data: [DONE]\n\n"

    def line(self, choice: Json, count: int) -> bytes:
        timings = {"cache_n": 100, "prompt_n": 12, "predicted_n": count, "predicted_per_second": 1 / TOKEN_S}
        return b"data: " + json.dumps({"choices": [choice], "timings": timings}).encode() + b"\n\n"


class Voice(Handler):
    syllable = tone()

    def work(self, body: bytes) -> None:
        if self.path != "/v1/audio/speech":
            return super().work(body)
        asked = json.loads(body)
        time.sleep(FIRST_SOUND_S)
        samples = round(len(asked["input"]) * S_PER_CHAR * RATE / float(asked.get("speed", 1.0)))
        whole = (self.syllable * (2 * samples // len(self.syllable) + 1))[: 2 * samples]
        step = RATE  # half a second
        pieces = (whole[at : at + step] for at in range(0, len(whole), step))
        return self.stream("audio/pcm", pieces, x_sample_rate=str(RATE))


class Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64


def loadable(weights: Path) -> bool:
    """As far as the first bytes of a GGUF file tell."""
    with weights.open("rb") as file:
        head = file.read(24)
    return len(head) == 24 and head[:4] == b"GGUF" and struct.unpack("<Q", head[8:16])[0] < 1 << 20


def main(kind: str, ears: str, words: list[str]) -> int:
    flags = dict(zip(words, words[1:], strict=False))
    handler = {"stt": Whisper, "llm": Llama, "tts": Voice}[kind.partition("_")[0]]
    port, model = int(flags["--port"]), Path(flags.get("--model", kind))
    Whisper.ears, Llama.context = Ears(Path(ears)), int(flags.get("--ctx", 2048))
    try:
        server = Server(("127.0.0.1", port), handler)
    except OSError as error:
        print(f"port {port} of 127.0.0.1 cannot be used ({error.strerror})", file=sys.stderr, flush=True)
        return 1
    if handler is Llama and not loadable(model):
        print(f"{model.name} could not be loaded", file=sys.stderr, flush=True)
        return 1
    size = model.stat().st_size if model.exists() else 0
    Handler.loaded_at = time.monotonic() + LOAD_S + max(0.0, size - 200e6) / LOAD_BYTES_PER_S
    print(f"{kind} loaded {model.name}: CPU, as scripted", file=sys.stderr, flush=True)
    server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
