"""Hands on the jaw: arm, stop, jog, sweep, a line to speak, the look-ahead."""

from console.api import body_commands as body
from console.api import commands as cmd
from console.api.client import NoShow
from console.tui.pages.rig.base import RigBase
from console.tui.pages.rig.view_model import STEPS
from console.tui.pages.rig.wording import LINE
from profiles.schema import LOOK_AHEAD_MS

_NOT_TAKEN = "The stop was not taken: take the power from the servo!"
_LOWEST, _HIGHEST = LOOK_AHEAD_MS


class JawActions(RigBase):
    _jogging = False
    _next_jog = 0

    def action_rig_arm(self) -> None:
        if self.can("rig_arm"):
            armed = self._picture.jaw is not None and self._picture.jaw.armed
            self.send(body.Arm(on=not armed))

    def action_rig_estop(self) -> None:
        """Never asks whether it can."""
        self._next_jog = 0
        self.acting.do(self._stop())

    async def _stop(self) -> None:
        try:
            await self.acting.steering.stop_motors()
        except (cmd.CommandError, NoShow) as error:
            kept = isinstance(error, cmd.CommandError) and error.code == cmd.NO_SHOW  # for the next show
            self.say(f"{str(error)[:1].upper()}{str(error)[1:]}." if kept else _NOT_TAKEN, "bad")
        else:
            self.say("Stopped. K acknowledges it.", "warn")

    def action_rig_acknowledge(self) -> None:
        if self.can("rig_acknowledge"):
            self.send(body.Acknowledge())

    # Jog

    def action_rig_jog(self, direction: int) -> None:
        """1 opens, -1 closes. A key that repeats itself faster than the jaw answers leaves one step behind at most."""
        if not self.can("rig_jog"):
            return
        by = direction * self.desk.opens * self.desk.by_us
        if self._jogging:
            self._next_jog = by
        else:
            self._jogging = True
            self.acting.do(self._jog(by))

    async def _jog(self, by: int) -> None:
        try:
            while by and await self.sent(body.Jog(by_us=by)):
                by, self._next_jog = self._next_jog, 0
        finally:
            self._jogging, self._next_jog = False, 0

    def action_rig_jog_to(self, opening: float) -> None:
        if self.can("rig_jog_to"):
            self.send(body.Jog(to=float(opening)))

    def action_rig_step(self, by: int = 1) -> None:
        self.action_rig_step_to(self.desk.step + by)

    def action_rig_step_to(self, number: int) -> None:
        self.desk.step = number % len(STEPS)
        self.redraw()

    # Its feel

    def action_rig_sweep(self) -> None:
        if self.can("rig_sweep"):
            self.say("It sweeps slowly: closed, open, closed. X stops it.", "info")
            self.send(body.Sweep(), say="It has swept.")

    def action_rig_line(self) -> None:
        if self.can("rig_line"):
            self.send(cmd.Say(text=LINE))

    def action_rig_look_ahead(self, by: int) -> None:
        if self.desk.view is not None:
            self.action_rig_look_ahead_to(self.desk.view.look_ahead_ms + by)

    def action_rig_look_ahead_to(self, ms: int) -> None:
        if self.can("rig_look_ahead"):
            self.calibrate(body.Calibrate(look_ahead_ms=max(_LOWEST, min(_HIGHEST, ms))))

    def calibrate(self, command: body.Calibrate) -> None:
        """On the kept line, so that a wider travel ends with this screen."""
        self.send(command, self.take_view, kept=True)

    def action_rig_save(self) -> None:
        if self.can("rig_save"):
            self.acting.do(self.save())

    async def save(self) -> bool:
        """Whether it is in the rig file now."""
        done = await self.sent(body.SaveCalibration(), lambda answer: self._saved(answer.file))
        if done:
            await self.sent(body.Body(), self.take_view)
        return done

    def _saved(self, file: str) -> None:
        self.say(f"Saved in {file}; its comments are as they were.", "good")
