"""A show that is halted says so wherever somebody asks how it is, and lives as long as it was meant to."""

import asyncio
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from console.api.answers import StatusReport
from console.api.body_commands import Acknowledge
from console.api.bus import Bus
from console.api.client import OperatorClient
from console.api.command import Command
from console.api.events import ShowHalted, ShowReady, ShowResumed, ShowStopping
from console.show.status import in_words, status
from conversation.events import Event, StageEntered, TurnStarted
from conversation.stages import Stage
from supervisors.service.group import ServiceGroup
from tests.support.bare_show import BareShow, bare_show, wait_for

READY, HALTED, RESUMED = ShowReady(seconds=1.0), ShowHalted(by="client 1"), ShowResumed()


@pytest.fixture(scope="module")
def show(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BareShow]:
    with bare_show(tmp_path_factory.mktemp("air")) as running:
        yield running


def report(*events: Event) -> dict[str, Any]:
    bus = Bus()
    for event in events:
        bus.publish(event)
    show = SimpleNamespace(bus=bus, began=0.0)
    group = SimpleNamespace(statuses=())
    found: dict[str, Any] = msgspec.to_builtins(status(cast(Any, show), cast(ServiceGroup, group), 0))
    return found


@pytest.mark.parametrize(
    ("events", "on_air", "stage", "word"),
    [
        ((READY,), True, "IDLE", "ON AIR · IDLE"),
        ((READY, HALTED), False, "HALTED", "HALTED: nobody is answered until: console.py resume"),
        ((HALTED, READY), False, "HALTED", "HALTED"),
        ((HALTED,), False, "HALTED", "HALTED"),
        ((READY, HALTED, RESUMED), True, "IDLE", "ON AIR · IDLE"),
        ((READY, HALTED, ShowStopping(reason="")), False, "STOPPING", "not ready · STOPPING"),
        (
            (READY, TurnStarted(turn=1, source="text"), StageEntered(turn=1, stage=Stage.THINKING), HALTED),
            False,
            "HALTED",
            "HALTED",
        ),
        ((), False, "IDLE", "not ready · IDLE"),
    ],
)
def test_status_tells_whether_a_visitor_would_be_answered(
    events: tuple[Event, ...], on_air: bool, stage: str, word: str
) -> None:
    told = report(*events)
    assert (told["show"]["on_air"], told["show"]["stage"]) == (on_air, stage)
    words = in_words(msgspec.convert(told, StatusReport))
    assert word in words and ("ON AIR" in words) == on_air


def test_a_panic_is_told_by_status_and_check_until_it_is_lifted(show: BareShow) -> None:
    assert show.cli("panic").returncode == 0
    assert "HALTED" in show.cli("status").stdout
    now = json.loads(show.cli("status", "--json").stdout)["show"]
    assert not now["on_air"] and now["stage"] == "HALTED"
    checked = show.cli("check")
    row = next(line for line in checked.stdout.splitlines() if " show " in line)
    assert row.startswith("✗") and "HALTED" in row and "resume" in row and checked.returncode == 3
    assert "✓ show" not in checked.stdout
    assert show.cli("resume").returncode == 0
    assert "HALTED" not in show.cli("status").stdout and "✓ show" in show.cli("check").stdout


def ignoring(*numbers: signal.Signals) -> Any:
    """As `nohup`, or a script's `&`, leaves it for a child; the tests themselves may run under either."""

    def ignore() -> None:
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN if number in numbers else signal.SIG_DFL)

    return ignore


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT])
def test_a_signal_that_was_ignored_at_the_start_stays_so(tmp_path: Path, number: signal.Signals) -> None:
    show = BareShow(tmp_path).start(preexec_fn=ignoring(number))
    try:
        for _ in range(3):
            os.kill(show.process.pid, number)
            now = show.cli("status", "--json")
            assert now.returncode == 0 and json.loads(now.stdout)["show"]["stage"] == "IDLE", now.stderr
        show.process.send_signal(signal.SIGTERM)
        assert show.process.wait(20) == 0, "it always ends a show"
    finally:
        show.end()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGHUP, 0), (signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_else_it_ends_the_show_in_good_order(tmp_path: Path, number: signal.Signals, code: int) -> None:
    show = BareShow(tmp_path).start(preexec_fn=ignoring(signal.SIGINT if number is signal.SIGHUP else signal.SIGHUP))
    try:
        show.process.send_signal(number)
        assert show.process.wait(20) == code and show.words() == ""
        wait_for(lambda: not (show.state / "show.json").exists())
    finally:
        show.end()


def test_a_show_that_is_killed_while_it_is_halted_comes_back_halted(tmp_path: Path) -> None:
    """A screen starts a crashed show again at once: what was stopped must not move or speak of its own accord."""
    show = BareShow(tmp_path).start()
    try:
        assert show.cli("panic").returncode == 0 and show.cli("estop").returncode == 0
        show.process.kill()
        show.process.wait()
        show.start()
        wait_for(lambda: json.loads(show.cli("status", "--json").stdout)["show"]["stage"] == "HALTED")
        assert jaw_of(show)["state"] == "fault" and "stopped by hand" in jaw_of(show)["detail"]
        asyncio.run(call(show, Acknowledge()))
        assert show.cli("resume").returncode == 0
        show.process.kill()
        show.process.wait()
        show.start()
        assert json.loads(show.cli("status", "--json").stdout)["show"]["stage"] == "IDLE"
        assert jaw_of(show)["state"] == "simulated"
    finally:
        show.end()


def test_an_emergency_stop_lasts_until_it_is_acknowledged(tmp_path: Path) -> None:
    """Also when the show is stopped in order, which lifts a panic."""
    show = BareShow(tmp_path).start()
    try:
        assert show.cli("panic").returncode == 0 and show.cli("estop").returncode == 0
        assert show.cli("stop").returncode == 0
        show.process.wait(20)
        show.start()
        assert json.loads(show.cli("status", "--json").stdout)["show"]["stage"] == "IDLE"
        assert jaw_of(show)["state"] == "fault"
    finally:
        show.end()


def jaw_of(show: BareShow) -> dict[str, Any]:
    devices = json.loads(show.cli("status", "--json").stdout)["devices"]
    return dict(next(device for device in devices if device["role"] == "jaw"))


async def call(show: BareShow, command: Command[Any]) -> None:
    async with OperatorClient(Path(show.file.socket)) as client:
        await client.call(command)
