"""What Ollama says, and in which words (its docs/api.md): sizes in bytes, durations in nanoseconds."""

import re
from typing import Any

import msgspec
from msgspec import Struct, field

_NO_MEMORY = re.compile(
    r"more system memory|out of memory|not enough memory|insufficient memory|(unable|failed) to allocate|cudaMalloc",
    re.IGNORECASE,
)
_NO_MODEL = re.compile(r"model\b.*not found", re.IGNORECASE)
_UNKNOWN = re.compile(r"pull model manifest: file does not exist|invalid model name", re.IGNORECASE)
_NO_NETWORK = re.compile(r"dial tcp|no such host|i/o timeout|connection refused|TLS handshake|unreachable")
_NO_ROOM = re.compile(r"no space left", re.IGNORECASE)


class ErrorReply(Struct):
    """An error, as the whole answer or as a line of a stream."""

    error: Any = None


class OllamaMessage(Struct):
    content: str | None = None
    thinking: str | None = None


class ChatLine(ErrorReply):
    """One line of /api/chat; the figures come with the last."""

    message: OllamaMessage = field(default_factory=OllamaMessage)
    done: bool = False
    load_duration: int = 0
    prompt_eval_count: int = 0
    """Tokens of the prompt; some versions leave out those that were in the cache."""
    prompt_eval_duration: int = 0
    eval_count: int = 0
    eval_duration: int = 0

    @property
    def tokens_per_s(self) -> float | None:
        enough = self.eval_count > 1 and self.eval_duration > 0
        return round(self.eval_count / self.eval_duration * 1e9, 1) if enough else None


class PullLine(ErrorReply):
    """One line of /api/pull: a word, or how far one of several files is; 16 a second come, stalled or not."""

    status: str = ""
    digest: str = ""
    total: int = 0
    completed: int = 0


class StoredModel(Struct, frozen=True):
    """A model on the server's disk."""

    name: str
    size: int = 0
    digest: str = ""


class LoadedModel(Struct, frozen=True):
    """A model in the server's memory."""

    name: str
    size: int = 0
    """Bytes in all, weights, cache and buffers."""
    size_vram: int = 0
    context_length: int = 0
    """Tokens; 0 from versions that do not say."""


class ModelFamily(Struct, frozen=True):
    family: str = ""
    parameter_size: str = ""
    quantization_level: str = ""


class ModelDetails(Struct, frozen=True):
    """/api/show: what a model is and can do."""

    details: ModelFamily = ModelFamily()
    capabilities: list[str] = []
    model_info: dict[str, Any] = {}


class StoredModels(Struct, frozen=True):
    models: list[StoredModel] | None
    """null instead of an empty list, says an empty server of some versions."""


class LoadedModels(Struct, frozen=True):
    models: list[LoadedModel] | None


class Version(Struct, frozen=True):
    version: str


def full_name(model: str) -> str:
    """As Ollama lists it: a name without a tag is its newest. Case does not matter to it."""
    return (model if ":" in model.rsplit("/", 1)[-1] else f"{model}:latest").lower()


def error_in(body: bytes) -> str:
    """The server's own words; "" when there are none."""
    try:
        said = msgspec.json.decode(body, type=ErrorReply).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    return " ".join(str(said).split()) if said else ""


def program(url: str) -> str:
    """How its command line is called so that it means the server at `url`, not the one where Ollama mostly is."""
    where = url.rstrip("/").removeprefix("http://")
    return "ollama" if where in ("127.0.0.1:11434", "localhost:11434") else f"OLLAMA_HOST={where} ollama"


def explained(said: str, model: str, *, pulling: bool = False, ollama: str = "ollama") -> tuple[str, str] | None:
    """(what is wrong, what mends it) in plain words; None for what only its own words can tell. `ollama`: as `program`
    says.
    """
    if _UNKNOWN.search(said) or (pulling and _NO_MODEL.search(said)):
        return f'Ollama knows no model "{model}"', "correct its name in the rig; see ollama.com/library"
    if _NO_MODEL.search(said):
        return f'Ollama has no model "{model}" here', f"run: {ollama} pull {model}"
    if _NO_MEMORY.search(said):
        what = f'there is not enough memory for "{model}" ({said[:120]})'
        return what, "choose a smaller model or a smaller context in the rig"
    if _NO_ROOM.search(said):
        return f'there is no room on the disk for "{model}"', f"run: {ollama} rm, with a model that you do not need"
    if _NO_NETWORK.search(said):
        return f"Ollama does not reach its library ({said[:120]})", "see whether this machine is online"
    return None
