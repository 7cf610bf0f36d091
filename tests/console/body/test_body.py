"""The body of a real show, by the operator's commands: jaw, head, camera, sound, preflight."""

import asyncio
import base64
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from console.api import body_commands as cmd
from console.api.client import OperatorClient
from console.api.command import Command
from console.api.commands import CommandError, Say
from devices.emulators.emulate import Emulator, emulate
from tests.support.real_show import BRIEF, RealShow
from tests.support.scripted.home import scripted_home

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
RIG = """# The booth by the door.
extends = "quick"
title = "Body"

[audio]
microphone = "recorded"
speaker = "null"

[jaw]  # do not touch: the horn is glued
board = "maestro"
port = "{port}"

[pan_tilt]
driver = "simulated"

[camera]
device = "simulated"
"""


class Booth:
    def __init__(self, show: RealShow, emulator: Emulator, rig: Path) -> None:
        self.show, self.emulator, self.rig = show, emulator, rig

    def __call__(self, command: Command[Any]) -> Any:
        return self.show.call_now(command)

    def refused(self, command: Command[Any]) -> str:
        with pytest.raises(CommandError) as caught:
            self.show.call_now(command)
        return str(caught.value)

    def device(self, role: str) -> dict[str, Any]:
        rows: list[dict[str, Any]] = self.show.status()["devices"]
        return next((row for row in rows if row["role"] == role), {})

    @property
    def pulse(self) -> int:
        return self.emulator.servos.get(0, 0)


@pytest.fixture(scope="module")
def booth(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Booth]:
    home = scripted_home(tmp_path_factory.mktemp("body") / "home")
    rigs = home / "profiles" / "rigs"
    with emulate("maestro") as emulator:
        (rigs / "body.toml").write_text(RIG.format(port=emulator.path))
        guest = home / "guest.toml"  # a character from a file
        guest.write_text(BRIEF)
        show = RealShow(home, "--rig", "body", "--character", str(guest))
        try:
            begun = Booth(show.start(), emulator, rigs / "body.toml")
            until(lambda: begun.device("jaw")["state"] == "ready")
            assert "armed" in begun.device("jaw")["detail"] and not any(us for _, _, us in emulator.moves)
            yield begun
        finally:
            show.end()


def until(what: Callable[[], object], within: float = 30.0) -> None:
    due = time.monotonic() + within
    while not what():
        assert time.monotonic() < due, "it did not happen"
        time.sleep(0.05)


