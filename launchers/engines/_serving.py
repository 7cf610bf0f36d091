"""What every engine server of ours does: bind first, load in a thread, answer /health, leave at once on TERM."""

import argparse
import asyncio
import contextlib
import hmac
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Generic, TypeVar

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

KEY_VARIABLE = "GALACTUS_ENGINE_KEY"
T = TypeVar("T")
R = TypeVar("R")
MAX_BODY = 32 * 1024 * 1024
"""Bytes of one request: 17 minutes of 16 kHz speech. More is a mistake, and would only fill the memory."""


def arguments(description: str) -> argparse.ArgumentParser:
    """The options that all engines share; each script adds its own."""
    parser = argparse.ArgumentParser(description=description, allow_abbrev=False)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--threads", type=int, default=2)
    return parser


def say(line: str) -> None:
    """One line of the service's log."""
    print(line, file=sys.stderr, flush=True)


def leave(line: str) -> None:
    """The engine cannot work: one plain line, status 1, and no thread is waited for."""
    say(line)
    os._exit(1)


def die_by_signal() -> None:
    """TERM and INT kill at once, in the middle of a decode too: nothing here needs saving, and a handler in Python
    would have to wait for C code (an encoder pass is 0.5 s). The show drains before it stops us."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, or one plain line and status 1."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(64)
    except OSError as error:
        leave(f"port {port} of {host} cannot be used ({error.strerror}); stop what uses it or choose another port")
    return listener


class ServedModel(Generic[T]):
    """The one model of this process: absent while it loads, then used by one request at a time."""

    def __init__(self, load: Callable[[], T]) -> None:
        self._load = load
        self._loaded: T | None = None
        self.lock = asyncio.Lock()

    @property
    def ready(self) -> bool:
        return self._loaded is not None

    def get(self) -> T:
        if self._loaded is None:
            raise HTTPException(503, "the model is still loading; try again in a moment")
        return self._loaded

    async def load(self) -> None:
        try:
            self._loaded = await asyncio.to_thread(self._load)
        except Exception as error:  # whatever a C++ engine or a broken file brings: it is this process's end
            leave(f"the model could not be loaded: {' '.join(str(error).split()) or type(error).__name__}")


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: see die_by_signal."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Guard:
    """Lets nobody but the show in: without its key there is an answer to /health, and to all else 401.

    No answer has a CORS header, so that no web page may read one.
    """

    def __init__(self, app: ASGIApp, key: str) -> None:
        self._app, self._wanted = app, f"Bearer {key}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] == "/health" or self._knows(scope["headers"]):
            await self._app(scope, receive, send)
        else:
            answer = JSONResponse({"error": "this engine belongs to a show, and wants its key"}, status_code=401)
            answer.headers["WWW-Authenticate"] = "Bearer"
            await answer(scope, receive, send)

    def _knows(self, headers: list[tuple[bytes, bytes]]) -> bool:
        given = [value for name, value in headers if name == b"authorization"]
        return len(given) == 1 and hmac.compare_digest(given[0], self._wanted)


async def _plain_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, status_code=error.status_code)


async def _broken(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"error": f"the engine failed: {type(error).__name__}"}, status_code=500)


def serve(args: argparse.Namespace, model: ServedModel[Any], routes: list[Route]) -> None:
    """Serves until a signal; the port answers before the model is there."""
    die_by_signal()
    listener = listen(args.host, args.port)

    async def health(_: Request) -> JSONResponse:
        if model.ready:
            return JSONResponse({"status": "ok"})
        return JSONResponse({"status": "loading model"}, status_code=503)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(model.load())
            yield

    handlers: Any = {HTTPException: _plain_error, Exception: _broken}
    app = Starlette(routes=[Route("/health", health), *routes], exception_handlers=handlers, lifespan=lifespan)
    key = os.environ.pop(KEY_VARIABLE, "")  # taken out: what an engine starts must not inherit it
    config = uvicorn.Config(
        _Guard(app, key) if key else app, log_level="warning", access_log=False, timeout_keep_alive=60
    )
    asyncio.run(_Server(config).serve(sockets=[listener]))


async def while_connected(request: Request, lock: asyncio.Lock, work: Callable[[Callable[[], bool]], R]) -> R | None:
    """Runs `work(gone)` in a thread, one at a time; `gone()` turns true when the client hangs up. None when it did so
    before its turn came. The body must have been read: what comes after it is only the hang-up."""
    gone = threading.Event()

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        gone.set()

    async with asyncio.TaskGroup() as tasks:
        watcher = tasks.create_task(watch())
        async with lock:
            result = None if gone.is_set() else await asyncio.to_thread(work, gone.is_set)
        watcher.cancel()
    return result
