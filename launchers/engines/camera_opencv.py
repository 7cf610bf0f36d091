# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "numpy==2.4.6 ; python_full_version < '3.12'",
#   "numpy==2.5.5 ; python_full_version >= '3.12'",
#   "opencv-python-headless==5.0.0.93",
# ]
# ///
"""A camera through OpenCV, as a capture program (devices/camera/child.py): no server, but a child of the show.

OpenCV, because one package reads what Linux (V4L2) and macOS (AVFoundation) have, in whatever format a camera speaks,
and films besides. Its known pitfalls decide what is here: frames wait in the driver (so one buffer, and every frame is
taken from it, though few are unpacked), a camera's first frames are dark, and one that is gone stays "opened".
"""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # `python -I` leaves even the script's folder out

from devices.camera.child import ShowPipe, arguments, small_size

os.environ["OPENCV_LOG_LEVEL"] = "OFF"
os.environ["OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT"] = "4"  # seconds; the ten that it waits by itself try our patience
WARM_UP, MOST_WARM_UP = 5, 10
"""Frames of a camera that has just been opened; more than the first number only while they are dark."""
DARK = 8
"""Percent."""
TRIES = 5
"""Frames that may fail one after the other: a cable that was touched."""
JPEG_QUALITY = 88
_OLDEST_S = 5.0


