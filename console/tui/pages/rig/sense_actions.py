"""Ears, voice, eyes and the preflight, as the page knows them."""

import asyncio
import os
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from time import localtime, strftime
from typing import Any, Literal

import msgspec

from console.api import body_commands as body
from console.api.body_answers import Photograph, ToneHeard, VoiceHeard
from console.api.body_status import PreflightRow, SoundDevice
from console.api.command import A, Command
from console.tui.drawing import kitty_image
from console.tui.drawing.styled_text import clean, cut
from console.tui.pages.rig import wording
from console.tui.pages.rig.base import RigBase
from console.tui.pages.rig.calibration_actions import CalibrationActions
from console.tui.pages.rig.hold_repeat import AGAIN_S, LOST_S, PanHold
from conversation.stages import Stage

Role = Literal["microphone", "speaker"]
_CAPTION = 200
"""Cells of a caption at most: an attached model may say anything."""
FOR_NOW, FOR_GOOD = "now", "save"


class SoundActions(RigBase):
    def action_rig_microphone(self) -> None:
        self._pick("microphone")

    def action_rig_speaker(self) -> None:
        self._pick("speaker")

    def _pick(self, role: Role) -> None:
        if not self.can(f"rig_{role}"):
            return
        assert self.desk.view is not None
        devices = self.desk.view.microphones if role == "microphone" else self.desk.view.speakers
        if not devices:
            return self.say(f"No {role} was found: plug one in.")
        rows = [(str(number), _device_words(device)) for number, device in enumerate(devices)]
        now = next((str(number) for number, device in enumerate(devices) if device.chosen), "")
        self.ask_for(f"Which {role}?", rows, now, partial(self._picked, role, devices))

    def _picked(self, role: Role, devices: tuple[SoundDevice, ...], answer: str | None) -> None:
        if answer is None:
            return
        name = devices[int(answer)].name
        rows = [(FOR_NOW, "Until this show ends"), (FOR_GOOD, "For good: write it into the rig file")]
        self.ask_for(f"{name}: for how long?", rows, FOR_NOW, partial(self._keep_it, role, name))

    def _keep_it(self, role: Role, name: str, answer: str | None) -> None:
        if answer is not None:
            command = body.PickDevice(role=role, name=name, save=answer == FOR_GOOD)
            self.acting.do(self._chosen(command))

    async def _chosen(self, command: body.PickDevice) -> None:
        if await self.sent(command, say=f"The {command.role} is {command.name} from now on."):
            await self.sent(body.Body(), self.take_view)

    def action_rig_hear(self) -> None:
        if self.can("rig_hear"):
            self.desk.testing = "hear"
            self.acting.do(self._test(body.HearYourself(), self._heard))

    def _heard(self, answer: VoiceHeard) -> None:
        self.desk.heard = wording.heard(answer)

    def action_rig_beep(self) -> None:
        if self.can("rig_beep"):
            self.desk.testing = "beep"
            self.acting.do(self._test(body.Beep(), self._beeped))

    def _beeped(self, answer: ToneHeard) -> None:
        self.desk.beeped = wording.beeped(answer)

    async def _test(self, command: Command[A], take: Callable[[A], None]) -> None:
        self.redraw()
        try:
            await self.sent(command, take)
        finally:
            self.desk.testing = ""
            self.redraw()


