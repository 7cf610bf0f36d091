"""The cameras of this machine by name; none is opened for that, so no driver can hang us and no light goes on.

Linux: the folder that the kernel keeps for V4L2, /sys/class/video4linux. macOS: what the system's own profiler says;
OpenCV numbers the cameras there in the order of their unique ids (its AVFoundation backend sorts them so).
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from devices.errors import DeviceError

_V4L = Path("/sys/class/video4linux")
_PROFILER = ("/usr/sbin/system_profiler", "SPCameraDataType", "-json")
_PROFILER_S = 5.0


class CameraCandidate(Struct, frozen=True):
    """A camera, or what may be one."""

    name: str
    """In its maker's words; of two of the same name both are listed."""
    path: str
    """As a capture program takes it: /dev/videoN, or a number where cameras have no paths."""


class _Apple(Struct):
    name: str = msgspec.field(name="_name", default="")
    id: str = msgspec.field(name="spcamera_unique-id", default="")


class _Profile(Struct):
    cameras: list[_Apple] = msgspec.field(name="SPCameraDataType", default_factory=list)


def cameras() -> list[CameraCandidate]:
    """The likeliest first. On macOS that takes some tenths of a second."""
    return of_macos(_profile()) if sys.platform == "darwin" else of_linux(_V4L)


def find(wanted: str, listed: Sequence[CameraCandidate]) -> list[CameraCandidate]:
    """Those that a rig's `device` may mean, the likeliest first: many cameras show two nodes of one name, and only the
    program that opens them sees which gives pictures. Raises DeviceError.
    """
    if wanted == "auto":
        if not listed:
            raise DeviceError("camera", "there is none", "plug one in; it is taken up by itself")
        return list(listed)
    if "/" in wanted or wanted.isdigit():
        return [
            next((camera for camera in listed if camera.path == wanted), CameraCandidate(Path(wanted).name, wanted))
        ]
    named = [camera for camera in listed if wanted.casefold() in camera.name.casefold()]
    if not named:
        known = ", ".join(sorted({camera.name for camera in listed})) or "none"
        raise DeviceError(wanted, "no camera has this in its name", f"there are: {known}")
    return named


def of_linux(folder: Path) -> list[CameraCandidate]:
    """USB before what is built into a board, where most nodes are decoders, not cameras; first nodes before second."""
    nodes = sorted(folder.glob("video*"), key=_rank)
    return [CameraCandidate(_word(node / "name") or node.name, f"/dev/{node.name}") for node in nodes]


def of_macos(profile: bytes) -> list[CameraCandidate]:
    """From the profiler's JSON."""
    try:
        found = msgspec.json.decode(profile, type=_Profile).cameras
    except msgspec.MsgspecError:
        return []
    return [CameraCandidate(c.name or f"camera {n}", str(n)) for n, c in enumerate(sorted(found, key=lambda c: c.id))]


def _rank(node: Path) -> tuple[bool, int, int]:
    number, index = node.name.removeprefix("video"), _word(node / "index")
    usb = "/usb" in str((node / "device").resolve())
    return not usb, int(index) if index.isdigit() else 0, int(number) if number.isdigit() else 0


def _word(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _profile() -> bytes:
    try:
        return subprocess.run(_PROFILER, capture_output=True, timeout=_PROFILER_S, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return b""
