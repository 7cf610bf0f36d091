"""Moments of recorded evenings, as the screen draws them: for pictures that tests compare and people look at."""

import asyncio
import json
import os
import time
from argparse import Namespace
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, structs
from textual.pilot import Pilot
from textual.widgets import Input

from console.api import body_commands as body
from console.api import commands as cmd
from console.api.client import NoShow
from console.api.telemetry_types import JawReading
from console.tui.app.app import ConsoleApp
from console.tui.client.command_client import CommandClient
from console.tui.client.screen_state import LinkState, ScreenState
from console.tui.client.show_connection import ShowConnection
from console.tui.pages.log.page import LogPage
from tests.console.pictures import model_scenes as told_of
from tests.console.pictures import rig_scenes as rig
from tests.support.answers import typed

RECORDINGS = Path(__file__).parents[2] / "recordings"
Row = dict[str, Any]
SIZES = ((80, 24), (160, 48))


class Scene(Struct, frozen=True, kw_only=True):
    """A recording up to a row, and a moment later; then keys, as an operator would press them."""

    recording: str = "evening"
    until: Callable[[Row], bool] = lambda row: False
    later_ms: float = 0.0
    more: tuple[Row, ...] = ()
    """Events that the recording has not."""
    cards: tuple[Row, ...] = ()
    """What the show tells of its models; see console.engines.model_handler.ModelCard."""
    body: Row = msgspec.field(default_factory=lambda: rig.BODY)
    """What it has; see console.api.body_status.BodyStatus."""
    course: tuple[Row, ...] = ()
    """How the jaw moved before the last that is told of it, 20 a second."""
    preflight: tuple[Row, ...] = ()
    link: LinkState = "live"
    crashed: bool = False
    """The show before this one crashed, a moment ago."""
    hangs: bool = False
    trouble: str = ""
    keys: tuple[str, ...] = ()
    theme: str = "booth-dark"
    sizes: tuple[tuple[int, int], ...] = SIZES


def event(kind: str, **fields: Any) -> Callable[[Row], bool]:
    return lambda row: row.get("type") == kind and all(row.get(key) == value for key, value in fields.items())


def stage(name: str, turn: int) -> Callable[[Row], bool]:
    return event("StageEntered", stage=name, turn=turn)


def ended(turn: int) -> Callable[[Row], bool]:
    return lambda row: row.get("type") == "StageEntered" and row["turn"] == turn and row["stage"] == "IDLE"


HELD = {
    "type": "ServiceChanged", "name": "tts", "role": "tts", "state": "FAILED", "model": "piper-joe", "device": "cpu",
    "restarts": 6, "last_error": "tts: exited with code 1: CUDA error: out of memory; it failed 6 times within 300 s "
    "and waits: see logs/tts.log, then restart it",
}  # fmt: skip
MUTE = {"type": "DeviceChanged", "name": "USB PnP", "role": "microphone", "state": "fault",
        "detail": 'USB PnP: there is no such microphone; plug it in, or set microphone = "auto"'}  # fmt: skip
FAILED = {
    "type": "TurnEnded", "turn": 6, "outcome": "failed", "stage": "TRANSCRIBING", "marks": {},
    "message": "TRANSCRIBING: no words after 10 s; restart stt",
}  # fmt: skip
UNHEARD = {
    "type": "TurnEnded", "turn": 6, "outcome": "unheard", "stage": "LISTENING", "marks": {},
    "message": "LISTENING: no speech was heard; speak closer to the microphone while the button is held",
}  # fmt: skip
CRASHED = {
    "type": "ServiceCrashed",
    "name": "tts",
    "end": "killed by SIGSEGV",
    "during": "turn 4, SPEAKING",
    "first_error": "piper: cannot allocate a tensor of 512 MB",
    "report": "crashes/20270115T080100000Z-tts.json",
}
DEAD = {
    "type": "ServiceChanged",
    "name": "tts",
    "role": "tts",
    "state": "BACKOFF",
    "model": "piper-joe",
    "device": "cpu",
    "restarts": 1,
    "last_error": "tts: killed by SIGSEGV: piper: cannot allocate a tensor of 512 MB",
}
BACK = {**DEAD, "state": "READY", "pid": 4711}
ADOPTED = tuple(
    {
        "type": "ServiceChanged",
        "name": name,
        "role": role,
        "state": "READY",
        "model": model,
        "device": "cpu",
        "adopted": True,
        "pid": 4711,
    }
    for name, role, model in (
        ("stt", "stt", "whisper-tiny.en"),
        ("llm", "llm", "qwen-0.5b"),
        ("tts", "tts", "piper-joe"),
    )
)
BEGUN = {"type": "TurnStarted", "turn": 6, "source": "button"}
EVER = lambda row: False  # noqa: E731
RESUMED = event("ShowResumed")

