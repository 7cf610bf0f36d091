"""A body as a show tells of it: rows written by hand for scenes that no recording has."""

import base64
import math
from typing import Any

Row = dict[str, Any]

USB = {"name": "USB PnP Sound Device", "driver": "PulseAudio", "chosen": True, "simulated": False}
BUILT_IN = {"name": "Built-in Audio Analog Stereo", "driver": "PulseAudio", "chosen": True, "simulated": False}
RECORDED = {"name": "recorded visitor", "driver": "", "chosen": False, "simulated": True}
NULL = {"name": "null speaker", "driver": "", "chosen": False, "simulated": True}
BODY: Row = {
    "board": "Maestro on /dev/ttyACM0", "board_answers": True, "simulated": False, "closed_us": 1328, "open_us": 1584,
    "rest_us": 1328, "trim_us": 0, "look_ahead_ms": 60, "calibrated": True, "unsaved": False,
    "rig_file": "profiles/rigs/booth.toml", "output_latency_ms": 42.0, "microphones": [USB, RECORDED],
    "speakers": [BUILT_IN, NULL], "head": "VISCA on /dev/ttyUSB0", "head_answers": True,
    "cameras": ["Logitech C920"], "camera": "Logitech C920",
}  # fmt: skip
NARROW = BODY | {"closed_us": 1400, "open_us": 1600, "rest_us": 1400, "calibrated": False, "output_latency_ms": None}
BARE = BODY | {
    "board": "simulated jaw", "simulated": True, "head": "", "camera": "", "cameras": [],
    "microphones": [RECORDED | {"chosen": True}], "speakers": [NULL | {"chosen": True}],
}  # fmt: skip

JAW: Row = {"telemetry": "jaw", "key": "", "us": 1415, "opening": 0.34, "track": 0.4, "armed": True, "sync_ms": -9.0}
LIMP = JAW | {"us": 0, "armed": False, "track": 0.0}
STOPPED = LIMP | {"stopped": True}
FAULT = LIMP | {"fault": "Maestro on /dev/ttyACM0: it reports a serial error; look at the cable, then acknowledge"}
GONE = LIMP | {"lost": True}

LEVELS: Row = {"telemetry": "levels", "key": "", "mic_db": -32.0, "floor_db": -61.0, "jaw": 0.34}
CLIPPED = LEVELS | {"mic_db": -1.0, "clipped": True}


def spoken(count: int = 150, closed: int = 1328, open_us: int = 1584) -> tuple[Row, ...]:
    """A line being spoken, 20 readings a second: syllables, which the jaw follows as fast as it may."""
    rows, at = [], 0.0
    for n in range(count):
        word = max(0.0, math.sin(n / 13.0)) ** 0.5
        track = max(0.0, min(1.0, word * (0.62 + 0.38 * math.sin(n * 1.37) * math.sin(n / 5.0))))
        at += max(-0.22, min(0.3, track - at))
        us = round(closed + at * (open_us - closed))
        rows.append(JAW | {"us": us, "opening": round(at, 2), "track": round(track, 2)})
    return tuple(rows)


def _pixel(x: int, y: int) -> tuple[int, int, int]:
    """A visitor in a red coat before a wall."""
    head = (x - 40) ** 2 + (y - 20) ** 2 * 1.2
    if head < 64:
        return (224, 184, 150) if y > 15 else (70, 48, 30)
    if y > 28 and abs(x - 40) < 8 + (y - 28) * 0.7:
        return 178, 36 + (x % 3) * 4, 34
    return 40 + x, 52 + x // 2 + y // 3, 74 + y


def camera(**more: Any) -> Row:
    rgb = b"".join(bytes(_pixel(x, y)) for y in range(60) for x in range(80))
    seen = {"width": 80, "height": 60, "rgb": base64.b64encode(rgb).decode(), "age_s": 0.12, "brightness": 46}
    return {"telemetry": "camera", "key": "", **seen} | more


NO_PICTURE = camera(
    width=0, height=0, rgb="", age_s=None, brightness=None, fault="Logitech C920: it gives no picture; plug it in again"
)


def row(what: str, detail: str, state: str = "ok", mend: str = "") -> Row:
    return {"what": what, "state": state, "detail": detail, "mend": mend}


PREFLIGHT = (
    row("stt", "understood its test word in 0.31 s"),
    row("llm", "first word after 0.24 s, 48.9 tokens a second"),
    row("tts", "spoke after 0.18 s"),
    row("microphone", "USB PnP Sound Device: -34 dB, 7 dB above the room", "fault", "move closer, or turn it up"),
    row("speaker", "Built-in Audio: the microphone heard the beep, 18 dB above the room"),
    row("jaw", "Maestro on /dev/ttyACM0: not armed, so it was not swept", "missing", "press M, then P again"),
    row("camera", "Logitech C920: a picture 0.1 s old, 46 % bright"),
    row("head", "VISCA on /dev/ttyUSB0 answers"),
    row("disk", "212.4 GB free at /home/booth"),
    row("memory", "6.6 GB of RAM free"),
    row("ports", "8178, 8179 and 8180 are ours"),
)
