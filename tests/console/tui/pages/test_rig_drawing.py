"""What the rig page is made of, without a screen: the course of the jaw, its plot, the big number, the kept line."""

import asyncio
import json
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from console.api.body_commands import Watch
from console.api.body_status import BodyStatus
from console.api.client import NoShow
from console.api.telemetry_types import CameraReading, JawReading
from console.host.surroundings import PLAIN
from console.tui.client.jaw_trace import KEPT, Column, JawCourse
from console.tui.client.persistent_connection import PersistentConnection
from console.tui.client.show_connection import ShowConnection
from console.tui.drawing.large_digits import big
from console.tui.drawing.styled_text import Line, width
from console.tui.input.keymap import ACTS, RIG_ACTS
from console.tui.pages.rig.panels.jaw_plot import plot
from console.tui.pages.rig.view_model import RigViewModel
from tests.console.pictures.rig_scenes import BODY, JAW, camera

VIEW = msgspec.convert(BODY, BodyStatus)


def at(us: int, track: float = 0.0) -> JawReading:
    return JawReading(us=us, opening=(us - 1328) / 256, track=track, armed=True)


def text(lines: list[Line]) -> list[str]:
    return ["".join(span for span, _ in line) for line in lines]


def test_a_course_keeps_the_widest_of_each_tenth_and_shortens_rests() -> None:
    course = JawCourse()
    for ms, us in ((0, 1328), (40, 1500), (80, 1400), (120, 1450)):
        course.note(at(us), ms)
    assert [column.us for column in course.columns] == [1500, 1450]
    course.note(at(1328), 60_000)
    assert [column.us for column in course.columns] == [1500, *[1450] * 6, 1328]
    course.note(JawReading(), 60_050)
    assert course.columns[-1].us == 0  # limp at once
    for n in range(500):
        course.note(at(1400), 61_000 + 100 * n)
    assert len(course.columns) == KEPT


def test_a_plot_has_its_limits_and_what_goes_beyond_them() -> None:
    columns = [Column(1328, 0.0, 0.0), Column(1456, 0.5, 0.9), Column(1584, 1.0, 1.0), Column(0, 1.0, 0.0)]
    lines = plot(columns, VIEW, 40, 12)
    rows = text(lines)
    assert len(rows) == 12 and all(width(line) == 40 for line in lines[:-1])
    assert rows[0].startswith("  open 1584┤") and rows[10].startswith("closed 1328┤")
    assert [row[-3] for row in rows[6:11]] == ["█"] * 5 and [row[-2] for row in rows[2:11]] == ["█"] * 9
    assert rows[1][-3] in "▔─▁" and rows[3][-3] == " "  # what the voice asks for, above a jaw that is half open
    assert all(row[-1] in " ┄" for row in rows[:11])  # limp: nothing but the marks
    beyond = text(plot([Column(1840, 1.0, 0.0)], VIEW, 40, 12))
    assert next(n for n, row in enumerate(beyond) if "open" in row) > 3 and "█" in beyond[1]


@pytest.mark.parametrize(("cells", "height"), [(0, 0), (12, 5), (16, 2), (200, 60), (13, 1)])
@pytest.mark.parametrize("view", [None, VIEW, msgspec.structs.replace(VIEW, open_us=1328, rest_us=1500)])
def test_a_plot_fits_every_room_and_any_travel(cells: int, height: int, view: BodyStatus | None) -> None:
    columns = [Column(n, n / 2500, 2.5 - n / 500) for n in range(0, 2500, 100)]
    lines = plot(columns, view, cells, height)
    assert len(lines) in (0, height) and all(width(line) <= cells for line in lines[:-1])


def test_an_inverted_jaw_is_drawn_upright() -> None:
    view = msgspec.structs.replace(VIEW, closed_us=1700, open_us=1300, rest_us=1700, trim_us=10)
    rows = text(plot([Column(1310, 1.0, 0.0)], view, 30, 12))
    assert "open 1310" in rows[0] and rows[1][-1] == "█" and "closed 1710" in rows[10]


def test_big_numbers_are_even_and_fall_back() -> None:
    for rows in (1, 3, 5):
        drawn = big("1480-", rows)
        assert len(drawn) == rows and len({len(row) for row in drawn}) == 1
    assert big("1480", 2) == ["1480"]
    assert len({"\n".join(big(digit, 3)) for digit in "0123456789"}) == 10


def test_percent_of_the_travel_are_at_least_a_microsecond() -> None:
    desk = RigViewModel()
    assert [desk.by_us for desk.step in range(6)] == [1, 5, 25, 1, 5, 25]
    desk.view = msgspec.structs.replace(VIEW, closed_us=1500, open_us=1480)
    assert [desk.by_us for desk.step in range(6)] == [1, 5, 25, 1, 1, 5] and desk.opens == -1


def test_no_key_of_the_page_hides_one_of_the_show() -> None:
    own = {act.key for act in RIG_ACTS} - {"up", "down", "left", "right", "home", "tab"}
    assert not own & {act.key for act in ACTS}


def test_a_terminal_without_our_glyphs_has_others() -> None:
    assert {ord(glyph) for glyph in "µ┄┤│█▀▄▁▂▃▅▆▇▔─━↑↓←→›‹●○◌■✖✓▲·…"} <= set(PLAIN)


def test_the_link_tells_of_jaw_and_camera_until_it_breaks(tmp_path: Path) -> None:
    link = ShowConnection(tmp_path)
    link._become("live")
    link._take(JAW)
    link._take(camera())
    picture = link.picture
    assert picture.jaw is not None and picture.jaw.us == 1415 and picture.course[-1].us == 1415
    assert isinstance(picture.camera, CameraReading) and len(picture.camera.rgb) == 80 * 60 * 3
    link._become("lost")
    assert link.picture.jaw is None and link.picture.camera is None


async def test_a_kept_line_is_one_connection_until_it_breaks(tmp_path: Path) -> None:
    lines: list[list[str]] = []
    writers: list[asyncio.StreamWriter] = []

    async def show(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.append(mine := [])
        writers.append(writer)
        while line := await reader.readline():
            mine.append(json.loads(line)["cmd"])
            writer.write(b'{"result": {"watching": true}}\n')
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        mine.append("end")

    path = tmp_path / "s"
    kept = PersistentConnection(lambda: path)
    with pytest.raises(NoShow):
        await kept.send(Watch())
    server = await asyncio.start_unix_server(show, path)
    async with asyncio.timeout(20):
        answers = await asyncio.gather(kept.send(Watch()), kept.send(Watch(on=False)))
        assert answers[0].watching and lines == [["watch", "watch"]]
        writers[0].close()
        await kept.send(Watch(on=False))
        assert lines[1:] == [["watch"]]
        await kept.close()
        await kept.close()
        while any(one[-1] != "end" for one in lines):  # what is left open is a warning in a later test
            await asyncio.sleep(0.01)
        server.close()
        await server.wait_closed()
        await asyncio.sleep(0.05)
