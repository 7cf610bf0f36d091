"""What an operator does to the jaw by hand: arm, stop, jog, sweep, calibrate, save."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from console.api import body_commands as cmd
from console.api.body_answers import Acknowledged, Armed, Jogged, MotorsOff, Saved, Swept
from console.api.body_status import BodyStatus
from console.api.command import Handlers
from console.api.commands import TURN_FAILED, USAGE, CommandError
from console.api.events import Note
from conversation.events import Event
from devices.errors import DeviceError
from devices.estop import EmergencyStop
from devices.jaw.jaw_board import JawBoard
from devices.limits import LimitedJaw
from profiles.edit import save_rig
from profiles.errors import ProfileError
from profiles.home import Home
from profiles.loader import LoadedProfile
from profiles.schema import CALIBRATION_US, LOOK_AHEAD_MS, MOST_TRIM_US, Jaw, Rig

_STEP_S = 0.02
_SETTLED_S = 0.2
"""A jog ends when its pulse has not changed for so long: it is there, or at a limit."""
_TRAVEL = ("closed_us", "open_us", "rest_us", "trim_us", "look_ahead_ms")
_LEAST, _MOST = CALIBRATION_US
_EARLIEST, _LATEST = LOOK_AHEAD_MS


class JawHandler:
    """The commands for the jaw."""

    def __init__(
        self,
        jaw: LimitedJaw,
        board: JawBoard,
        emergency: EmergencyStop,
        rig: LoadedProfile[Rig],
        home: Home,
        idle: Callable[[], bool],
        publish: Callable[[Event], None],
    ) -> None:
        self._jaw, self._board, self._emergency = jaw, board, emergency
        self._rig, self._home, self._idle, self._publish = rig, home, idle, publish
        self._file = Path(rig.file)
        self._saved: Jaw = rig.value.jaw
        self._calibrated = any(key in rig.given for key in ("jaw.closed_us", "jaw.open_us"))
        self._jogs = 0
        """Counts wishes, so that a newer one ends the older."""
        self._calibrating = ""
        """The client that may leave the travel."""
        self._order = threading.Lock()

    @property
    def handlers(self) -> Handlers:
        """Those of the commands that are for the jaw alone."""
        return {
            cmd.Arm: self._armed,
            cmd.EStop: self._estop,
            cmd.Jog: self._jog,
            cmd.Sweep: self._sweep,
            cmd.SaveCalibration: self._saved_to,
        }

    async def acknowledge(self) -> Acknowledged:
        return Acknowledged(fault=await asyncio.to_thread(self._jaw.acknowledge))

    async def calibrate(self, command: cmd.Calibrate, holder: str) -> None:
        """Raises CommandError."""
        if self._calibrating not in ("", holder):
            raise CommandError(TURN_FAILED, "another screen is calibrating the jaw; close that one first")
        self._calibrating = holder if command.beyond else ""
        await asyncio.shield(asyncio.to_thread(self._calibrate, command, holder))

    def forget(self, holder: str) -> None:
        """The calibrating client has gone: the travel is the limit again."""
        if self._calibrating == holder:
            self._calibrating = ""
            self._jogs += 1
            loop = asyncio.get_running_loop()
            loop.run_in_executor(None, self._end_calibration)  # the jaw's lock may be a while

    def view(self) -> BodyStatus:
        """What it knows of a BodyStatus; sound and eyes are added by others."""
        now, board = self._jaw.settings, self._jaw.board
        return BodyStatus(
            board=self._board.name,
            board_answers=board.answers if board is not None else True,
            simulated=self._board.simulated,
            closed_us=now.closed_us,
            open_us=now.open_us,
            rest_us=now.rest_us or now.closed_us,
            trim_us=now.trim_us,
            look_ahead_ms=now.look_ahead_ms,
            calibrated=self._calibrated,
            unsaved=bool(self._changed()),
            rig_file=str(self._file),
        )

    async def _armed(self, command: cmd.Arm, holder: str) -> Armed:
        return await asyncio.to_thread(self._arm, command.on)

    async def _estop(self, command: cmd.EStop, holder: str) -> MotorsOff:
        await asyncio.to_thread(self._emergency.stop)
        return MotorsOff(stopped=True)

    async def _saved_to(self, command: cmd.SaveCalibration, holder: str) -> Saved:
        file = await asyncio.to_thread(self._save)
        self._publish(Note(text=f"the jaw's calibration is in {file}"))
        return Saved(file=str(file))

    def _arm(self, on: bool) -> Armed:
        if not on:
            self._jogs += 1
            self._jaw.disarm()
            return Armed(armed=False)
        try:
            self._jaw.arm()
        except DeviceError as error:
            raise CommandError(TURN_FAILED, str(error)) from None
        return Armed(armed=True)

    async def _jog(self, command: cmd.Jog, holder: str) -> Jogged:
        self._may_move()
        now = self._jaw.settings
        closed, opened = now.closed_us + now.trim_us, now.open_us + now.trim_us
        target = self._jaw.position_us + command.by_us
        if command.to is not None:
            target = closed + (opened - closed) * min(1.0, max(0.0, command.to))
        return Jogged(us=await self._go(target), opening=round(self._jaw.opening, 3))

    async def _sweep(self, command: cmd.Sweep, holder: str) -> Swept:
        return await self.sweep()

    async def sweep(self) -> Swept:
        """Raises CommandError."""
        self._may_move()
        now = self._jaw.settings
        try:
            for target in (now.closed_us, now.open_us, now.closed_us):
                reached = await self._go(target + now.trim_us)
        finally:
            if self._idle():  # also when the client has gone in the midst of it
                await asyncio.shield(asyncio.to_thread(self._jaw.close))
        return Swept(us=reached)

    def _may_move(self) -> None:
        if not self._idle():
            raise CommandError(TURN_FAILED, "somebody is being answered; move the jaw by hand when that is over")
        if not self._jaw.armed:
            why = self._jaw.fault or ("it was stopped" if self._jaw.stopped else self._jaw.missing or "it is not armed")
            raise CommandError(TURN_FAILED, f"the jaw does not move: {why}")

    async def _go(self, target: float) -> int:
        """Slowly, until it is there, at a limit, or a newer wish comes; the pulse that was sent last."""
        self._jogs += 1
        mine, last, still = self._jogs, -1, 0.0
        while mine == self._jogs and still < _SETTLED_S:
            self._may_move()
            sent = await asyncio.to_thread(self._jaw.jog, target)
            if not sent:
                self._may_move()
                raise CommandError(TURN_FAILED, "the jaw was stopped on its way")
            if abs(sent - target) < 1:
                return sent
            still = still + _STEP_S if sent == last else 0.0
            last = sent
            await asyncio.sleep(_STEP_S)
        if mine != self._jogs:
            raise CommandError(TURN_FAILED, "another wish for the jaw came meanwhile")
        return last

    def _end_calibration(self) -> None:
        with self._order:
            self._jaw.calibrate(self._jaw.settings, beyond=False)

    def _calibrate(self, command: cmd.Calibrate, holder: str) -> None:
        wanted = {key: value for key in _TRAVEL if (value := getattr(command, key)) is not None}
        new = replace(self._jaw.settings, **wanted)
        for key in ("closed_us", "open_us"):
            if not _LEAST <= getattr(new, key) <= _MOST:
                raise CommandError(USAGE, f"{key} must lie between {_LEAST} and {_MOST}, not at {getattr(new, key)}")
        if new.rest_us and not _LEAST <= new.rest_us <= _MOST:
            raise CommandError(USAGE, f"rest_us must lie between {_LEAST} and {_MOST}, not at {new.rest_us}")
        if new.closed_us == new.open_us:
            raise CommandError(USAGE, "closed and open are the same; set them apart")
        if not (abs(new.trim_us) <= MOST_TRIM_US and _EARLIEST <= new.look_ahead_ms <= _LATEST):
            trim, ahead = f"-{MOST_TRIM_US} to {MOST_TRIM_US} us", f"{_EARLIEST} to {_LATEST} ms"
            raise CommandError(USAGE, f"trim goes from {trim}, the look-ahead from {ahead}")
        with self._order:  # the client may have gone meanwhile
            self._jaw.calibrate(new, command.beyond and self._calibrating == holder)

    def _changed(self, now: Jaw | None = None) -> dict[str, int]:
        now = now or self._jaw.settings
        return {key: getattr(now, key) for key in _TRAVEL if getattr(now, key) != getattr(self._saved, key)}

    def _save(self) -> Path:
        now = self._jaw.settings
        values: dict[str, Any] = {"closed_us": now.closed_us, "open_us": now.open_us}
        try:
            self._file = save_rig(self._file, "jaw", values | self._changed(now), self._home)
        except (ProfileError, OSError) as error:
            raise CommandError(USAGE, f"the rig could not be saved: {error}") from None
        self._saved, self._calibrated = now, True
        return self._file