MODELS = Scene(until=ended(4), more=(told_of.CPU_ONLY, told_of.TEN_MINUTES), cards=told_of.CARDS, keys=("4",))
ON_GPU = structs.replace(
    MODELS, more=(*told_of.GPU_ENGINES, told_of.GPU, told_of.TEN_MINUTES_GPU), cards=told_of.GPU_CARDS
)

RIG = Scene(until=ended(4), more=(rig.LEVELS, rig.camera()), course=rig.spoken(111), keys=("3",))
QUIET = structs.replace(RIG, course=())

SCENES: dict[str, Scene] = {
    "coming-up": Scene(link="starting", until=lambda row: True),
    "setting-up": Scene(
        recording="first_start", until=lambda row: row.get("what", "").startswith("Qwen") and row["done"] > 2e8
    ),
    "loading": Scene(until=event("ServiceChanged", name="tts", state="READY")),
    "on-air": Scene(until=event("ShowReady")),
    "listening": Scene(until=stage("LISTENING", 1), later_ms=1800),
    "transcribing": Scene(until=stage("TRANSCRIBING", 1), later_ms=400),
    "thinking": Scene(until=stage("THINKING", 1), later_ms=700),
    "speaking": Scene(until=event("ClausePlaying", turn=1, index=2), later_ms=900),
    "answered": Scene(until=ended(1)),
    "interrupted": Scene(until=ended(2)),
    "operators-line": Scene(until=event("ClausePlaying", turn=3), later_ms=1000),
    "no-model": Scene(until=event("ClausePlaying", turn=5), later_ms=1500),
    "degraded": Scene(until=ended(5)),
    "halted": Scene(until=event("ShowHalted")),
    "held": Scene(until=RESUMED, more=(HELD,)),
    "many-troubles": Scene(until=RESUMED, more=(HELD, MUTE, BEGUN, FAILED)),
    "unheard": Scene(until=RESUMED, more=(BEGUN, UNHEARD)),
    "lost": Scene(until=ended(4), link="lost"),
    "reviving": Scene(until=ended(4), link="reviving"),
    "show-back": Scene(until=ended(4), more=ADOPTED, crashed=True),
    "hangs": Scene(until=stage("THINKING", 4), later_ms=9000, hangs=True),
    "crashed": Scene(until=ended(4), more=(DEAD, CRASHED)),
    "crash-over": Scene(until=ended(4), more=(CRASHED, BACK)),
    "crash-report": Scene(until=ended(4), more=(CRASHED, BACK), keys=("enter",)),
    "failed": Scene(
        until=lambda row: True, link="failed", trouble="the port 8080 is taken by another program (pid 4711)"
    ),
    "stopped": Scene(link="stopped"),
    "say": Scene(until=ended(4), keys=("slash", *"Mind your head")),
    "log": Scene(until=ended(4), keys=("2",)),
    "log-search": Scene(until=ended(4), keys=("2", "f", *"tokens", "enter", "n")),
    "log-errors": Scene(until=ended(4), keys=("2", "e")),
    "log-one": Scene(until=ended(4), keys=("2", "right", "right", "w", "up", "up", "shift+up", "shift+up")),
    "log-crash": Scene(until=ended(4), keys=("2", "tab", "down")),
    "log-empty": Scene(until=ended(4), keys=("2", "left", "left")),
    "log-light": Scene(until=ended(4), keys=("2",), theme="booth-light", sizes=((120, 36),)),
    "log-16": Scene(until=ended(4), keys=("2", "tab", "tab", "u"), theme="terminal-16", sizes=((120, 36),)),
    "models": MODELS,
    "models-pause": structs.replace(MODELS, keys=("4", "down")),
    "models-ask": structs.replace(MODELS, keys=("4", "down", "enter")),
    "models-wont-fit": structs.replace(
        MODELS, more=(told_of.NARROW, told_of.TEN_MINUTES), cards=told_of.NARROW_CARDS, keys=("4", "down")
    ),
    "models-fetching": structs.replace(
        MODELS,
        more=(told_of.CPU_ONLY, told_of.FETCHING, told_of.UNLOADED),
        cards=told_of.BUSY_CARDS,
        keys=("4", "down", "down"),
    ),
    "models-swapping": structs.replace(MODELS, more=(told_of.CPU_ONLY, told_of.SWAPPING), keys=("4", "down", "down")),
    "models-gpu": structs.replace(ON_GPU, keys=("4", "down")),
    "models-light": structs.replace(ON_GPU, keys=("4", "up"), theme="booth-light"),
    "models-16": structs.replace(ON_GPU, keys=("4", "down"), theme="terminal-16"),
    "models-empty": structs.replace(MODELS, cards=(), sizes=((80, 24),)),
    "models-tiny": structs.replace(MODELS, sizes=((40, 12), (20, 6))),
    "models-large": structs.replace(ON_GPU, sizes=((200, 60),)),
    "gpu": structs.replace(ON_GPU, keys=()),
    "gpu-full": structs.replace(
        ON_GPU, more=(*told_of.GPU_ENGINES, told_of.GPU_FULL, told_of.TEN_MINUTES_GPU), keys=()
    ),
    "gpu-light": structs.replace(ON_GPU, keys=(), theme="booth-light"),
    "gpu-16": structs.replace(ON_GPU, keys=(), theme="terminal-16"),
    "meters-stale": structs.replace(
        ON_GPU, more=(*told_of.GPU_ENGINES, told_of.GPUS_STALE, told_of.TEN_MINUTES_GPU), keys=()
    ),
    "swapping": Scene(until=ended(4), more=(told_of.CPU_ONLY, told_of.TEN_MINUTES, told_of.SWAPPING)),
    "swapped": Scene(until=ended(4), more=(told_of.CPU_ONLY, told_of.TEN_MINUTES, told_of.SWAPPING, told_of.SWAPPED)),
    "rig": RIG,
    "rig-limp": structs.replace(RIG, course=(*rig.spoken(60), rig.LIMP)),
    "rig-stopped": structs.replace(RIG, course=(*rig.spoken(60), rig.STOPPED)),
    "rig-fault": structs.replace(RIG, course=(*rig.spoken(60), rig.FAULT)),
    "rig-gone": structs.replace(QUIET, more=(rig.LEVELS, rig.GONE, rig.NO_PICTURE)),
    "rig-bare": structs.replace(QUIET, more=(rig.JAW | {"us": 0},), body=rig.BARE),
    "rig-narrow": structs.replace(
        QUIET, more=(rig.LEVELS, rig.JAW | {"us": 1400, "opening": 0.0, "sync_ms": None}, rig.camera()), body=rig.NARROW
    ),
    "rig-wizard": structs.replace(RIG, keys=("3", "e", "enter")),
    "rig-wizard-closed": structs.replace(RIG, course=rig.spoken(40), keys=("3", "e", "enter", "enter")),
    "rig-wizard-safe": structs.replace(QUIET, more=(rig.LEVELS, rig.LIMP, rig.camera()), keys=("3", "e")),
    "rig-wizard-rest": structs.replace(RIG, keys=("3", "e", *["enter"] * 3, "j", *["up"] * 7, "enter")),
    "rig-wizard-save": structs.replace(
        RIG, keys=("3", "e", *["enter"] * 3, "j", *["up"] * 7, "enter", "n", "enter", "enter")
    ),
    "rig-sound": structs.replace(RIG, more=(rig.CLIPPED, rig.camera()), keys=("3", "tab", "h", "b")),
    "rig-eyes": structs.replace(RIG, keys=("3", "tab", "tab")),
    "rig-preflight": structs.replace(RIG, preflight=rig.PREFLIGHT, keys=("3", "p", "enter")),
    "rig-preflight-ask": structs.replace(RIG, keys=("3", "p")),
    "rig-dropped": structs.replace(
        RIG, course=(*rig.spoken(110), rig.spoken(111)[-1] | {"dropped": 3, "sync_ms": 31.0})
    ),
    "rig-no-show": structs.replace(RIG, link="lost"),
    "rig-light": structs.replace(RIG, theme="booth-light"),
    "rig-16": structs.replace(RIG, theme="terminal-16"),
    "rig-tiny": structs.replace(RIG, sizes=((40, 12), (20, 6))),
    "rig-large": structs.replace(RIG, sizes=((200, 60),)),
    "turns": Scene(until=ended(5), keys=("5", "up", "up", "up", "up")),
    "help": Scene(until=ended(4), keys=("question_mark",)),
    "leave": Scene(until=ended(4), keys=("q",)),
    "characters": Scene(until=ended(4), keys=("c",)),
    "restart": Scene(until=ended(4), keys=("r",)),
    "palette": Scene(until=ended(4), keys=("ctrl+p",)),
    "speaking-light": Scene(until=event("ClausePlaying", turn=1, index=2), later_ms=900, theme="booth-light"),
    "speaking-16": Scene(until=event("ClausePlaying", turn=1, index=2), later_ms=900, theme="terminal-16"),
    "held-16": Scene(until=RESUMED, more=(HELD,), theme="terminal-16"),
    "leave-16": Scene(until=stage("LISTENING", 4), later_ms=900, keys=("q",), theme="terminal-16"),
    "tiny": Scene(until=event("ClausePlaying", turn=1, index=2), later_ms=900, sizes=((40, 12), (20, 6))),
    "large": Scene(until=event("ClausePlaying", turn=1, index=2), later_ms=900, sizes=((200, 60),)),
}


