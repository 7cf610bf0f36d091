"""What memory there is and who has it."""

from console.tui.ink import Line, column, meter, size
from console.tui.panel import Panel
from console.tui.picture import Picture

_FULL = 0.9


class MemoryPanel(Panel):
    def title(self, picture: Picture) -> str:
        return "memory"

    def draw(self, picture: Picture, width: int, height: int) -> list[Line]:
        memory = picture.memory
        if memory is None:
            return [(("not measured yet", "dim"),)]
        share = memory.used / memory.total
        words = f" {size(memory.available)} free of {size(memory.total)}"
        bar = meter(share, max(4, width - 4 - len(words)), "warn" if share > _FULL else "info")
        rows: list[Line] = [(("RAM ", "dim"), *bar, (words, "warn" if share > _FULL else ""))]
        parts = [f"{name} {size(rss)}" for name, rss in memory.services.items()] + [f"show {size(memory.show)}"]
        rows.append((("    " + " · ".join(parts), "dim"),))
        return [*rows, ((column("GPU", 4), "dim"), (_devices(picture), "dim"))]


def _devices(picture: Picture) -> str:
    """As the engines say; what a GPU's memory holds is not measured yet."""
    on_gpu = [s.name for s in picture.state.services.values() if s.device not in ("", "cpu")]
    if on_gpu:
        return f"used by {', '.join(on_gpu)}; its memory is not measured"
    return "none in use: the engines run on the CPU"
