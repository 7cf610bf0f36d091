"""The calibration wizard, as the page knows it: the keys of its steps, and the way back to what was."""

from msgspec import structs

from console.api import body_commands as body
from console.api.body_status import BodyStatus
from console.tui.pages.rig import calibration as steps
from console.tui.pages.rig.calibration import Calibration
from console.tui.pages.rig.jaw_actions import JawActions
from console.tui.pages.rig.view_model import moves

WIZARD_KEYS = {"rig_next", "rig_back", "rig_skip", "rig_invert", "rig_cancel"}
_LEAST_US = 10
"""With less than this between them, closed and open are the same."""
_STEPS_OF = {"rig_skip": ("rest",), "rig_invert": ("proof", "save")}


class CalibrationActions(JawActions):
    @property
    def takes_enter(self) -> bool:
        return self.desk.wizard is not None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While nobody calibrates, these keys are somebody else's."""
        if action not in WIZARD_KEYS:
            return True
        wizard = self.desk.wizard
        return wizard is not None and wizard.step.name in _STEPS_OF.get(action, (wizard.step.name,))

    def action_rig_calibrate(self) -> None:
        if self.can("rig_calibrate"):
            assert self.desk.view is not None
            self.desk.wizard = Calibration(self.desk.view)
            self.see_part("jaw")
            self._lead(0)
            self.calibrate(body.Calibrate(beyond=True))

    def calibrate(self, command: body.Calibrate) -> None:
        """Whatever is set on the way, the travel stays wide until the wizard has ended."""
        super().calibrate(structs.replace(command, beyond=self.desk.wizard is not None))

    def pause_calibration(self, paused: bool) -> None:
        """Nobody looks at the jaw for a while: the limits hold. What was set stays set."""
        if self.desk.wizard is not None and self._picture.link == "live":
            self.send(body.Calibrate(beyond=not paused), self.take_view, kept=True)

    def _lead(self, by: int) -> None:
        """ENTER is the wizard's while there is one; elsewhere it mends."""
        if self.desk.wizard is not None:
            self.desk.wizard.go(by)
        self.desk.word = ("", "")
        self.redraw()
        self.acting.draw()  # the keys outside this page as well

    def action_rig_back(self) -> None:
        self._lead(-1)

    def action_rig_cancel(self) -> None:
        wizard, self.desk.wizard = self.desk.wizard, None
        if wizard is not None:
            self._next_jog = 0
            self._lead(0)
            self.send(wizard.restore(), self.take_view, kept=True, say="All is as it was before.")

    def action_rig_skip(self) -> None:
        wizard, view = self.desk.wizard, self.desk.view
        if wizard is not None and view is not None and wizard.step.name == "rest":
            self._set(steps.closed_rest(view))

    def action_rig_invert(self) -> None:
        if self.desk.view is not None:
            self.send(steps.swapped(self.desk.view), self.take_view, kept=True, say="Swapped: W sweeps again.")

    def action_rig_next(self) -> None:
        """ENTER: what this step asks for."""
        wizard, view = self.desk.wizard, self.desk.view
        if wizard is None or view is None:
            return
        match wizard.step.name:
            case "safe":
                self._arm_and_go()
            case "closed" | "open" | "rest":
                self._set_here(wizard, view)
            case "proof":
                self._prove()
            case "save":
                self.acting.do(self._keep())
            case _:
                self._lead(1)

    def _arm_and_go(self) -> None:
        if self._picture.jaw is not None and self._picture.jaw.armed and moves(self._picture.jaw):
            self._lead(1)
        elif self.can("rig_arm"):
            self.send(body.Arm(), lambda _: self._lead(1))

    def _set_here(self, wizard: Calibration, view: BodyStatus) -> None:
        if not self.desk.stood:
            return self.say("Jog it first: nobody knows yet where the servo stands.")
        if wizard.step.name == "open" and abs(self.desk.stood - view.trim_us - view.closed_us) < _LEAST_US:
            return self.say("That is where closed is: open the jaw first.")
        command = wizard.set_here(self.desk.stood, view)
        if command is not None:
            self._set(command)

    def _set(self, command: body.Calibrate) -> None:
        """And on to the next step, when the show took it."""

        def take(answer: BodyStatus) -> None:
            self.take_view(answer)
            self._lead(1)

        self.send(command, take, kept=True)

    def trim(self, direction: int) -> None:
        if self.desk.view is not None:
            by = direction * self.desk.opens * self.desk.by_us
            self.send(steps.trimmed(self.desk.view, by), self.take_view, kept=True)

    def _prove(self) -> None:
        if self.can("rig_sweep"):
            self.say("It sweeps slowly: closed, open, closed. X stops it.", "info")
            self.send(body.Sweep(), lambda _: self._lead(1))

    async def _keep(self) -> None:
        """Refused, it stays where it is: nothing that was found is lost."""
        wizard = self.desk.wizard
        if await self.save() and self.desk.wizard is wizard:
            self.desk.wizard = None
            word = self.desk.word
            self._lead(0)
            self.desk.word = word
            await self.sent(body.Calibrate(), self.take_view, kept=True)
