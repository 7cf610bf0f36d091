"""Takes over the engine that a dead show's shim still keeps: by identity, never by number alone."""

import asyncio
import time
from typing import Any

from supervisors import kernel, state_file
from supervisors.errors import ServiceError
from supervisors.process import ShimProcess
from supervisors.shim_handle import AdoptedShim
from supervisors.spec import Places, ServiceSpec

PATIENCE_S = 1.0
"""For the shim's answer. It knows of its owner's death within a moment; one that says nothing is stuck."""
_AGAIN_S = 0.02


def kept(places: Places, spec: ServiceSpec) -> dict[str, Any] | None:
    """What an earlier show's shim says of itself on disk, if that very shim lives and its engine may be adopted."""
    if spec.adopt_window_s <= 0:
        return None
    found = state_file.read(str(places.state_file(spec.key)))
    try:
        same = found["boot_id"] == kernel.boot_id() and found["token"].startswith(places.prefix)
        return found if same and kernel.is_alive(found["shim_pid"], found["shim_started"]) else None
    except (KeyError, TypeError, AttributeError):
        return None


async def adopt(places: Places, spec: ServiceSpec) -> ShimProcess | None:
    """The engine with the model in its memory, now ours, dead or alive; None when there is none to be had."""
    found = kept(places, spec)
    if found is None:
        return None
    shim = AdoptedShim(found["shim_pid"], found["shim_started"])
    give_up = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up:
        process = ShimProcess(spec.key, found["token"], found["port"], places, shim, found["argv_hash"])
        try:
            async with asyncio.timeout(max(0.0, give_up - time.monotonic())):
                await process.take_over(found["socket"], _wishes(places, spec))
            return process
        except (OSError, TimeoutError, ServiceError):
            pass
        except BaseException:
            process.abandon()  # nobody wants it any more
            raise
        process.let_go()
        await asyncio.sleep(_AGAIN_S)
    await process.bury()
    return None


def _wishes(places: Places, spec: ServiceSpec) -> dict[str, Any]:
    return {
        "do": "adopt",
        "log": str(places.log(spec.key).absolute()),
        "adopt_window_s": spec.adopt_window_s,
        "stop_grace_s": spec.stop_grace_s,
    }
