"""Whose memory it must be where the driver does not say: what a device lost while a service loaded."""

from supervisors.meters.readings import GpuReading, MeterReading

LEAST = 8 << 20
"""Less than that is noise: a window that was opened, a context of somebody else."""


class InferredMemory:
    """Remembers, per device, what is used before a load and after its READY.

    Two that load at the same time share what went meanwhile evenly: an error between the two, not in the sum.
    """

    def __init__(self) -> None:
        self._loading: set[str] = set()
        self._used: dict[str, int] = {}
        """By device, at the last event."""
        self._shares: dict[str, dict[str, int]] = {}
        """By device and service."""

    def before(self, service: str, reading: MeterReading) -> None:
        """It is about to load; what it had is gone."""
        self.gone(service, reading)
        self._loading.add(service)

    def after(self, service: str, reading: MeterReading) -> None:
        """It is READY, and has taken what it takes."""
        self._settle(reading)
        self._loading.discard(service)

    def gone(self, service: str, reading: MeterReading) -> None:
        """It has ended; that its memory comes back is not the gain of one that loads at the moment."""
        self._loading.discard(service)
        for key, shares in self._shares.items():
            freed = shares.pop(service, 0)
            self._used[key] = max(0, self._used.get(key, 0) - freed)
        self._settle(reading)

    def shares(self) -> dict[str, dict[str, int]]:
        """Bytes by device and service."""
        return {
            key: {name: size for name, size in shares.items() if size >= LEAST} for key, shares in self._shares.items()
        }

    def _settle(self, reading: MeterReading) -> None:
        for device in reading.devices:
            if device.lost:
                continue
            grown = device.used - self._used.get(device.key, device.used)
            self._used[device.key] = device.used
            if self._loading and grown > 0:
                self._share_out(device, grown // len(self._loading))

    def _share_out(self, device: GpuReading, each: int) -> None:
        shares = self._shares.setdefault(device.key, {})
        for service in self._loading:
            shares[service] = shares.get(service, 0) + each
