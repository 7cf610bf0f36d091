"""The calibration wizard without its screen: one plain sentence a step, and what each step asks of the show."""

from msgspec import Struct

from console.api.body_commands import Calibrate
from console.api.body_status import BodyStatus
from profiles.schema import MOST_TRIM_US


class CalibrationStep(Struct, frozen=True):
    name: str
    title: str
    sentence: str
    keys: str
    """What can be done beside going back and leaving."""


STEPS = (
    CalibrationStep(
        "safe",
        "make it safe",
        "Take the linkage off the servo first, and keep fingers out of the mouth: until closed and open are set, "
        "nothing stops the servo from driving the jaw into the bone.",
        "ENTER it is off: arm the servo",
    ),
    CalibrationStep(
        "middle",
        "find the middle",
        "Jog with ↑ and ↓ to the middle of the servo, about 1500 µs. Then put the linkage on again so that the jaw "
        "hangs half open, and take your hands away.",
        "ENTER it is on again",
    ),
    CalibrationStep(
        "closed",
        "closed",
        "Close the jaw with ↓, with smaller steps (J) near the end. Stop when the teeth just touch and the servo does "
        "not hum.",
        "ENTER this is closed",
    ),
    CalibrationStep(
        "open",
        "open",
        "Open the jaw with ↑ as far as it may ever go. Stop before anything strains or hums.",
        "ENTER this is open",
    ),
    CalibrationStep(
        "rest",
        "rest",
        "Where shall it wait between two sentences? Jog there, or let it wait closed as most do.",
        "ENTER it waits here · N it waits closed",
    ),
    CalibrationStep(
        "trim",
        "trim",
        "Now ↑ and ↓ shift closed, open and rest together. That is for a horn that was put on again a tooth further; "
        "the first time leave it as it is.",
        "ENTER go on",
    ),
    CalibrationStep(
        "proof",
        "the proof",
        "The jaw will now go slowly from closed to open and back, in 4 s. Hands away; X stops it at once.",
        "ENTER sweep",
    ),
    CalibrationStep(
        "save",
        "is it right?",
        "Did it close and open as it should? Then keep it: the rig file gets these values, and its comments stay. If "
        "it opened where it should close, I swaps the two.",
        "ENTER save · W sweep again · I swap",
    ),
)


class Calibration:
    """Where the operator is, and what was before. The show has the values; here are only the old ones."""

    def __init__(self, before: BodyStatus) -> None:
        self.before = before
        self._at = 0

    @property
    def step(self) -> CalibrationStep:
        return STEPS[self._at]

    @property
    def title(self) -> str:
        return f"calibration, step {self._at + 1} of {len(STEPS)}: {self.step.title}"

    def go(self, by: int) -> None:
        self._at = max(0, min(len(STEPS) - 1, self._at + by))

    def set_here(self, us: int, now: BodyStatus) -> Calibrate | None:
        """What ENTER sets in this step when the servo stands at `us`; None where it sets nothing."""
        bare = us - now.trim_us
        match self.step.name:
            case "closed":  # a rest that was closed stays closed
                rest = bare if now.rest_us == now.closed_us else None
                return Calibrate(closed_us=bare, rest_us=rest, beyond=True)
            case "open":
                rest = _between(now.rest_us, now.closed_us, bare)
                return Calibrate(open_us=bare, rest_us=rest if rest != now.rest_us else None, beyond=True)
            case "rest":
                return Calibrate(rest_us=bare, beyond=True)
        return None

    def restore(self) -> Calibrate:
        """As it was before."""
        old = self.before
        return Calibrate(
            closed_us=old.closed_us, open_us=old.open_us, rest_us=old.rest_us, trim_us=old.trim_us, beyond=False
        )


def _between(rest: int, closed: int, open_: int) -> int:
    """A rest that was outside the new travel goes to its nearer end."""
    return max(min(closed, open_), min(max(closed, open_), rest))


def closed_rest(now: BodyStatus) -> Calibrate:
    return Calibrate(rest_us=now.closed_us, beyond=True)


def trimmed(now: BodyStatus, by: int) -> Calibrate:
    return Calibrate(trim_us=max(-MOST_TRIM_US, min(MOST_TRIM_US, now.trim_us + by)), beyond=True)


def swapped(now: BodyStatus) -> Calibrate:
    """Closed is open and open is closed; a rest that was closed stays closed."""
    rest = now.open_us if now.rest_us == now.closed_us else None
    return Calibrate(closed_us=now.open_us, open_us=now.closed_us, rest_us=rest, beyond=True)
