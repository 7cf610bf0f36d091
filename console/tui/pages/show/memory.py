"""What memory there is and who has it: RAM, each GPU, and how full they were in the last ten minutes."""

from console.api.telemetry_types import DeviceMemory, Memory
from console.tui.client.screen_state import ScreenState
from console.tui.drawing.bars import MARKS, BarSegment, course, device_parts, legend, ram_parts, stack
from console.tui.drawing.panel import Panel
from console.tui.drawing.styled_text import Line, Span, column, size, spread
from console.tui.drawing.styled_text import width as cells

_LABEL = 6


class MemoryPanel(Panel):
    def title(self, picture: ScreenState) -> str:
        if picture.memory is not None and picture.memory.stale:
            return "memory · old: the meters do not answer"
        devices = picture.memory.devices if picture.memory else ()
        card = f" · {short(devices[0])}" if len(devices) == 1 else ""
        kinds = sorted({kind for _, kind, _ in picture.history.marks}, reverse=True)
        marks = "".join(f" · {MARKS[kind][0]} {kind}" for kind in kinds if kind in MARKS)
        return f"memory{card}{marks}"

    def draw(self, picture: ScreenState, width: int, height: int) -> list[Line]:
        memory = picture.memory
        if memory is None:
            return [(("not measured yet", "dim"),)]
        services = picture.state.services
        parts = ram_parts(memory, services)
        lines = [
            _machine(memory, width),
            _bar(memory, "RAM", parts, memory.total, memory.available, width),
            ((" " * _LABEL, ""), *legend(parts, width - _LABEL, sizes=False)),
        ]
        for device in memory.devices:
            lines += _device(memory, device, device_parts(device, services), width)
            if len(memory.devices) > 1:
                lines.append(spread(((" " * _LABEL + short(device), "dim"),), _card(device), width))
        return [*lines, _ten_minutes(picture, width)]


def full(device: DeviceMemory) -> float:
    return 1 - device.free / device.total if device.total else 0.0


def free_words(memory: Memory, free: int, total: int) -> Span:
    """With a sign where it runs low: its place and colour alone would not say it."""
    ink = memory.runs_low(free, total)
    return f"{'▲' if ink else ' '}{size(free):>5} free of {size(total):>5}", ink


def _bar(memory: Memory, label: str, parts: list[BarSegment], total: int, free: int, width: int) -> Line:
    words = free_words(memory, free, total)
    return (column(label, _LABEL), "dim"), *stack(parts, total, max(4, width - _LABEL - len(words[0]))), words


def _device(memory: Memory, device: DeviceMemory, shares: list[BarSegment], width: int) -> list[Line]:
    if not device.total:
        return [((column("VRAM", _LABEL), "dim"), ("n/a: the driver does not tell", "dim"))]
    return [
        _bar(memory, "VRAM", shares, device.total, device.free, width),
        ((" " * _LABEL, ""), *legend(shares, width - _LABEL)),
    ]


def _machine(memory: Memory, width: int) -> Line:
    """The processor, and what a machine does that is short of memory, while it does it."""
    left: list[Span] = [(column("CPU", _LABEL), "dim"), (_percent(memory.cpu_pct), "")]
    if memory.pressure:
        left.append((f"  ▲ pressure {memory.pressure} %", "warn"))
    if memory.swap_in:
        left.append((f"  ▲ swap {size(memory.swap_in)}/s", "warn"))
    right: Line = (("CPU mode: no GPU here", "dim"),)
    if memory.devices:
        right = _card(memory.devices[0]) if len(memory.devices) == 1 else ()
    return spread(tuple(left), right if cells(left) + cells(right) < width else (), width)


def short(device: DeviceMemory) -> str:
    """Its name without its maker's."""
    return device.name.removeprefix("NVIDIA ").removeprefix("AMD ").removeprefix("GeForce ")


def _card(device: DeviceMemory) -> Line:
    """Load, heat and power, as far as the driver tells."""
    if device.stale:
        return (("▲ GPU does not answer", "warn"),)
    load = f"GPU {device.load_pct:>3} %" if device.load_pct is not None else ""
    heat = f"{device.temp_c} °C" if device.temp_c is not None else ""
    power = f"{device.power_w:>3} W" if device.power_w is not None else ""
    return (("  ".join(word for word in (load, heat, power) if word), "dim"),)


def _ten_minutes(picture: ScreenState, width: int) -> Line:
    history = picture.history
    rows = [(name, columns) for name, columns in (("RAM", history.ram), ("VRAM", history.vram)) if columns]
    if not rows:
        return (("10min", "dim"),)
    each = (width - _LABEL) // len(rows)
    spans: list[Span] = [(column("10min", _LABEL), "dim")]
    for n, (name, columns) in enumerate(rows):
        words = f" {name} {columns[-1]:>3} %" if columns[-1] >= 0 else f" {name}   - %"
        gap = "  " if n < len(rows) - 1 else ""
        spans += [*course(columns, history.marks, max(4, each - len(words) - 2)), (words + gap, "dim")]
    return tuple(spans)


def _percent(value: int | None) -> str:
    return "  -  " if value is None else f"{value:>3} %"
