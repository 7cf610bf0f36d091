"""The models as the show tells them, and what a swap to one would do to the memory. Pure."""

from msgspec import Struct, structs

from console.api.model_card import ModelCard
from console.api.telemetry_types import DeviceMemory, Memory
from console.tui.client.screen_state import ScreenState
from console.tui.drawing.bars import BarSegment, device_parts, ram_parts
from supervisors.states import ServiceState

_ROLES = ("stt", "llm", "tts")


def by_role(found: list[ModelCard]) -> list[ModelCard]:
    """In the order of the catalogue within a role."""
    return sorted(found, key=lambda card: _ROLES.index(card.role) if card.role in _ROLES else len(_ROLES))


def possible(action: str, card: ModelCard | None, picture: ScreenState) -> bool:
    """What an operator can do with the model under the cursor now."""
    if card is None or picture.link != "live" or picture.state.stopping:
        return False
    loaded = card.state == "loaded"
    swapping = card.service in picture.state.swaps
    match action:
        case "model_swap":
            return not loaded and bool(card.service) and card.fits and not swapping
        case "model_fetch":
            return card.state in ("absent", "partial", "fetching")
        case "model_pin":
            return loaded
        case "model_unload":
            return loaded and not swapping
    return True


def stopped(card: ModelCard, picture: ScreenState) -> bool:
    """Its engine was unloaded, or has given up: it can be loaded again."""
    service = picture.state.services.get(card.service)
    return service is not None and service.state in (ServiceState.STOPPED, ServiceState.STOPPING, ServiceState.FAILED)


class PoolForecast(Struct, frozen=True, kw_only=True):
    """One pool, now and after a swap."""

    label: str
    total: int
    free: int
    now: list[BarSegment]
    after: list[BarSegment]
    free_after: int
    """Below 0: so much is missing."""


def outlook(card: ModelCard, picture: ScreenState) -> list[PoolForecast]:
    """RAM, and the GPU that has the most room; nothing before the meters have told."""
    memory = picture.memory
    if memory is None:
        return []
    own = [device for device in memory.devices if device.total and not device.unified]
    vram = 0 if own else card.need_vram  # a GPU without memory of its own takes the machine's
    back = card.freed_ram + (0 if own else card.freed_vram)
    pools = [_ram(card, memory, picture, card.need_ram + vram, back)]
    if own:
        pools.append(_vram(card, max(own, key=lambda device: (not device.stale, device.free)), picture))
    return pools


def _ram(card: ModelCard, memory: Memory, picture: ScreenState, need: int, back: int) -> PoolForecast:
    now = ram_parts(memory, picture.state.services)
    return _pool("RAM", now, memory.total, memory.available, card, need, back)


def _vram(card: ModelCard, device: DeviceMemory, picture: ScreenState) -> PoolForecast:
    now = device_parts(device, picture.state.services)
    return _pool("VRAM", now, device.total, device.free, card, card.need_vram, card.freed_vram)


def _pool(
    label: str, now: list[BarSegment], total: int, free: int, card: ModelCard, need: int, back: int
) -> PoolForecast:
    """The newcomer stands where the old one stood, so that the rest of the bar keeps its place."""
    if card.state == "loaded" or not card.service:
        return PoolForecast(label=label, total=total, free=free, now=now, after=now, free_after=free)
    new = BarSegment(name=card.id, bytes=need, ink="new")
    after: list[BarSegment] = []
    for part in now:
        if part.name == card.service:
            left = structs.replace(part, bytes=max(0, part.bytes - back))
            after += [new, left] if left.bytes else [new]
        else:
            after.append(part)
    if new not in after:
        after.insert(sum(part.ink != "rest" for part in after), new)
    after = [part for part in after if part.bytes]
    return PoolForecast(label=label, total=total, free=free, now=now, after=after, free_after=free + back - need)
