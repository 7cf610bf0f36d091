"""The camera's faults with real child processes: each is named, costs pictures and nothing else, and passes."""

import asyncio
import os
import signal
import subprocess
import sys
import time
import zlib
from itertools import pairwise
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from devices.camera import simulated
from devices.camera.capture import CALM_FPS, CameraFeed, CaptureDeadlines
from devices.camera.names import CameraCandidate
from devices.errors import DeviceError
from profiles.home import CHECKOUT
from profiles.schema import Camera as Settings
from tests.devices.camera.rolling import LONG, PATIENT, SOON, program, rolling, until


def pid(camera: CameraFeed) -> int:
    assert camera._process is not None
    return camera._process.pid


async def until_fresh(camera: CameraFeed, starts: int) -> None:
    """The program of this start gives pictures."""
    await until(lambda: camera.starts >= starts and camera.frame is not None and not camera.fault)


async def test_pictures_come_stamped_and_small() -> None:
    async with rolling() as camera:
        assert camera.frame is None and camera.age_s is None and camera.fault == ""
        await until(lambda: camera.frame)
        first = camera.frame
        assert first is not None and camera.on and camera.simulated
        assert (first.width, first.height, first.full_width, first.full_height) == (96, 72, 160, 120)
        assert len(first.rgb) == 96 * 72 * 3
        assert 10 < first.brightness < 60
        assert first.at <= time.monotonic()
        await until(lambda: camera.frame is not None and camera.frame.at > first.at and camera.frame.rgb != first.rgb)
        child = pid(camera)
    assert not camera.on and not psutil.pid_exists(child)


async def test_nobody_looks_and_few_pictures_are_sent() -> None:
    async with rolling() as camera:
        await until(lambda: camera.frame)
        camera.watch(False)
        stamps = list[float]()

        def calm() -> bool:
            """Four pictures, one after the other, as far apart as they should be."""
            if camera.frame is not None and camera.frame.at not in stamps[-1:]:
                stamps.append(camera.frame.at)
            gaps = [after - before for before, after in pairwise(stamps[-4:])]
            return len(gaps) == 3 and min(gaps) > 0.9 / CALM_FPS

        await until(calm)
        assert camera.on and camera.starts == 1 and camera.fault == ""


async def test_a_snapshot_is_of_full_size_and_of_now() -> None:
    async with rolling() as camera:
        await until(lambda: camera.frame)
        asked = time.monotonic()
        still, same = await asyncio.gather(camera.snapshot(60), camera.snapshot(60))
        assert still.at > asked and still is same
        assert (still.mime, still.width, still.height) == ("image/png", 160, 120)
        assert still.data.startswith(b"\x89PNG\r\n\x1a\n") and still.data.endswith(b"IEND\xaeB`\x82")
        body = still.data.index(b"IDAT") + 4
        length = int.from_bytes(still.data[body - 8 : body - 4])
        assert len(zlib.decompress(still.data[body : body + length])) == 120 * (1 + 160 * 3)


async def test_one_that_is_asked_for_before_the_camera_is_open_still_comes() -> None:
    async with rolling() as camera:
        assert (await camera.snapshot(60)).width == 160


async def test_a_hang_is_named_ended_and_over() -> None:
    async with rolling("simulated:hang:3", SOON) as camera:
        await until(lambda: camera.frame)
        hung = pid(camera)
        await until(lambda: "no pictures" in camera.fault)
        assert camera.age_s is not None and camera.age_s > SOON.fault
        before = camera.starts
        await until_fresh(camera, before + 1)
        assert not psutil.pid_exists(hung)


async def test_a_snapshot_of_a_hung_camera_takes_its_time_and_no_more() -> None:
    async with rolling("simulated:hang:3") as camera:
        await until(lambda: "no pictures" in camera.fault)
        began = time.monotonic()
        with pytest.raises(DeviceError, match=r"no picture within 0\.2 s; go on without"):
            await camera.snapshot(0.2)
        assert 0.19 < time.monotonic() - began < 10
        assert camera.starts == 1


async def test_a_snapshot_of_a_camera_that_does_not_run_takes_its_time_and_no_more() -> None:
    with pytest.raises(DeviceError, match="no picture within"):
        await CameraFeed(Settings(device="simulated"), simulated.command()).snapshot(0.05)


@pytest.mark.parametrize(("fault", "word"), [("garbage", "nonsense"), ("die", "has ended")])
async def test_one_that_errs_is_started_again(fault: str, word: str) -> None:
    async with rolling(f"simulated:{fault}:3") as camera:
        await until(lambda: word in camera.fault)
        await until_fresh(camera, camera.starts + 1)


async def test_a_slow_one_is_told_apart_from_one_that_hangs() -> None:
    async with rolling("simulated:slow:3") as camera:
        await until(lambda: "no pictures" in camera.fault)
        await until(lambda: camera.frame is not None and not camera.fault)
        assert camera.starts == 1


async def test_a_dark_room_is_seen() -> None:
    async with rolling("simulated:dark:3") as camera:
        await until(lambda: camera.frame is not None and camera.frame.brightness < 5)
        assert camera.fault == ""


async def test_one_that_cannot_be_started_is_said_so(tmp_path: Path) -> None:
    async with rolling(command=[str(tmp_path / "nothing")]) as camera:
        await until(lambda: "cannot be started" in camera.fault and camera.starts > 2)
        assert not camera.on


