"""How far a jaw's servo turns, in microseconds of its pulse. Pure."""

from msgspec import Struct

from profiles.schema import Jaw


class Travel(Struct, frozen=True):
    """Closed may be above open: then the servo is mounted the other way round."""

    closed: int
    open: int
    rest: int

    @classmethod
    def of(cls, settings: Jaw) -> "Travel":
        trim = settings.trim_us
        return cls(settings.closed_us + trim, settings.open_us + trim, (settings.rest_us or settings.closed_us) + trim)

    @property
    def low(self) -> int:
        return min(self.closed, self.open, self.rest)

    @property
    def high(self) -> int:
        return max(self.closed, self.open, self.rest)

    def opening(self, us: float) -> float:
        """0 closed .. 1 open."""
        span = self.open - self.closed
        return min(1.0, max(0.0, (us - self.closed) / span)) if span else 0.0

    def at(self, opening: float) -> float:
        """The pulse for an opening of 0..1."""
        return self.closed + (self.open - self.closed) * opening
