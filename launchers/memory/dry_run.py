"""The engine's own word: what llama.cpp and whisper.cpp print of their buffers while they load.

Their lines change from build to build; `tests/launchers/memory/logs/` holds what real ones printed. Builds from autumn
2026 on print them only at verbosity 4, so our own server says nothing but its device.
"""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from launchers.memory.formula import BASES, CUDA_CONTEXT, CUDA_HOST, WHISPER_WORK
from launchers.memory.placement import Backend, Placement

MIB = 1024 * 1024
MOST_LINES = 20_000
_LONGEST_LINE = 1000
_SIZE = r"= +(?P<mib>\d{1,9}(?:\.\d+)?) (?P<unit>MiB|MB)\b"
_NAMED = re.compile(
    r"[ :](?P<device>[A-Za-z][\w-]{0,30}) +(?P<what>(?:(?:model|KV|RS|compute|output) )?buffer size|total size) +"
    + _SIZE
)
"""llama.cpp: `CUDA0 model buffer size = 934.69 MiB`; before 2025 plain `CUDA0 buffer size`. whisper.cpp: `CUDA0 total
size = 77.11 MB`."""
_PLAIN = re.compile(r"whisper_init_state: (?P<what>kv (?:self|cross|pad) +size|compute buffer \(\w+\)) +" + _SIZE)
_UNTOUCHED = "(decode)"
"""Room for the logits of 448 tokens, of which one is ever computed: 90 MB that on the CPU are never touched."""
_OFFLOADED = re.compile(r"offloaded (?P<some>\d{1,5})/(?P<all>\d{1,5}) layers to GPU")
_USING = re.compile(r"using device (?P<device>\w+) \(.*\) .*- (?P<mib>\d{1,9}) MiB free")
_PROJECTED = re.compile(r"projected to use (?P<mib>\d{1,9}) MiB of (?P<where>device|host) memory")
_WHISPER_GPU = re.compile(r"whisper_backend_init_gpu: using (?P<device>\w+) backend")
_LOADED = re.compile(r"^(?:llama\.cpp|whisper\.cpp|piper|hibari) loaded .*: (?P<device>[^,]+), ")
"""The one line of our own servers."""
_HOST = re.compile(r"^(?:CPU(?:_\w+)?|BLAS|AMX|\w+_Host)$")
"""CPU_Mapped, CPU_REPACK, CUDA_Host: buffers in RAM."""
_UNIT: Mapping[str, int] = MappingProxyType({"MiB": MIB, "MB": 1_000_000})


class Listener:
    """Takes the log's lines one by one and remembers what they say of memory."""

    def __init__(self) -> None:
        self._buffers: dict[tuple[str, str, int], int] = {}
        self._seen: dict[tuple[str, str], int] = {}
        self._numbers: dict[str, int] = {}
        self._devices: list[str] = []
        self._said_device = ""

    def hear(self, line: str) -> None:
        line = line[:_LONGEST_LINE]
        if match := _PLAIN.search(line):
            self._add("whisper", match["what"], match)
        elif match := _NAMED.search(line):
            self._add(match["device"], match["what"], match)
        elif match := _OFFLOADED.search(line):
            self._numbers |= {"offloaded": int(match["some"]), "layers": int(match["all"])}
        elif match := _USING.search(line):
            self._device(match["device"])
            self._numbers.setdefault("free", int(match["mib"]) * MIB)
        elif match := _PROJECTED.search(line):
            if match["where"] == "device":
                self._numbers["projected"] = int(match["mib"]) * MIB
        elif match := _WHISPER_GPU.search(line):
            self._device(match["device"])
        elif match := _LOADED.search(line):
            self._said_device = match["device"]

    def _add(self, device: str, what: str, match: re.Match[str]) -> None:
        """A model with sliding windows has two KV buffers of one name; all else that comes again is said again. Weights
        after a cache begin a second pass: the first one only tried what fits.
        """
        if what.startswith("model") and any(known.startswith("KV") for _, known in self._seen):
            self._buffers.clear()
            self._seen.clear()
        count = self._seen.get((device, what), 0) + 1 if what.startswith("KV") else 1
        self._seen[device, what] = count
        self._buffers[device, what, count] = int(float(match["mib"]) * _UNIT[match["unit"]])

    def _device(self, name: str) -> None:
        if name not in self._devices:
            self._devices.append(name)

    def placement(self) -> Placement:
        """What was heard so far."""
        whisper_on_gpu = any(not _HOST.match(name) for name in self._devices)
        host, device = 0, 0
        for (name, what, _), size in self._buffers.items():
            on_gpu = whisper_on_gpu if name == "whisper" else not _HOST.match(name)
            if _UNTOUCHED in what and not on_gpu:
                continue
            host, device = (host, device + size) if on_gpu else (host + size, device)
        for name, _, _ in self._buffers:
            if name != "whisper" and not _HOST.match(name):
                self._device(name)
        backend = self._backend(device)
        return Placement(
            backend=backend,
            devices=tuple(self._devices) or ((self._said_device or "CPU",) if backend != "unknown" else ()),
            layers_offloaded=self._numbers.get("offloaded", 0),
            layers=self._numbers.get("layers", 0),
            ram=host,
            vram=device,
            projected_vram=self._numbers.get("projected", 0),
            free_vram=self._numbers.get("free", 0),
        )

    def _backend(self, vram: int) -> Backend:
        some, every = self._numbers.get("offloaded"), self._numbers.get("layers")
        if some is not None and every is not None:
            return "cpu" if some == 0 else "gpu" if some >= every else "both"
        if vram:
            return "gpu"
        if self._buffers:
            return "cpu"
        if self._said_device:
            return "cpu" if _HOST.match(self._said_device) else "gpu"
        return "unknown"


def listen(lines: Iterable[str]) -> Placement:
    """What a log says of memory, from its start to READY; at most 20,000 lines are read."""
    listener = Listener()
    for number, line in enumerate(lines):
        if number >= MOST_LINES:
            break
        listener.hear(line)
    return listener.placement()


def totals(placement: Placement, engine: str, vocabulary_bytes: int) -> tuple[int, int] | None:
    """(RAM, VRAM) of the whole process, from its buffers and what it does not report: itself, its vocabulary, the
    driver. None when it reported no buffers.
    """
    if not placement.ram and not placement.vram:
        return None
    ram = BASES.get(engine, 0) + vocabulary_bytes + placement.ram + (CUDA_HOST if placement.vram else 0)
    ram += WHISPER_WORK if engine.startswith("stt") else 0
    return ram, placement.vram + (CUDA_CONTEXT if placement.vram else 0)