class VideoSource:
    """One open camera or film."""

    def __init__(self, cv2, device: str, width: int, height: int, fps: int) -> None:
        self._cv2, self.device, self._fps = cv2, device, fps
        self.film = os.path.isfile(device)
        self._capture = self._opened(width, height)
        self._next_at = time.monotonic()

    @property
    def opened(self) -> bool:
        return self._capture.isOpened()

    def _opened(self, width: int, height: int):
        cv2 = self._cv2
        if self.film or "://" in self.device:
            return cv2.VideoCapture(self.device)
        if sys.platform == "darwin" and self.device.isdigit():
            capture = cv2.VideoCapture(int(self.device), cv2.CAP_AVFOUNDATION)
        elif self.device.startswith("/dev/"):
            capture = cv2.VideoCapture(self.device, cv2.CAP_V4L2)
        else:
            capture = cv2.VideoCapture(int(self.device) if self.device.isdigit() else self.device)
        # What a camera does not know it passes over. The format first: it decides which sizes and rates there are, and
        # uncompressed frames of two cameras are too many for one USB port.
        for key, value in (
            (cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG")),
            (cv2.CAP_PROP_FRAME_WIDTH, width),
            (cv2.CAP_PROP_FRAME_HEIGHT, height),
            (cv2.CAP_PROP_FPS, self._fps),
            (cv2.CAP_PROP_BUFFERSIZE, 1),
        ):
            capture.set(key, value)
        return capture

    def grab(self) -> float | None:
        """Waits for a frame; when it was taken (time.monotonic()), or None when there was none."""
        if self.film:
            self._pace()
        if not self._capture.grab() and not (self.film and self._again()):
            return None
        now = time.monotonic()
        # V4L2 stamps what it captures with the same clock as ours; other backends say something else here.
        stamp = self._capture.get(self._cv2.CAP_PROP_POS_MSEC) / 1000 if not self.film else now
        return stamp if 0 <= now - stamp < _OLDEST_S else now

    def image(self):
        """The frame that was grabbed, unpacked, (height, width, 3) BGR; None when it was broken."""
        done, image = self._capture.retrieve()
        whole = done and image is not None and image.size and image.ndim in (2, 3)
        return (self._cv2.cvtColor(image, self._cv2.COLOR_GRAY2BGR) if image.ndim == 2 else image) if whole else None

    def _pace(self) -> None:
        rate = self._capture.get(self._cv2.CAP_PROP_FPS)
        time.sleep(max(0.0, self._next_at - time.monotonic()))
        self._next_at = max(self._next_at, time.monotonic() - 1.0) + 1 / (rate if 1 <= rate <= 60 else self._fps)

    def _again(self) -> bool:
        """From its beginning."""
        self._capture.release()
        self._capture = self._cv2.VideoCapture(self.device)
        return self._capture.grab()

    def close(self) -> None:
        self._capture.release()


class Program:
    def __init__(self, cv2, link: ShowPipe, args) -> None:
        self._cv2, self._link, self._args = cv2, link, args

    def run(self) -> None:
        for source in self._sources():
            if source.opened and self._warm(source):
                self._show(source)
            source.close()
        self._link.trouble(*self._why())

    def _sources(self) -> Iterator[VideoSource]:
        """Many cameras have nodes that open and give no pictures: the next one is tried."""
        for device in self._args.device:
            yield VideoSource(self._cv2, device, self._args.width, self._args.height, self._args.fps)

    def _warm(self, source: VideoSource) -> bool:
        """Whether it gives pictures. The first ones of a camera are taken before it knows how bright it is here."""
        good = 0
        for _ in range(MOST_WARM_UP + TRIES):
            image = source.image() if source.grab() is not None else None
            if image is None:
                continue
            good += 1
            if source.film or good >= MOST_WARM_UP or (good >= WARM_UP and self._small(image)[2] > DARK):
                return True
        return good > 0

    def _show(self, source: VideoSource) -> None:
        """Until it gives no more."""
        link, misses, slack = self._link, 0, 0.5 / self._args.fps
        while misses < TRIES:
            at = source.grab()
            if at is not None and not link.due(slack):
                misses = 0
                continue
            image = source.image() if at is not None else None
            if image is None:
                misses += 1
                time.sleep(0.05)
                continue
            misses = 0
            png, still = link.png, b""
            if link.still:
                still = self._packed(image, png)
            rgb, small, brightness = self._small(image)
            size = image.shape[1], image.shape[0]
            words = {"size": size, "brightness": brightness, "device": source.device, "still": still}
            link.send(rgb, small, at=at, mime="image/png" if png else "image/jpeg", **words)
        gone = source.device.startswith("/dev/") and not os.path.exists(source.device)
        link.trouble(
            "was unplugged" if gone else "gives no pictures any more",
            "plug it in again; it is taken up by itself" if gone else "it is opened again by itself",
        )

    def _small(self, image) -> tuple[bytes, tuple[int, int], int]:
        """RGB, its size, and the mean brightness in percent."""
        cv2 = self._cv2
        size = small_size(image.shape[1], image.shape[0])
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).mean()
        return cv2.cvtColor(small, cv2.COLOR_BGR2RGB).tobytes(), size, round(float(grey) / 2.55)

    def _packed(self, image, png: bool) -> bytes:
        quality = () if png else (self._cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY)
        done, packed = self._cv2.imencode(".png" if png else ".jpg", image, quality)
        return packed.tobytes() if done else b""

    def _why(self) -> tuple[str, str]:
        """No device gave a picture."""
        for device in self._args.device:
            if device.startswith("/") and not os.path.exists(device):
                return "is not there", "plug it in, or name another camera in the rig"
            if device.startswith("/") and not os.access(device, os.R_OK):
                return "may not be opened by you", "add yourself to the group video and log in again"
            if os.path.isfile(device):
                return "is no film that OpenCV can read", "name another one in the rig"
        allow = "allow this terminal to use the camera, or " if sys.platform == "darwin" else ""
        return "gives no pictures", f"{allow}close the program that uses it; it is tried again by itself"


def main() -> None:
    args = arguments("a camera through OpenCV").parse_args()
    link = ShowPipe()  # first: whatever follows can hang
    try:
        import cv2
    except ImportError as error:
        link.trouble(f"OpenCV does not run on this machine ({error})", "say simulated or none in the rig")
    cv2.setNumThreads(1)
    Program(cv2, link, args).run()


if __name__ == "__main__":
    main()
