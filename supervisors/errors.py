"""The errors of services."""


class ServiceError(Exception):
    """A service that could not be started, reached or stopped; `str()` of it is one plain line."""

    def __init__(self, service: str, message: str, hint: str = "") -> None:
        self.service, self.message, self.hint = service, message, hint
        super().__init__(f"{service}: {message}" + (f"; {hint}" if hint else ""))


class NeedsRepair(ServiceError):
    """Trying again does not help: a person has to change something first."""
