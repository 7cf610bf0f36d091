"""The little Ollama for tests: started as somebody else's server, or put on the PATH for us to start."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any, Self

from supervisors.health import probes

SERVER = Path(__file__).parents[1] / "fakes" / "ollama_server.py"
MODEL = "skull:1b"


class LittleOllama:
    """`folder` holds its models, its diary and a `bin/ollama` for the PATH."""

    def __init__(self, folder: Path, *, stored: tuple[str, ...] = (MODEL,), **moods: Any) -> None:
        self.models, self._diary = folder / "models", folder / "diary.jsonl"
        self.bin = folder / "bin"
        self.bin.mkdir(parents=True)
        program = self.bin / "ollama"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "{SERVER}" "$@"\n')
        program.chmod(0o755)
        for model in stored:
            self.manifest(model).parent.mkdir(parents=True)
            self.manifest(model).touch()
        self.environment = {
            "OLLAMA_MODELS": str(self.models),
            "FAKE_OLLAMA": json.dumps(moods),
            "FAKE_OLLAMA_DIARY": str(self._diary),
            "PATH": f"{self.bin}:{os.environ['PATH']}",
        }
        self.port = probes.free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def manifest(self, model: str) -> Path:
        name, _, tag = model.partition(":")
        return self.models / "manifests" / "registry.ollama.ai" / "library" / name / tag

    def __enter__(self) -> Self:
        """Somebody else's server."""
        self.process = subprocess.Popen(
            [self.bin / "ollama", "serve"],
            env=os.environ | self.environment | {"OLLAMA_HOST": f"127.0.0.1:{self.port}"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 10
        while not probes.is_listening(self.port):
            assert self.process.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process is not None
        self.process.terminate()
        self.process.wait()

    def be(self, **moods: Any) -> None:
        """From now on."""
        urllib.request.urlopen(f"{self.url}/fake", json.dumps(moods).encode()).read()

    def asked(self, path: str) -> list[dict[str, Any]]:
        """The requests of one kind so far, oldest first."""
        lines = self._diary.read_text().splitlines() if self._diary.exists() else []
        return [row for row in map(json.loads, lines) if row["path"] == path]