def test_limp_until_it_is_armed_then_by_hand_inside_its_travel(booth: Booth) -> None:
    until(lambda: booth.device("jaw")["state"] == "ready")
    travel = booth(cmd.Body())
    closed, opened = travel["closed_us"], travel["open_us"]
    assert booth(cmd.Arm(on=False)) == {"armed": False}  # as a show begins; another case may have armed it
    until(lambda: not booth.pulse)
    booth.emulator.moves.clear()
    until(lambda: "armed" in booth.device("jaw")["detail"])
    assert booth(Say(text="Hello."))["outcome"] == "completed"
    assert not any(us for _, _, us in booth.emulator.moves)
    assert "not armed" in booth.refused(cmd.Jog(by_us=5))
    assert booth(cmd.Arm()) == {"armed": True}
    assert booth(cmd.Jog(by_us=25))["us"] == closed + 25
    until(lambda: booth.pulse == closed + 25)  # the last microsecond may be on its way to the board
    assert booth(cmd.Jog(by_us=900))["us"] == opened
    assert booth(cmd.Jog(to=0.5)) == {"us": (closed + opened) // 2, "opening": 0.5}
    assert booth(cmd.Sweep())["us"] == closed
    assert {us for _, _, us in booth.emulator.moves if us} <= set(range(closed, opened + 1))


def test_it_is_calibrated_and_the_file_keeps_its_comments(booth: Booth) -> None:
    booth(cmd.Arm())
    before = booth(cmd.Body())
    assert (before["closed_us"], before["open_us"], before["calibrated"]) == (1400, 1600, False)

    async def wizard() -> dict[str, Any]:
        async with OperatorClient(Path(booth.show.file.socket)) as client:
            await client.call(cmd.Jog(to=0.0))
            await client.call(cmd.Calibrate(beyond=True))
            found = await client.call(cmd.Jog(by_us=-80))
            view = await client.call(cmd.Calibrate(closed_us=found.us, look_ahead_ms=80, beyond=True))
            return structs.asdict(view)

    seen = asyncio.run(wizard())
    assert (seen["closed_us"], seen["unsaved"]) == (before["closed_us"] - 80, True)
    until(lambda: booth(cmd.Jog(by_us=-200))["us"] == seen["closed_us"])  # the wizard has gone: a limit again
    assert "set them apart" in booth.refused(cmd.Calibrate(open_us=seen["closed_us"]))
    assert "must lie between" in booth.refused(cmd.Calibrate(open_us=2500))
    assert booth(cmd.SaveCalibration())["file"] == str(booth.rig)
    text = booth.rig.read_text()
    assert "do not touch: the horn is glued" in text and "# The booth by the door." in text
    assert f"closed_us = {seen['closed_us']}" in text and "look_ahead_ms = 80" in text
    after = booth(cmd.Body())
    assert after["calibrated"] and not after["unsaved"]


def test_stopped_by_a_verb_and_moved_again_only_when_it_was_seen(booth: Booth) -> None:
    booth(cmd.Arm())
    booth(cmd.Jog(to=1.0))
    done = booth.show.cli("estop")
    assert done.returncode == 0 and "motors are off" in done.stderr
    until(lambda: booth.pulse == 0)
    assert "stopped" in booth.refused(cmd.Jog(by_us=5))
    until(lambda: booth.device("jaw")["state"] == "fault")
    assert "acknowledge" in booth.refused(cmd.Arm())
    assert booth(cmd.Acknowledge()) == {"fault": "it was stopped"}
    assert booth(cmd.Arm()) == {"armed": True} and booth(cmd.Jog(to=0.0))["us"]


def test_it_speaks_with_a_jaw_and_says_how_well(booth: Booth) -> None:
    booth(cmd.Arm())
    booth.emulator.moves.clear()
    said = booth(Say(text="A skull that talks is a head above the rest."))
    assert said["outcome"] == "completed" and said["jaw"]["frames"] > 20 and said["jaw"]["sync_p95_ms"] is not None
    assert len([us for _, _, us in booth.emulator.moves if us]) > 20


def test_unplugged_in_a_sentence_and_back(booth: Booth) -> None:
    booth(cmd.Arm())

    async def pulled() -> dict[str, Any]:
        async with asyncio.TaskGroup() as tasks:
            line = "This is a long line about bones, and somebody falls over the cable while it is said."
            said = tasks.create_task(booth.show.call(Say(text=line)))
            booth.emulator.moves.clear()
            while len(booth.emulator.moves) < 10:
                await asyncio.sleep(0.02)
            booth.emulator.fault("unplug")
        return dict(said.result())

    assert asyncio.run(pulled())["outcome"] == "completed"
    until(lambda: "unplugged" in booth.device("jaw")["detail"])
    booth.emulator.fault("")
    booth.emulator.replug()
    until(lambda: booth(cmd.Acknowledge()) is not None and booth.device("jaw")["state"] == "ready")
    until(lambda: booth(cmd.Arm())["armed"])
    assert booth(cmd.Jog(to=0.5))["us"]


def test_eyes(booth: Booth) -> None:
    until(lambda: booth.device("camera").get("state") == "simulated")
    until(lambda: booth.device("head").get("state") == "simulated")
    shot = booth(cmd.Snapshot())
    assert base64.b64decode(shot["jpeg"])[:4] in (b"\x89PNG", b"\xff\xd8\xff\xe0") and shot["width"] == 640
    blind = booth(cmd.Snapshot(caption=True))
    assert blind["caption"] == "" and blind["blind"] == "the model that thinks has no eyes"
    assert booth(cmd.Move(pan=0.5)) == {"moving": True} and booth(cmd.Move()) == {"moving": False}

    async def seen() -> list[dict[str, Any]]:
        frames = []
        async with (
            OperatorClient(Path(booth.show.file.socket)) as watcher,
            OperatorClient(Path(booth.show.file.socket)) as client,
        ):
            assert (await client.call(cmd.Watch())).watching
            async for row in watcher.events(telemetry=True):
                if row.get("telemetry") == "camera" and row["rgb"]:
                    frames.append(row)
                if len(frames) == 3:
                    return frames
        raise AssertionError

    pictures = asyncio.run(asyncio.wait_for(seen(), 30))
    assert len({row["rgb"] for row in pictures}) > 1, "it lives"
    assert pictures[0]["width"] * pictures[0]["height"] * 3 == len(base64.b64decode(pictures[0]["rgb"]))


def test_sound_and_preflight(booth: Booth) -> None:
    view = booth(cmd.Body())
    assert [row["name"] for row in view["microphones"] if row["chosen"]] == ["recorded"]
    assert booth(cmd.Beep())["heard"] is None
    heard = booth(cmd.HearYourself(seconds=1.5))
    assert heard["peak_db"] > -40 and not heard["clipped"]
    assert "no such speaker" in booth.refused(cmd.PickDevice(role="speaker", name="No Such Thing"))
    booth(cmd.Acknowledge())
    booth(cmd.Arm())
    rows = {row["what"]: row for row in booth(cmd.Preflight(sweep=True, beep=True))}
    assert {row["state"] for row in rows.values()} == {"ok"}, rows
    assert "skeleton" in rows["stt"]["detail"] and "swept" in rows["jaw"]["detail"]
    assert {"stt", "llm", "tts", "microphone", "speaker", "jaw", "camera", "head"} <= rows.keys()
    assert {"ports", "memory", "disk"} <= rows.keys() and "stt" in rows["ports"]["detail"]


def test_check_asks_the_show_that_runs(booth: Booth) -> None:
    """Without a word of which rig: there is but one."""
    booth(cmd.Acknowledge())
    booth(cmd.Arm())
    done = booth.show.cli("check", "--json", "--sweep")
    told = {row["what"]: row for row in json.loads(done.stdout)["rows"]}
    assert done.returncode == 0, told
    assert (
        "swept" in told["jaw"]["detail"] and "skeleton" in told["stt"]["detail"] and "running" in told["show"]["detail"]
    )
