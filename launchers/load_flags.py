"""What of an engine's settings decides how much memory it takes."""

from msgspec import Struct


class LoadFlags(Struct, frozen=True, kw_only=True):
    """Filled by the launcher from what it will put on the command line."""

    engine: str
    """Name of our server (`llm_xllamacpp`), whichever program runs in its place."""
    threads: int = 0
    context: int = 2048
    """Tokens, of all parallel requests together."""
    batch: int = 512
    """Tokens of one prefill step."""
    parallel: int = 1
    cache_k: str = "f16"
    """Type of the KV cache: f16, q8_0, q4_0 ..."""
    cache_v: str = "f16"
    gpu_layers: int = -1
    """-1: as many as fit."""
    mmap: bool = True
    """Whether the weights are mapped from the file: then those that the engine rearranges are in memory twice."""
    prompt_cache_mib: int = 0
    """Most that prompts may take that lost their place in the KV cache."""
    projector_bytes: int = 0
    """Size of the file that gives the model eyes (mmproj); 0: none."""

    @property
    def words(self) -> tuple[str, ...]:
        """Those that tell two loads of one file apart, for the key of a learned profile."""
        return tuple(f"{name}={getattr(self, name)}" for name in self.__struct_fields__)
