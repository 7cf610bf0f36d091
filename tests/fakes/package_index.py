"""A package index and a model hub on loopback, real enough for uv and huggingface_hub, that can misbehave."""

import hashlib
import io
import json
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

from msgspec import Struct


class Fault(Struct, frozen=True):
    """What goes wrong with the files whose path ends as given to `PackageIndex.break_`."""

    kind: Literal["slow", "cut", "wrong", "dead", "no-range", "status", "mute"]
    at: int = 0
    """cut, mute: after so many bytes; slow: bytes a second; status: the HTTP status."""
    times: int = 1_000_000
    """Only the first so many requests."""


class Request(Struct, frozen=True):
    path: str
    range: str
    sent: int
    authorization: str


def wheel(name: str, members: Mapping[str, bytes], version: str = "1.0.0") -> tuple[str, bytes]:
    """A wheel's file name and bytes."""
    folder = f"{name.replace('-', '_')}-{version}"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path, data in members.items():
            archive.writestr(path, data)
        archive.writestr(f"{folder}.dist-info/METADATA", _metadata(name, version))
        archive.writestr(f"{folder}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{folder}.dist-info/RECORD", "")
    return f"{folder}-py3-none-any.whl", out.getvalue()


def _metadata(name: str, version: str) -> str:
    return f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"


class PackageIndex:
    """Packages under `/simple`, hub files under `/<repo>/resolve/main/`; `log` says what was asked and sent."""

    def __init__(self, url: str) -> None:
        self.url, self.log = url, list[Request]()
        self.files = dict[str, bytes]()
        self.pages = dict[str, bytes]()
        self._faults = dict[str, Fault]()
        self._seen = dict[str, int]()
        self._lock = threading.Lock()
        self.closing = threading.Event()

    @property
    def simple(self) -> str:
        return f"{self.url}/simple"

    def add(self, name: str, members: Mapping[str, bytes], version: str = "1.0.0") -> str:
        """Publish a package; the path of its wheel."""
        file, data = wheel(name, members, version)
        path = f"/files/{file}"
        self.files[path] = data
        self.files[f"{path}.metadata"] = _metadata(name, version).encode()
        digest = hashlib.sha256(data).hexdigest()
        entry = {"filename": file, "url": self.url + path, "hashes": {"sha256": digest}, "size": len(data)}
        page = {"meta": {"api-version": "1.1"}, "name": name, "files": [entry | {"core-metadata": True}]}
        self.pages[f"/simple/{name}/"] = json.dumps(page | {"versions": [version]}).encode()
        return path

    def add_to_hub(self, repo: str, path: str, data: bytes) -> str:
        where = f"/{repo}/resolve/main/{path}"
        self.files[where] = data
        return where

    def break_(self, ending: str, fault: Fault) -> None:
        self._faults[ending], self._seen[ending] = fault, 0

    def mend(self) -> None:
        self._faults.clear()

    def fault(self, path: str) -> Fault | None:
        with self._lock:
            for ending, fault in self._faults.items():
                if path.endswith(ending):
                    self._seen[ending] += 1
                    return fault if self._seen[ending] <= fault.times else None
        return None

    def asked(self, ending: str) -> list[Request]:
        with self._lock:
            return [request for request in self.log if request.path.endswith(ending)]

    def note(self, request: Request) -> None:
        with self._lock:
            self.log.append(request)


@contextmanager
def serving() -> Iterator[PackageIndex]:
    """An index on a free port, in threads of this process."""

    class Bound(_Handler):
        index: PackageIndex

    with ThreadingHTTPServer(("127.0.0.1", 0), Bound) as server:
        server.daemon_threads, server.block_on_close = True, False
        index = Bound.index = PackageIndex(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield index
        finally:
            index.closing.set()
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    index: PackageIndex
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """The tests read `index.log` instead."""

    def do_GET(self) -> None:
        sent, path = 0, self.path.split("?")[0]
        self.close_connection = True
        try:
            sent = self._answer(path, self.index.fault(path))
        except OSError:
            pass  # the client went away, as some tests mean it to
        finally:
            wanted, key = self.headers.get("Range", ""), self.headers.get("Authorization", "")
            self.index.note(Request(path, wanted, sent, key))

    def do_HEAD(self) -> None:
        self.send_error(405)

    def _answer(self, path: str, fault: Fault | None) -> int:
        if fault and fault.kind == "dead":
            self.index.closing.wait(60)
            return 0
        if fault and fault.kind == "status":
            self.send_error(fault.at)
            return 0
        if page := self.index.pages.get(path):
            self._head(200, len(page), "application/vnd.pypi.simple.v1+json")
            return self._body(page, fault)
        if (data := self.index.files.get(path)) is None:
            self.send_error(404)
            return 0
        return self._file(data, fault)

    def _file(self, data: bytes, fault: Fault | None) -> int:
        begin, whole = 0, len(data)
        if fault and fault.kind == "wrong":
            data = bytes(len(data))
        wanted = self.headers.get("Range", "")
        if wanted and not (fault and fault.kind == "no-range"):
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            begin, end = int(first), int(last) + 1 if last else whole
            data = data[begin:end]
            self._head(206, len(data), "application/octet-stream", f"bytes {begin}-{begin + len(data) - 1}/{whole}")
        else:
            self._head(200, len(data), "application/octet-stream")
        return self._body(data, fault)

    def _head(self, status: int, length: int, kind: str, content_range: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        if content_range:
            self.send_header("Content-Range", content_range)
        self.end_headers()

    def _body(self, data: bytes, fault: Fault | None) -> int:
        kind, at = (fault.kind, fault.at) if fault else ("", 0)
        stop = min(at, len(data)) if kind in ("cut", "mute") else len(data)
        step = max(1, at // 20) if kind == "slow" else 1 << 16
        sent = 0
        while sent < stop and not self.index.closing.is_set():
            piece = data[sent : min(sent + step, stop)]
            self.wfile.write(piece)
            sent += len(piece)
            if kind == "slow":
                time.sleep(0.05)
        if kind == "mute":
            self.index.closing.wait(60)
        return sent