class StillLink(ShowConnection):
    """Has been told a recording up to a moment, at which time stands still."""

    def __init__(self, scene: Scene, logs: Path) -> None:
        super().__init__(logs)
        self._scene, self._logs, self._now = scene, logs, 0.0
        for row in told(scene):
            self._now = float(row.get("t_mono_ms", self._now))
            self._take(row)
        for row in scene.more:
            self._take({**row, "t_mono_ms": self._now})
        for number, row in enumerate(scene.course):
            self._jaw = msgspec.convert(row, JawReading)
            self._course.note(self._jaw, 1e9 + 50.0 * number)
        self._link, self._trouble = scene.link, scene.trouble

    async def run(self) -> None:
        await asyncio.Event().wait()

    @property
    def picture(self) -> ScreenState:
        now = self._now + self._scene.later_ms
        state = structs.replace(super().picture.state, logs=str(self._logs) if self._state.logs else "")
        clock = 1_800_000_000 + now / 1000
        crashed = clock - 20 if self._scene.crashed else 0.0
        hangs = self._scene.hangs
        return structs.replace(super().picture, now=now, clock=clock, state=_dated(state), crashed=crashed, hangs=hangs)


_TRAVEL = ("closed_us", "open_us", "rest_us", "trim_us", "look_ahead_ms")
_TESTS: dict[type, Row] = {
    body.HearYourself: {"peak_db": -12.0, "floor_db": -20.0, "snr_db": 8.0, "clipped": False},
    body.Beep: {"heard": True, "snr_db": 18.0},
}


