"""whisper.cpp: a `whisper-server` of the machine, else our own thin server over pywhispercpp."""

from pathlib import Path

from clients.http import EngineClient as Client
from clients.whisper_server import WhisperServer
from devices.sound.sound_file import read_sound
from launchers.base import BaseLauncher
from launchers.store.file_check import ggml_fault
from supervisors.errors import ServiceError

_CANARY = Path(__file__).parent / "canary.flac"
"""A spoken word; what it says is `_WORD`."""
_WORD = "skeleton"


class Launcher(BaseLauncher):
    script = "stt_pywhispercpp"
    binary = "whisper-server"
    endpoints = ("/inference", "/load")

    def script_arguments(self, weights: Path | None) -> tuple[str, ...]:
        return ("--model", str(weights), "--threads", self.threads())

    def binary_arguments(self, port: int, weights: Path | None) -> tuple[str, ...]:
        where = ("--host", "127.0.0.1", "--port", str(port), "-m", str(weights))
        no_gpu = ("-ng",) if self.settings.device == "cpu" else ()
        return (*where, "-t", self.threads(), "-nt", "-bs", "1", *no_gpu)

    def weights_fault(self, weights: Path) -> str:
        return ggml_fault(weights)

    def connect(self, base_url: str) -> WhisperServer:
        return self.introduced(WhisperServer(self.name, base_url))

    async def try_out(self, client: Client) -> None:
        assert isinstance(client, WhisperServer)
        heard = await client.transcribe(read_sound(_CANARY))
        if _WORD not in heard.lower():
            raise ServiceError(self.name, f'it heard "{heard}" instead of "{_WORD}"', self.doubt)
