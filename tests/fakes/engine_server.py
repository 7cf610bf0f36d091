"""An engine that can be told to misbehave: a real HTTP process with /health, for the tests (stdlib only)."""

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--slow-start", type=float, default=0.0, help="seconds before the port opens")
    parser.add_argument("--never-bind", action="store_true", help="live without a port")
    parser.add_argument("--daemonize", action="store_true", help="leave a child to serve, and exit with 0")
    parser.add_argument("--binary-log", action="store_true", help="bytes that are no text")
    parser.add_argument("--ignore-term", action="store_true")
    parser.add_argument("--crash-after", type=float, help="seconds until it exits with --exit-code")
    parser.add_argument("--exit-code", type=int, default=1)
    parser.add_argument("--deaf", type=float, nargs="?", const=0.0, help="from then on: accepts, never answers")
    parser.add_argument(
        "--fork-grandchild", action="store_true", help="a child in a session of its own, holding the log"
    )
    parser.add_argument("--flood-log", action="store_true", help="as much log as the pipe takes")
    parser.add_argument("--no-newline", action="store_true", help="the flood comes without line ends")
    parser.add_argument("--health-503", type=float, default=0.0, help="seconds of 503 after the port opened")
    parser.add_argument("--oom-text", action="store_true", help="the last words are those of a full GPU")
    parser.add_argument("--mute", type=float, help="seconds until it answers nothing but /health")
    parser.add_argument("--say-when-mute", default="", help="a line of log, when ALRM comes")
    parser.add_argument("--slow-answer", type=float, default=0.0, help="seconds that a POST takes")
    parser.add_argument("--work", action="store_true", help="the seconds of --slow-answer are spent computing")
    parser.add_argument("--say", help="a line of log, after --say-after seconds")
    parser.add_argument("--say-after", type=float, default=1.0)
    parser.add_argument("--leak", type=float, help="MB of memory a second, from the start")
    parser.add_argument("--grind", type=float, help="WINCH: compute for so many seconds, and answer nothing meanwhile")
    parser.add_argument("--chatter", type=float, help="a line of log every so many seconds")
    return parser.parse_args()


class Moods:
    """What signals make of it: USR1 deaf for good, USR2 half a second slow for 3 s, HUP half a second of flood, ALRM as
    --mute from then on, after a line of log if --say-when-mute gives one.
    """

    def __init__(self, last_words: str = "") -> None:
        self.deaf = self.mute = False
        self.last_words = last_words
        self.slow_until = 0.0
        signal.signal(signal.SIGUSR1, lambda *_: setattr(self, "deaf", True))
        signal.signal(signal.SIGUSR2, lambda *_: setattr(self, "slow_until", time.monotonic() + 3))
        signal.signal(signal.SIGALRM, lambda *_: self.fall_mute())
        signal.signal(signal.SIGHUP, lambda *_: threading.Thread(target=flood, args=(True, 0.5), daemon=True).start())

    def fall_mute(self) -> None:
        self.mute = True
        if self.last_words:
            os.write(1, f"{self.last_words}\n".encode())

    def suffer(self) -> None:
        if self.deaf:
            time.sleep(3600)
        if time.monotonic() < self.slow_until:
            time.sleep(0.5)


def server(args: argparse.Namespace, moods: Moods) -> ThreadingHTTPServer:
    born = time.monotonic()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            moods.suffer()
            age = time.monotonic() - born
            if args.deaf is not None and age >= args.deaf:
                time.sleep(3600)
            body = f'{{"pid": {os.getpid()}}}'.encode()
            self.send_response(503 if age < args.health_503 else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if moods.mute or (args.mute is not None and time.monotonic() - born >= args.mute):
                time.sleep(3600)
            answer_at = time.monotonic() + args.slow_answer
            while args.work and time.monotonic() < answer_at:
                pass
            time.sleep(max(0.0, answer_at - time.monotonic()))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *words: object) -> None:
            """A line per probe would bury the rest."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        allow_reuse_address = True

    return Server(("127.0.0.1", args.port), Handler)


def flood(newline: bool, seconds: float = float("inf")) -> None:
    line = b"x" * 199 + (b"\n" if newline else b"x")
    over = time.monotonic() + seconds
    while time.monotonic() < over:
        os.write(1, line * 300)


def crash(args: argparse.Namespace) -> None:
    time.sleep(args.crash_after)
    if args.oom_text:
        print("CUDA error: out of memory", flush=True)
        print("  in function alloc_buffer at buffers.cu:311", flush=True)
    os._exit(args.exit_code)


def grind(seconds: float) -> None:
    """In the main thread, which accepts connections."""
    over = time.monotonic() + seconds
    while time.monotonic() < over:
        pass


def leak(mb_per_s: float) -> None:
    kept = []
    while True:
        kept.append(b"x" * int(mb_per_s * 100_000))
        time.sleep(0.1)


def say(words: str, after: float) -> None:
    time.sleep(after)
    print(words, flush=True)


def chatter(every: float) -> None:
    while True:
        print("loading tensors", flush=True)
        time.sleep(every)


def main() -> None:
    args = parse()
    moods = Moods(args.say_when_mute)
    if args.ignore_term:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print(f"engine {os.getpid()} on port {args.port}", flush=True)
    if args.fork_grandchild:
        hold = ["-c", "import time; time.sleep(3600)"]
        print("grandchild", subprocess.Popen([sys.executable, "-S", *hold], start_new_session=True).pid, flush=True)
    if args.chatter:
        threading.Thread(target=chatter, args=(args.chatter,), daemon=True).start()
    if args.grind:
        signal.signal(signal.SIGWINCH, lambda *_: grind(args.grind))
    if args.daemonize and os.fork():
        os._exit(0)
    if args.binary_log:
        os.write(1, bytes(range(256)) * 40 + b"\x1b[2J\x1b]0;owned\x07\n")
    if args.leak:
        threading.Thread(target=leak, args=(args.leak,), daemon=True).start()
    if args.say:
        threading.Thread(target=say, args=(args.say, args.say_after), daemon=True).start()
    if args.flood_log:
        threading.Thread(target=flood, args=(not args.no_newline,), daemon=True).start()
    if args.crash_after is not None:
        threading.Thread(target=crash, args=(args,), daemon=True).start()
    time.sleep(args.slow_start)
    if args.never_bind:
        time.sleep(3600)
    server(args, moods).serve_forever()


if __name__ == "__main__":
    main()
