"""A snapshot as a picture, in terminals that draw one."""

import base64
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from console.api import body_commands as body
from console.tui.drawing.kitty_image import ERASE, StillScreen, drawn, draws, fitting
from console.tui.widgets.questions import LeaveScreen
from devices.camera.simulated import png
from tests.console.tui.pages.rig_driver import quick, sight

__all__ = ["quick"]  # the fixture
PICTURE = png(np.arange(64 * 48 * 3, dtype=np.uint8).reshape(48, 64, 3))
_ORDER = re.compile(r"\x1b_G([^;\x1b]*);([^\x1b]*)\x1b\\")


@pytest.mark.parametrize(
    ("environment", "able"),
    [
        ({"TERM": "xterm-kitty"}, True),
        ({"TERM": "xterm-ghostty"}, True),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, True),
        ({"TERM": "xterm-256color"}, False),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"}, False),
        ({"TERM": "tmux-256color", "TERM_PROGRAM": "kitty"}, False),
        ({"TERM": "xterm-kitty", "TMUX": "/tmp/tmux,1,0"}, False),
        ({}, False),
    ],
)
def test_only_terminals_that_are_known_to_draw(environment: dict[str, str], able: bool) -> None:
    assert draws(environment) is able


def test_a_picture_in_pieces() -> None:
    data = bytes(range(256)) * 40
    told = drawn(data, 3, 1, 80, 30)
    assert told.startswith("\x1b7\x1b[1;3H") and told.endswith("\x1b8")
    pieces = _ORDER.findall(told)
    assert len(pieces) == 4 and all(len(piece) <= 4096 for _, piece in pieces)
    assert base64.b64decode("".join(piece for _, piece in pieces)) == data
    assert pieces[0][0] == "a=T,f=100,q=2,C=1,c=80,r=30,m=1" and [keys for keys, _ in pieces[1:]] == [
        "m=1",
        "m=1",
        "m=0",
    ]


@pytest.mark.parametrize(
    ("size", "room", "cells"),
    [
        ((640, 480), (160, 46), (123, 46)),
        ((640, 480), (80, 40), (80, 30)),
        ((480, 640), (80, 22), (33, 22)),
        ((9, 9), (1, 1), (1, 1)),
    ],
)
def test_it_keeps_its_shape(size: tuple[int, int], room: tuple[int, int], cells: tuple[int, int]) -> None:
    assert fitting(*size, *room) == cells


async def test_it_lies_over_the_screen_until_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-kitty")
    monkeypatch.delenv("TMUX", raising=False)
    written: list[str] = []
    async with sight(tmp_path) as seen:
        driver: Any = seen.app._driver
        monkeypatch.setattr(driver, "write", written.append)
        shot = {"jpeg": base64.b64encode(PICTURE).decode(), "mime": "image/png", "age_s": 0.1, "brightness": 46}
        shot |= {"width": 64, "height": 48}
        seen.show.answers[body.Snapshot] = shot | {"caption": "A \x1b]0;room\x9b31m.", "blind": ""}
        await seen.press("n")
        await seen.until(lambda: isinstance(seen.app.screen, StillScreen) and any("a=T" in data for data in written))
        assert seen.show.of(body.Snapshot)[-1].png and "“A ]0;room31m.”" in seen.all
        told = next(data for data in written if "a=T" in data)
        assert base64.b64decode("".join(piece for _, piece in _ORDER.findall(told))) == PICTURE
        written.clear()
        await seen.press("ctrl+q")
        assert isinstance(seen.app.screen, LeaveScreen) and ERASE in written, "a question is not hidden by the picture"
        await seen.press("escape")
        assert any("a=T" in data for data in written)
        await seen.press("x")
        assert not isinstance(seen.app.screen, StillScreen) and ERASE in written[-1:]
        assert seen.show.of(body.EStop), "X stops here as well"
        for busy in ("held", "question", "page"):
            if busy == "held":
                seen.app.talk_button._by = "pad"
            elif busy == "question":
                seen.app.push_screen(LeaveScreen())
            else:
                await seen.press("1")
            await seen.page._shoot()
            await seen.press("escape") if busy == "question" else None
            seen.app.talk_button._by = ""
            assert not any(isinstance(screen, StillScreen) for screen in seen.app.screen_stack), busy
        await seen.press("3")
        seen.show.answers[body.Snapshot] |= {"mime": "image/jpeg"}
        await seen.press("n")
        await seen.until(lambda: "Saved" in seen.word)
        assert not isinstance(seen.app.screen, StillScreen)
