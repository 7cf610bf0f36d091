"""What is said on the rig page of the jaw, of tests, of devices: for somebody who looks for a second. Pure."""

from console.api.body_answers import ToneHeard, VoiceHeard
from console.api.body_status import CLOSE_DB, BodyStatus
from console.api.telemetry_types import JawReading
from console.tui.client.screen_state import ScreenState
from console.tui.drawing.styled_text import Span

"""With less than this between voice and room a visitor must come closer."""
LINE = "Mama may buy a big, wide, wonderful pumpkin; wow, what a mouthful for a poor old bag of bones!"
"""Lips and jaw have much to do in it."""


def jaw_state(picture: ScreenState, view: BodyStatus | None) -> tuple[Span, str]:
    """One word that is never mistaken, with its ink; and one sentence."""
    reading = picture.jaw
    if picture.link != "live":
        return (" ○ NO SHOW ", "offair"), "Nobody is there to move the jaw."
    if reading is None:
        return (" ○ UNKNOWN ", "offair"), "The show has not told of the jaw yet."
    if reading.stopped:
        return (" ■ STOPPED ", "alarm"), f"Emergency stop: the motors are off. {_way_back(reading)}"
    if reading.fault:
        return (" ✖ FAULT ", "alarm"), f"{reading.fault.rstrip('.')}. {_way_back(reading)}"
    if reading.lost:
        return (" ✖ BOARD GONE ", "alarm"), "It is looked for all the time: plug it in again."
    soft = "It is made of software. " if view is not None and view.simulated else ""
    if not reading.armed:
        return (" ○ LIMP ", "offair"), f"{soft}Not armed: nothing moves it. M arms, hands away first."
    if not reading.us:
        return (" ● ARMED ", "ready"), f"{soft}Limp while idle; it moves with the next word."
    return (" ● ARMED ", "ready"), f"{soft}It moves: hands away. X stops it at once."


def _way_back(reading: JawReading) -> str:
    """What K does depends on who made it limp, and on whether its board is there."""
    if reading.rearms and reading.lost:
        return "K acknowledges it; it is armed as soon as it is back: hands away."
    if reading.rearms:
        return "K acknowledges it and arms it again: hands away first."
    if reading.lost:
        return "K acknowledges it; when it is back, M arms."
    return "K acknowledges it, then M arms."


def sync(picture: ScreenState) -> str:
    reading = picture.jaw
    if reading is None or reading.sync_ms is None:
        return "sync not measured"
    side = "early" if reading.sync_ms < 0 else "late"
    return f"sync {abs(reading.sync_ms):.0f} ms {side}"


def dropped(picture: ScreenState) -> Span:
    count = picture.jaw.dropped if picture.jaw else 0
    if not count:
        return "no frame dropped", "dim"
    return f"▲ {count} frame{'s' * (count > 1)} dropped", "warn"


def heard(answer: VoiceHeard) -> Span:
    snr, peak = answer.snr_db, answer.peak_db
    figures = f"voice {peak:.0f} dB, {snr:.0f} dB above the room"
    if answer.clipped:
        return f"▲ too loud, turn it down: {figures}", "warn"
    if snr < CLOSE_DB:
        return f"▲ move closer: {figures}", "warn"
    return f"✓ good: {figures}", "good"


def beeped(answer: ToneHeard) -> Span:
    if answer.heard is None:
        return "○ it beeped; no live microphone is there to hear it", "dim"
    if answer.heard:
        return f"✓ the microphone hears it, {answer.snr_db or 0:.0f} dB above the room", "good"
    return "✖ not heard: turn the speaker up, or choose the other one", "bad"


def travel(view: BodyStatus) -> str:
    rest = "closed" if view.rest_us == view.closed_us else f"{view.rest_us}"
    trim = f"{view.trim_us:+d}" if view.trim_us else "0"
    return f"closed {view.closed_us} · open {view.open_us} · rest {rest} · trim {trim} µs"
