"""A crash explains itself: in time, whole, and without secrets."""

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from supervisors import redact
from supervisors.crash import crash_report
from supervisors.crash.crash_report import CrashReport
from supervisors.service.group import ServiceGroup
from supervisors.spec import Command, ServicePaths
from tests.supervisors.conftest import EAGER, FAKE, Fake, fake_spec
from tests.supervisors.test_faults import down, until


class Desk:
    """Takes the reports, and the moment in which each came."""

    def __init__(self) -> None:
        self.came: list[tuple[float, CrashReport, Path | None]] = []

    def __call__(self, report: CrashReport, path: Path | None) -> None:
        self.came.append((time.monotonic(), report, path))

    async def next(self, number: int = 1, within_s: float = 8.0) -> tuple[float, CrashReport, Path | None]:
        async with asyncio.timeout(within_s):
            while len(self.came) < number:
                await asyncio.sleep(0.005)
        return self.came[number - 1]


async def test_killed_in_the_middle_of_a_turn(places: ServicePaths, fake: Fake) -> None:
    desk = Desk()
    spec = fake("a", "--chatter", "0.01")
    group = ServiceGroup(places, [spec], on_crash=desk, during=lambda: "turn 3, SPEAKING", rules=EAGER)
    async with group:
        group.start()
        await group.wait_ready(timeout=30)
        await asyncio.sleep(2.5)
        pid, killed = group["a"].status.pid or 0, time.monotonic()
        os.kill(pid, signal.SIGSEGV)
        at, report, path = await desk.next()
        assert at - killed <= 0.3, f"{at - killed:.3f} s"
        assert (report.service, report.end, report.signal, report.code) == ("a", "killed by SIGSEGV", 11, None)
        assert report.during == "turn 3, SPEAKING" and report.pid == pid and report.restarts == 0
        assert 2.0 < report.uptime_s < 10 and str(FAKE) in report.argv
        assert len(report.tail) == 200 and "[shim]" in report.tail[-1] and "loading tensors" in report.tail[-2]
        assert report.memory and report.memory[-1][1] > 1_000_000  # the first may be of the moment of its birth
        assert path is not None and crash_report.read(path) == report
        assert crash_report.listed(places.logs) == [path] == crash_report.listed(places.logs, "a")


async def test_first_error_is_found_among_its_own_lines(places: ServicePaths, fake: Fake) -> None:
    """Not in what the one before it had said."""
    desk = Desk()
    spec = fake("a", "--oom-text", "--crash-after", "0.2", "--chatter", "0.01")
    async with ServiceGroup(places, [spec], on_crash=desk, rules=EAGER) as group:
        group.start()
        _, first, _ = await desk.next(1)
        _, second, _ = await desk.next(2)
    for report in (first, second):
        assert report.first_error.endswith("CUDA error: out of memory") and report.code == 1
        assert any("in function alloc_buffer" in line for line in report.context)
        assert sum("started" in line for line in report.tail) == 1
    assert second.restarts == 1 and second.pid != first.pid


async def test_one_that_was_ended_for_its_silence(places: ServicePaths, fake: Fake) -> None:
    desk = Desk()
    async with ServiceGroup(places, [fake("a", "--deaf", "1.0")], on_crash=desk, rules=EAGER) as group:
        group.start()
        await group.wait_ready(timeout=30)
        _, report, _ = await desk.next(within_s=10)
        assert report.end == "no answer to 3 probes of /health in a row"
        assert report.code is None and report.signal is None


async def test_stop_by_the_operator_is_no_crash(places: ServicePaths, fake: Fake) -> None:
    desk = Desk()
    async with ServiceGroup(places, [fake("a")], on_crash=desk, rules=EAGER) as group:
        group.start()
        await group.wait_ready(timeout=30)
        group["a"].restart()
        await until(group, lambda s: s.state.value == "STARTING")
        await group.wait_ready(timeout=30)
    assert desk.came == [] and crash_report.listed(places.logs) == []


async def test_full_disk_costs_the_file_and_not_the_word(places: ServicePaths, fake: Fake) -> None:
    desk = Desk()
    async with ServiceGroup(places, [fake("a")], on_crash=desk, rules=EAGER) as group:
        group.start()
        await group.wait_ready(timeout=30)
        crash_report.folder(places.logs).write_text("in the way, as no room would be")
        os.kill(group["a"].status.pid or 0, signal.SIGKILL)
        _, report, path = await desk.next()
        assert path is None and report.end == "killed by SIGKILL"
        await until(group, lambda s: s.restarts == 1 and not down(s))


async def test_secrets_stay_out(places: ServicePaths, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the report; and those of our own environment stay out of the engines."""
    monkeypatch.setenv("HF_TOKEN", "hf_abcdefghijklmnop")
    monkeypatch.setenv("MY_LLM", "looks-like-nothing")  # the rig says that this is a key
    places = replace(places, withheld=frozenset({"MY_LLM"}))
    desk = Desk()
    plain = fake_spec(
        "a", "--crash-after", "0.5", "--say", "GET /x?api_key=topsecret99 Bearer abcdefgh12", "--say-after", "0"
    )

    def command(port: int) -> Command:
        given = plain.command(port)
        return Command(given.argv, {"MY_API_KEY": "topsecret99", "COLOUR": "blue"})

    spec = fake_spec("a", command=command)
    async with ServiceGroup(places, [spec], on_crash=desk, rules=EAGER) as group:
        group.start()
        pid = (await until(group, lambda s: s.pid is not None)).pid
        environ = Path(f"/proc/{pid}/environ").read_bytes()
        assert b"hf_abcdefghijklmnop" not in environ and b"MY_API_KEY=topsecret99" in environ
        assert b"looks-like-nothing" not in environ
        _, report, path = await desk.next()
    assert report.env == {"MY_API_KEY": redact.HIDDEN, "COLOUR": "blue"}
    assert path is not None and "topsecret99" not in path.read_text() and "abcdefgh12" not in path.read_text()


@pytest.mark.parametrize(
    ("argv", "shown"),
    [
        (("x", "--api-key", "abc", "-m", "f"), ("x", "--api-key", redact.HIDDEN, "-m", "f")),
        (("x", "--api-key=abc"), ("x", f"--api-key={redact.HIDDEN}")),
        (("x", "--n-tokens-max", "--port", "1"), ("x", "--n-tokens-max", "--port", "1")),
        (("https://me:pass@host/x",), (f"https://{redact.HIDDEN}@host/x",)),
        (("hf_0123456789abcdef",), (redact.HIDDEN,)),
    ],
)
def test_arguments(argv: tuple[str, ...], shown: tuple[str, ...]) -> None:
    assert redact.arguments(argv) == shown


async def test_what_it_had_on_a_gpu_is_in_the_report(fake: Fake, places: ServicePaths) -> None:
    desk = Desk()
    async with ServiceGroup(
        places, [fake("a", "--crash-after", "0.5", vram=lambda: 3_000_000)], on_crash=desk, rules=EAGER
    ) as group:
        group.start()
        _, report, _ = await desk.next(1)
    assert report.vram and {size for _, size in report.vram} == {3_000_000}
    assert [age for age, _ in report.vram] == [age for age, _ in report.memory]
