"""Every screen in every stage and trouble looks as it did when somebody last looked at it.

All of them are compared as text (see screen_text.py), and one of each page and state as a picture too. Those that are
meant to change: look at them (`make screenshots`, or its module with a FOLDER of your own); then `make snapshots`
keeps the new ones.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from tests.console.pictures.recorded_logs import write_logs
from tests.console.pictures.scenes import SCENES, draw
from tests.console.pictures.screen_text import svg_of, text_of, told

KEPT = Path(__file__).parent / "__snapshots__"
_KEEP = bool(os.environ.get("GALACTUS_KEEP_PICTURES"))
_LARGE, _SMALL = (160, 48), (80, 24)
SEEN = {
    "speaking": _LARGE, "setting-up": _LARGE, "many-troubles": _LARGE, "turns": _LARGE, "log": _LARGE,
    "models-gpu": _LARGE, "rig": _LARGE, "speaking-light": _LARGE, "loading": _SMALL, "listening": _SMALL,
    "thinking": _SMALL, "answered": _SMALL, "interrupted": _SMALL, "operators-line": _SMALL, "degraded": _SMALL,
    "halted": _SMALL, "held": _SMALL, "lost": _SMALL, "failed": _SMALL, "stopped": _SMALL, "hangs": _SMALL,
    "crashed": _SMALL, "crash-report": _SMALL, "say": _SMALL, "log-one": _SMALL, "log-crash": _SMALL,
    "models-ask": _SMALL, "models-fetching": _SMALL, "models-16": _SMALL, "swapping": _LARGE, "rig-fault": _SMALL,
    "rig-gone": _SMALL, "rig-wizard": _SMALL, "rig-preflight": _SMALL, "help": _SMALL, "leave": _SMALL,
    "characters": _SMALL, "restart": _SMALL, "palette": _SMALL, "tiny": (40, 12),
}  # fmt: skip
"""Forty, and no more: a picture is 30 to 200 kB, and a change of a colour rewrites them all."""


@pytest.fixture
def own_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Scenes set the time zone, the theme and the home; afterwards all is as it was."""
    for name in ("TZ", "GALACTUS_THEME", "GALACTUS_HOME"):
        monkeypatch.setenv(name, "")
    for name in ("NO_COLOR", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("name", SCENES)
async def test_picture(name: str, tmp_path: Path, own_environment: None) -> None:
    write_logs(tmp_path)
    drawn = {}
    async for size, app in draw(SCENES[name], tmp_path):
        drawn[_file(name, size, "txt")] = text_of(app)
        if SEEN.get(name) == size:
            drawn[_file(name, size, "svg")] = svg_of(app)
    others = []
    for file, now in drawn.items():
        kept = KEPT / file
        if _KEEP:
            KEPT.mkdir(exist_ok=True)
            kept.write_text(now, encoding="utf-8")
        if now != kept.read_text(encoding="utf-8"):
            (tmp_path / file).write_text(now, encoding="utf-8")
            others.append(f"{file} looks different: compare it with {tmp_path / file}")
    assert not others, "\n".join([*others, "if it is meant to, run: make snapshots"])


def test_only_what_is_drawn_is_kept() -> None:
    drawn = {_file(name, size, "txt") for name, scene in SCENES.items() for size in scene.sizes}
    drawn |= {_file(name, size, "svg") for name, size in SEEN.items()}
    if _KEEP:
        for left in [path for path in KEPT.iterdir() if path.name not in drawn]:
            left.unlink()
    assert {path.name for path in KEPT.iterdir()} == drawn
    assert len(SEEN) <= 40


BASE = Style(color="#d8dee4", bgcolor="#0d1014")


@pytest.mark.parametrize(
    "other",
    [
        [Segment("on air", BASE + Style(bold=True)), Segment("  ok", BASE)],
        [Segment("on air", Style(color="#d8dee5", bgcolor="#0d1014")), Segment("  ok", BASE)],
        [Segment("on air", Style(color="#d8dee4", bgcolor="#c73e00")), Segment("  ok", BASE)],
        [Segment("on air", Style(color="red", bgcolor="#0d1014")), Segment("  ok", BASE)],
        [Segment("on air  ok", Style(color="#d8dee4"))],
        [Segment("on air  ok")],
        [Segment("on air  ok ", BASE)],
        [Segment("on air  oK", BASE)],
    ],
)
def test_text_tells_every_difference_that_an_eye_would_see(other: list[Segment]) -> None:
    assert told([Strip(other)]) != told([Strip([Segment("on air  ok", BASE)])])


def test_text_tells_the_colours_of_a_row_of_very_many() -> None:
    row = [Segment("▀", Style(color=f"rgb({n},0,0)", bgcolor="#0d1014")) for n in range(80)]
    other = [*row[:-1], Segment("▀", Style(color="rgb(80,0,0)", bgcolor="#0d1014"))]
    assert told([Strip(row)]) != told([Strip(other)])
    assert len(told([Strip(row)]).splitlines()) == 4


def test_text_is_the_same_however_a_row_is_cut_into_pieces() -> None:
    cut = [Segment("on ", BASE), Segment("air  ", Style(color="#d8dee4", bgcolor="#0d1014")), Segment("ok", BASE)]
    assert told([Strip(cut)]) == told([Strip([Segment("on air  ok", BASE)])])


def _file(name: str, size: tuple[int, int], kind: str) -> str:
    return f"{name}-{size[0]}x{size[1]}.{kind}"
