"""What a rig's camera is captured with: the program, and the environment that it needs."""

from launchers.runtime.environments import Environments
from launchers.store.progress import OnProgress
from profiles.schema import Camera

SCRIPT = "camera_opencv"


def needs_environment(settings: Camera) -> bool:
    """OpenCV's: 58 MB to fetch, 210 MB on the disk; a rig without a camera has none of it."""
    return settings.device != "none" and not _simulated(settings)


def ready(settings: Camera, environments: Environments) -> bool:
    """Whether it can be started without a network."""
    return not needs_environment(settings) or environments.python(SCRIPT) is not None


async def prepare(settings: Camera, environments: Environments, on_progress: OnProgress) -> tuple[str, ...]:
    """The command for `devices.camera.capture.CameraFeed`; its environment is made first where needed. Not for a rig
    with device "none". Raises FetchError, after which the show goes on without a camera.
    """
    if _simulated(settings):
        from devices.camera import simulated

        return simulated.command()
    python = await environments.ensure(SCRIPT, on_progress)
    return str(python), "-I", str(environments.script(SCRIPT))


def _simulated(settings: Camera) -> bool:
    return settings.device.partition(":")[0] == "simulated"
