"""Who has how much of what: a reading shared out among the services, by pure functions. Bytes."""

from collections.abc import Collection, Mapping

from msgspec import Struct

from supervisors.meters.readings import GpuReading, MeterReading

Shares = Mapping[str, int]
"""Bytes by service."""


class Pool(Struct, frozen=True, kw_only=True):
    """One device's memory, or the machine's. The services' + others + reserved + free = total, to the byte."""

    device: GpuReading | None
    """None: the machine's RAM."""
    services: dict[str, int]
    """Of each service's whole tree; those that have nothing here are left out."""
    inferred: frozenset[str]
    """Services whose share was not measured but follows from what the device lost when they came."""
    others: int
    reserved: int
    free: int
    total: int

    @property
    def used(self) -> int:
        return sum(self.services.values()) + self.others

    @property
    def share(self) -> float:
        """0 .. 1, of what is not free."""
        return 1 - self.free / self.total if self.total else 0.0


class MemoryAccounting(Struct, frozen=True, kw_only=True):
    """`ram` and the pools of devices whose memory is unified overlap: they must not be added."""

    at: float
    ram: Pool
    devices: tuple[Pool, ...]

    def vram(self, service: str) -> int | None:
        """Of all devices together; None where there is none, or none that answers."""
        pools = [pool for pool in self.devices if pool.device and pool.total and not pool.device.lost]
        return sum(pool.services.get(service, 0) for pool in pools) if pools else None


def allocate(
    reading: MeterReading,
    trees: Mapping[str, Collection[int]],
    rss: Shares,
    inferred: Mapping[str, Shares] | None = None,
) -> MemoryAccounting:
    """`trees`: the processes of each service's whole tree; `rss`: what these have in RAM; `inferred`: for devices that
    do not tell who has what, by their keys, what the services are thought to have; where all is one pool, it is `rss`.
    """
    machine = reading.machine
    ram = _pool(None, machine.ram_total, machine.ram_used, 0, dict(rss), frozenset())
    guesses = {
        device.key: rss if device.unified else (inferred or {}).get(device.key, {}) for device in reading.devices
    }
    pools = [_device(device, trees, guesses[device.key]) for device in reading.devices]
    return MemoryAccounting(at=reading.at, ram=ram, devices=tuple(pools))


def _device(device: GpuReading, trees: Mapping[str, Collection[int]], inferred: Shares) -> Pool:
    told = {process.pid: process.used for process in device.processes if process.used is not None}
    shares = {name: sum(told.get(pid, 0) for pid in pids) for name, pids in trees.items()}
    guessed: dict[str, int] = {}
    if device.blind:
        left = max(0, device.used - sum(shares.values()))
        guessed = {name: inferred[name] for name in trees if inferred.get(name) and not shares[name]}
        guessed = _at_most(left, guessed)
    return _pool(device, device.total, device.used, device.reserved, shares | guessed, frozenset(guessed))


def _pool(
    device: GpuReading | None, total: int, used: int, reserved: int, shares: dict[str, int], inferred: frozenset[str]
) -> Pool:
    """Sums are true by construction. Lists of processes are older than `used`, and RAM that several processes share is
    counted for each: shares of more than there is are cut in proportion.
    """
    used = min(used, max(0, total - reserved))
    fitting = {name: size for name, size in _at_most(used, shares).items() if size}
    return Pool(
        device=device,
        services=fitting,
        inferred=inferred & fitting.keys(),
        others=used - sum(fitting.values()),
        reserved=reserved,
        free=total - reserved - used,
        total=total,
    )


def _at_most(limit: int, shares: Mapping[str, int]) -> dict[str, int]:
    total = sum(shares.values())
    if total <= limit:
        return dict(shares)
    return {name: size * limit // total for name, size in shares.items()}