class StillSteering(CommandClient):
    """Answers with the models and the body of the scene, and takes nothing else."""

    def __init__(self, scene: Scene, link: StillLink) -> None:
        super().__init__(lambda: None)
        self._scene, self._link = scene, link

    async def send(self, command: cmd.Command[Any]) -> Any:
        return typed(command, await self._answer(command))

    async def _answer(self, command: cmd.Command[Any]) -> Any:
        if isinstance(command, cmd.Models):
            return list(self._scene.cards)
        if isinstance(command, body.Preflight):
            return list(self._scene.preflight)
        if isinstance(command, body.Body | body.Calibrate):
            changed = {name: value for name in _TRAVEL if (value := getattr(command, name, None)) is not None}
            self._scene = structs.replace(self._scene, body=self._scene.body | changed)
            return self._scene.body
        if isinstance(command, body.Jog):
            now = self._link.picture.jaw
            assert now is not None
            opening = (now.us + command.by_us - self._scene.body["closed_us"]) / 256
            self._link._take({**rig.JAW, "us": now.us + command.by_us, "opening": opening})
            return {}
        if isinstance(command, body.Arm | body.Sweep | body.HearYourself | body.Beep):
            return _TESTS.get(type(command), {})
        raise NoShow("no show is running")

    async def keep(self, command: cmd.Command[Any]) -> Any:
        return await self.send(command) if not isinstance(command, body.Watch) else {}


def _dated(state: Any) -> Any:
    return structs.replace(state, began=1_800_000_000.0) if state.began else state


def told(scene: Scene) -> list[Row]:
    rows: list[Row] = []
    for line in (RECORDINGS / f"{scene.recording}.jsonl").read_text().splitlines():
        rows.append(json.loads(line))
        if scene.until(rows[-1]):
            break
    return rows


async def draw(scene: Scene, logs: Path) -> AsyncIterator[tuple[tuple[int, int], ConsoleApp]]:
    """The screen in each of its sizes, one after another in the same window; the same on every machine."""
    os.environ["TZ"], os.environ["GALACTUS_THEME"] = "UTC", scene.theme
    os.environ["GALACTUS_HOME"] = str(logs)
    time.tzset()
    link = StillLink(scene, logs)
    app = ConsoleApp(link, Namespace(rig=None, character=None))
    app.steering = StillSteering(scene, link)
    app.animation_level = "none"
    async with app.run_test(size=scene.sizes[0]) as pilot:
        await settle(pilot)
        for key in scene.keys:
            await pilot.press(key)
        for size in scene.sizes:
            await pilot.resize_terminal(*size)
            await settle(pilot)
            yield size, app


async def settle(pilot: Pilot[Any], times: int = 3) -> None:
    """Until what is drawn follows from what is known; a picture wants it thrice, for what moves what."""
    for _ in range(times):
        await pilot.pause()
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        for field in app.screen.query(Input):
            field.cursor_blink = False
        app.draw()
        await settle_logs(app)
    await pilot.pause()


async def settle_logs(app: ConsoleApp) -> None:
    """The logs are read beside the screen; until there is nothing new in them."""
    for page in app.screen_stack[0].query(LogPage):
        while page.is_on_screen and page.idle < 3:
            page._woken.set()  # now, and not at the next tick
            await asyncio.sleep(0.005)
        page.idle = 0