class CameraActions(RigBase):
    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.pan = PanHold(self._move)

    def action_rig_look(self, right: int = 0, up: int = 0) -> None:
        """A key. Held, it repeats itself; where nobody tells that it was let go, each press moves for a moment."""
        if not self.can("rig_look"):
            return
        if (right, up) == (0, 0):
            self.say("Hold an arrow key, or one of the arrows on the screen with the mouse.", "info")
        else:
            self.pan.hold(right, up, for_s=LOST_S if self.acting.keys_reported else AGAIN_S)

    async def _move(self, command: body.Move) -> None:
        self.desk.heading = int(command.pan), int(command.tilt)
        self.redraw()
        if not await self.sent(command):
            self.pan.stop()

    def action_rig_home(self) -> None:
        if self.can("rig_home"):
            self.send(body.Move(home=True), say="The head looks straight ahead.")

    def action_rig_snapshot(self) -> None:
        if self.can("rig_snapshot"):
            self.desk.shooting = True
            self.acting.do(self._snapshot())

    async def _snapshot(self) -> None:
        self.say("Looking …", "info")
        try:
            await self._shoot()
        finally:
            self.desk.shooting = False
            self.redraw()

    async def _shoot(self) -> None:
        answers: list[Photograph] = []
        able = kitty_image.draws(os.environ)
        if not await self.sent(body.Snapshot(caption=True, png=able), answers.append):
            return
        folder = Path(self._picture.state.logs) / "snapshots"
        name = strftime("%H%M%S", localtime(self._picture.clock))
        taken = answers[0]
        seen, blind = (cut(clean(words or ""), _CAPTION) for words in (taken.caption, taken.blind))
        kind = ".png" if taken.mime == "image/png" else ".jpg"
        try:
            kept = await asyncio.to_thread(_write, folder, name + kind, taken.jpeg)
        except OSError as error:
            self.say(f"The picture cannot be saved in {folder}: {error.strerror or error}.")
        else:
            words = f"“{seen}”" if seen else f"No caption: {blind}."
            self.say(f"Saved: {kept}  {words}", "good")
            if able and kind == ".png" and self._may_cover_the_page():
                self.app.push_screen(
                    kitty_image.StillScreen(taken.jpeg, (taken.width, taken.height), words, self.action_rig_estop)
                )

    def _may_cover_the_page(self) -> bool:
        """A picture over the screen must not come between an operator and what he does by now."""
        served = self._picture.state.stage is not Stage.IDLE or self.acting.talk_button.held
        return self.is_on_screen and self.app.screen is self.screen and self.app.focused is self and not served


class PreflightActions(RigBase):
    def action_rig_preflight(self) -> None:
        if self.can("rig_preflight"):
            rows = [
                ("", "Only look: nothing is heard, nothing moves"),
                ("beep", "And beep: does the microphone hear the speaker?"),
                ("sweep", "And sweep the jaw slowly, if it is armed: hands away"),
                ("beep sweep", "All of it"),
            ]
            self.ask_for("Try everything once?", rows, "", self._fly)

    def _fly(self, answer: str | None) -> None:
        if answer is not None:
            self.desk.looking = True
            self.acting.do(self._look(body.Preflight(beep="beep" in answer, sweep="sweep" in answer)))
            self.see_part("preflight")

    async def _look(self, command: body.Preflight) -> None:
        try:
            await self.sent(command, self._found)
        finally:
            self.desk.looking = False
            self.redraw()

    def _found(self, answer: Any) -> None:
        self.desk.rows = msgspec.convert(answer, list[PreflightRow])
        self.desk.looked_at = self.now()


class RigActions(CalibrationActions, SoundActions, CameraActions, PreflightActions):
    """All of them."""


def _device_words(device: SoundDevice) -> str:
    more = "software" if device.simulated else ", ".join(filter(None, (device.driver, device.id)))
    return f"{device.name}  ({more})" if more else device.name


def _write(folder: Path, name: str, picture: bytes) -> Path:
    """Two in one second both stay. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    path = next(path for path in _paths(folder / name) if not path.exists())
    path.write_bytes(picture)
    return path


def _paths(first: Path) -> Iterator[Path]:
    yield first
    yield from (first.with_stem(f"{first.stem}-{number}") for number in count(2))


def _still(taken: Photograph, words: str, stop: Callable[[], None]) -> kitty_image.StillScreen:
    return kitty_image.StillScreen(taken.jpeg, (taken.width, taken.height), words, stop)
