"""Takes over the engine that a dead show's shim still keeps: by identity, never by number alone."""

import asyncio
import time
from typing import Any

from supervisors import kernel
from supervisors.errors import ServiceError
from supervisors.shim import reaper, state_file
from supervisors.shim.process import ShimProcess
from supervisors.shim.shim_handle import AdoptedShim
from supervisors.spec import ServicePaths, ServiceSpec

PATIENCE_S = 1.0
"""For the shim's answer. It knows of its owner's death within a moment; one that says nothing is stuck."""
_AGAIN_S = 0.02


def kept(places: ServicePaths, spec: ServiceSpec) -> dict[str, Any] | None:
    """What an earlier show's shim says of itself on disk, if that very shim lives and its engine may be adopted."""
    found = _left(places, spec)
    return found if found and spec.adopt_window_s > 0 and _lives(found) else None


def _left(places: ServicePaths, spec: ServiceSpec) -> dict[str, Any] | None:
    """The state file of a shim of an earlier show of this boot; whether it still lives is another question."""
    found = state_file.read(str(places.state_file(spec.key)))
    try:
        ours = found["boot_id"] == kernel.boot_id() and found["token"].startswith(places.prefix)
    except (KeyError, TypeError, AttributeError):
        return None
    return found if ours else None


def _lives(found: dict[str, Any]) -> bool:
    try:
        return kernel.is_alive(found["shim_pid"], found["shim_started"])
    except (KeyError, TypeError):
        return False


async def adopt(places: ServicePaths, spec: ServiceSpec) -> ShimProcess | None:
    """The engine with the model in its memory, now ours, dead or alive; None when there is none to be had.

    A shim may die after the sweep at the show's start has spared its tree and before it is adopted here. Its engine
    dies with it, but what that engine started does not, and no later sweep would look for it: this one does.
    """
    found = kept(places, spec)
    if found is None:
        if left := _left(places, spec):
            await asyncio.to_thread(reaper.reap, left["token"])
            for path in (places.state_file(spec.key), places.socket(spec.key)):
                path.unlink(missing_ok=True)
        return None
    shim = AdoptedShim(found["shim_pid"], found["shim_started"])
    give_up = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up:
        process = ShimProcess(spec.key, found["token"], found["port"], places, shim, found["argv_hash"])
        try:
            async with asyncio.timeout(max(0.0, give_up - time.monotonic())):
                await process.take_over(found["socket"], _adoption_order(places, spec))
            return process
        except (OSError, TimeoutError, ServiceError):
            pass
        except BaseException:
            process.abandon()  # nobody wants it any more
            raise
        process.let_go()
        await asyncio.sleep(_AGAIN_S)
        found = kept(places, spec) or found  # where its socket was cleared away it makes another one, and says so
    await process.bury()
    return None


def _adoption_order(places: ServicePaths, spec: ServiceSpec) -> dict[str, Any]:
    return {
        "do": "adopt",
        "log": str(places.log(spec.key).absolute()),
        "adopt_window_s": spec.adopt_window_s,
        "stop_grace_s": spec.stop_grace_s,
    }
