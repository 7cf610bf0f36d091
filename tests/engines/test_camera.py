"""The camera through the real OpenCV; there is no camera here, so its device is a film."""

import asyncio
import subprocess
from pathlib import Path

import pytest

from launchers import camera as launcher
from launchers.runtime.environments import Environments
from profiles.home import Home
from profiles.schema import Camera as Settings
from tests.devices.camera.rolling import rolling, until

pytestmark = pytest.mark.engines

MAKER = """
import sys, cv2, numpy
film = cv2.VideoWriter(sys.argv[1], cv2.VideoWriter.fourcc(*"MJPG"), 15, (320, 240))
for n in range(20):
    image = numpy.zeros((240, 320, 3), numpy.uint8)
    image[:, :160] = (0, 0, 250)
    image[:, 160:] = (12 * n, 0, 0)
    film.write(image)
film.release()
"""


@pytest.fixture(scope="module")
def command() -> tuple[str, ...]:
    environments = Environments(Home.from_environment())
    return asyncio.run(launcher.prepare(Settings(device="auto"), environments, lambda _: None))


@pytest.fixture(scope="module")
def film(command: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 pictures, red on the left."""
    path = tmp_path_factory.mktemp("film") / "film.avi"
    subprocess.run([command[0], "-I", "-c", MAKER, str(path)], check=True, timeout=60)
    return path


def shape(python: str, path: Path) -> list[str]:
    read = "import sys, cv2; print(*cv2.imread(sys.argv[1]).shape)"
    done = subprocess.run([python, "-I", "-c", read, str(path)], capture_output=True, text=True, timeout=60)
    return done.stdout.split()


async def test_a_film_is_shown_again_and_again(command: tuple[str, ...], film: Path) -> None:
    async with rolling(str(film), command=command) as camera:
        stamps = set[float]()

        def many() -> bool:
            if camera.frame is not None:
                stamps.add(camera.frame.at)
            return len(stamps) > 15  # at 8 a second more than its 20 pictures at 15 a second

        await until(many)
        frame = camera.frame
        assert frame is not None and camera.starts == 1 and camera.name == "film.avi"
        assert (frame.width, frame.height, frame.full_width, frame.full_height) == (96, 72, 320, 240)
        red, green, blue = frame.rgb[(36 * 96 + 20) * 3 :][:3]
        assert red > 200 and green < 60 and blue < 60
        assert 10 < frame.brightness < 40


async def test_its_stills_are_pngs_for_a_terminal_that_draws(command: tuple[str, ...], film: Path) -> None:
    async with rolling(str(film), command=command) as camera:
        still = await camera.snapshot(60, png=True)
        assert still.mime == "image/png" and still.data.startswith(b"\x89PNG")
        assert (await camera.snapshot(60)).mime == "image/jpeg"


async def test_its_stills_are_jpegs_of_full_size(command: tuple[str, ...], film: Path, tmp_path: Path) -> None:
    async with rolling(str(film), command=command) as camera:
        still = await camera.snapshot(60)
    assert (still.mime, still.width, still.height) == ("image/jpeg", 320, 240)
    path = tmp_path / "still.jpg"
    path.write_bytes(still.data)
    assert shape(command[0], path) == ["240", "320", "3"]


@pytest.fixture
def words(tmp_path: Path) -> dict[str, tuple[str, str]]:
    (tmp_path / "letter.avi").write_bytes(b"Dear reader, " * 500)
    (tmp_path / "empty.avi").write_bytes(b"")
    return {
        "gone": ("/dev/video77", "is not there; plug it in"),
        "letter": (str(tmp_path / "letter.avi"), "is no film that OpenCV can read"),
        "empty": (str(tmp_path / "empty.avi"), "is no film that OpenCV can read"),
        "folder": (str(tmp_path), "gives no pictures; "),
    }


@pytest.mark.parametrize("which", ["gone", "letter", "empty", "folder"])
async def test_what_is_no_camera_is_said_in_plain_words(
    command: tuple[str, ...], words: dict[str, tuple[str, str]], which: str
) -> None:
    device, said = words[which]
    async with rolling(device, command=command) as camera:
        await until(lambda: camera.fault)
        assert said in camera.fault and camera.frame is None


async def test_the_first_device_that_gives_pictures_is_used(command: tuple[str, ...], film: Path) -> None:
    """As with the second node of a camera, which opens and gives none."""
    async with rolling(str(film), command=(*command, "--device", "/dev/video77")) as camera:
        await until(lambda: camera.frame)
