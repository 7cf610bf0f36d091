"""PNGs of scenes, for docs/ and for looking at: python -m tests.console.pictures.screenshots FOLDER [SCENE ...]."""

import asyncio
import sys
import tempfile
from pathlib import Path

import resvg_py

from tests.console.pictures.recorded_logs import write_logs
from tests.console.pictures.scenes import SCENES, draw
from tests.console.pictures.screen_text import svg_of

DOCS = {
    "show": ("speaking", (160, 48)),
    "show-80x24": ("speaking", (80, 24)),
    "setting-up": ("setting-up", (160, 48)),
    "trouble": ("many-troubles", (160, 48)),
    "turns": ("turns", (160, 48)),
    "log": ("log", (160, 48)),
    "models": ("models-gpu", (160, 48)),
    "rig": ("rig", (160, 48)),
    "light": ("speaking-light", (160, 48)),
}


def png(svg: str) -> bytes:
    """In the machine's own monospaced font; the one that the SVG names is on a server."""
    plain = svg.replace("Fira Code", "DejaVu Sans Mono")
    return bytes(resvg_py.svg_to_bytes(svg_string=plain, monospace_family="DejaVu Sans Mono"))


async def main(folder: Path, names: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as logs:
        write_logs(Path(logs))
        for scene in SCENES if names == ["all"] else names or {scene for scene, _ in DOCS.values()}:
            async for size, app in draw(SCENES[scene], Path(logs)):
                given = [name for name, wanted in DOCS.items() if wanted == (scene, size)]
                for name in given if not names else [f"{scene}-{size[0]}x{size[1]}"]:
                    (folder / f"{name}.png").write_bytes(png(svg_of(app)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2:]))