async def test_one_that_says_why_is_quoted(tmp_path: Path) -> None:
    say = program(tmp_path, 'ShowPipe().trouble("is in use", "close the other program")')
    async with rolling(command=say) as camera:
        await until(lambda: camera.fault)
        assert camera.fault == "simulated camera: is in use; close the other program"


async def test_one_that_dribbles_hangs(tmp_path: Path) -> None:
    """Bytes come, pictures do not."""
    code = """link = ShowPipe()
link.send(bytes(3), (1, 1), at=time.monotonic(), size=(1, 1), brightness=0, device="simulated")
while True:
    link.raw(b" ")
    time.sleep(0.05)"""
    async with rolling(patience=SOON, command=program(tmp_path, code)) as camera:
        await until(lambda: camera.starts > 1)


async def test_a_show_that_was_kept_busy_does_not_take_its_camera_for_hung() -> None:
    late = 0.0
    async with rolling(patience=LONG, clock=lambda: time.monotonic() + late) as camera:
        await until(lambda: camera.frame)
        last = camera.frame
        late = 1000.0
        time.sleep(1.5)  # noqa: ASYNC251 -- the loop is to be blocked, while pictures come
        assert camera.age_s is not None and camera.age_s > 999
        await until(lambda: camera.frame is not last)
        await asyncio.sleep(0.6)  # two looks of the watchdog
        assert camera.starts == 1 and camera.on


async def test_a_camera_is_taken_up_when_it_is_plugged_in() -> None:
    here: list[CameraCandidate] = []
    async with rolling("auto", listed=lambda: here) as camera:
        await until(lambda: camera.fault)
        assert camera.fault == "camera: there is none; plug one in; it is taken up by itself" and camera.starts == 0
        here.append(CameraCandidate("Booth Cam", "/dev/video7"))
        await until(lambda: camera.frame)
        assert (camera.name, camera.fault) == ("Booth Cam", "")


async def test_a_camera_that_hangs_does_not_hide_the_others(tmp_path: Path) -> None:
    code = """link = ShowPipe()
while sys.argv[2] == "/dev/video0":
    time.sleep(60)
while True:
    link.wait(1.0)
    link.send(bytes(3), (1, 1), at=time.monotonic(), size=(1, 1), brightness=0, device=sys.argv[2])"""
    found = [CameraCandidate("Hung Cam", "/dev/video0"), CameraCandidate("Booth Cam", "/dev/video1")]
    hasty = CaptureDeadlines(first=3.0, kill=60.0, pause=0.05, most_pause=0.2)
    async with rolling("auto", hasty, command=program(tmp_path, code), listed=lambda: found) as camera:
        await until(lambda: camera.frame)
        assert camera.name == "Booth Cam" and camera.starts > 1


async def test_the_node_that_gives_pictures_says_the_name(tmp_path: Path) -> None:
    code = """link = ShowPipe()
while True:
    link.wait(1.0)
    link.send(bytes(3), (1, 1), at=time.monotonic(), size=(1, 1), brightness=0, device=sys.argv[4])"""
    found = [CameraCandidate("Booth Cam: metadata", "/dev/video0"), CameraCandidate("Booth Cam", "/dev/video1")]
    async with rolling("booth", command=program(tmp_path, code), listed=lambda: found) as camera:
        await until(lambda: camera.frame)
        assert camera.name == "Booth Cam"


SHOW = """
import asyncio, sys
from devices.camera import simulated
from devices.camera.capture import CameraFeed
from profiles.schema import Camera as Settings

async def main():
    camera = CameraFeed(Settings(device=sys.argv[1]), simulated.command())
    running = asyncio.get_running_loop().create_task(camera.run())
    while camera.frame is None:
        await asyncio.sleep(0.01)
    print(camera._process.pid, flush=True)
    await running
asyncio.run(main())
"""


def lives(process: psutil.Process) -> bool:
    return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)


@pytest.mark.parametrize("device", ["simulated", "simulated:hang:1"])
def test_a_show_that_is_killed_leaves_no_camera_on(device: str) -> None:
    show = subprocess.Popen([sys.executable, "-c", SHOW, device], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)
    with show:
        assert show.stdout is not None
        child = psutil.Process(int(show.stdout.readline()))
        assert lives(child)
        show.kill()
    due = time.monotonic() + 60
    while lives(child):
        assert time.monotonic() < due
        time.sleep(0.01)


def test_the_end_of_its_input_ends_a_program_that_hangs() -> None:
    """What there is where nobody dies with a killed parent."""
    argv = [*simulated.command(), "--device", "simulated:hang:1", "--width", "64", "--height", "48"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None and child.stdout is not None
        child.stdout.readline()
        child.stdin.close()
        assert child.wait(60) == 0


async def test_closing_ends_it_even_when_it_is_stopped() -> None:
    async with rolling(patience=PATIENT) as camera:
        await until(lambda: camera.frame)
        child = pid(camera)
        os.kill(child, signal.SIGSTOP)
        camera.close()
        assert not camera.on and not psutil.pid_exists(child)
        await asyncio.sleep(0.5)
        assert camera.starts == 1 and not camera.on
