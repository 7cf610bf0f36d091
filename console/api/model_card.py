"""A model as the screen shows it; light to import, for those who only read it."""

from typing import Literal

from msgspec import Struct

from profiles.wording import capital

CardState = Literal["absent", "partial", "fetching", "stored", "loaded"]


class ModelCard(Struct, frozen=True, kw_only=True):
    """One model of the catalogue, as this machine sees it now. Bytes."""

    id: str
    role: str
    title: str
    bytes: int
    licence: str
    state: CardState
    service: str
    """Whom it would serve, or serves; "" when this rig has none that could take it."""
    pinned: bool
    need_ram: int
    need_vram: int
    source: Literal["learned", "dry run", "formula"]
    error_pct: float | None
    """How far the formula was off, where that was measured."""
    speed: float | None
    """Learned: tokens a second of a language model, RTF of ears and voices."""
    load_s: float | None
    """Learned."""
    free_ram: int
    free_vram: int
    freed_ram: int
    freed_vram: int
    """What would come back from the model that it replaces."""
    beside: bool
    fits: bool
    words: str
    """What a swap to it means, in plain words."""

    @property
    def sentence(self) -> str:
        """The words as a sentence; a name at their begin stays as it is written."""
        named = self.words.startswith((f"{self.service} ", f"{self.id} ")) if self.service else False
        return f"{self.words if named else capital(self.words)}."
