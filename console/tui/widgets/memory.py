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
        rows.append(((column("GPU", 4), "dim"), ("none in use: the engines run on the CPU", "dim")))
        return rows
