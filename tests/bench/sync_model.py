"""What people see: a servo that follows its pulses, and how far it is from the sound."""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from conversation.audio import Samples

Curve = NDArray[np.float64]
GRID_S = 0.005
DEAD_S = 0.020
"""A servo reads one pulse each 20 ms."""
US_PER_S = 400 / 0.084
"""0.14 s for 60 degrees, of which 400 us are 36."""
_WINDOW_S, _MOST_S = 1.0, 0.2
_ALIKE = 0.5
"""A window in which the best fit is worse says nothing of time."""


class Servo(Struct, frozen=True):
    """Where it is, us, on a grid of 5 ms that begins at `began`, monotonic s."""

    began: float
    position: Curve


def servo(pulses: Sequence[tuple[float, int]]) -> Servo:
    """`pulses`: (monotonic s at which the board had it, us)."""
    began, ended = pulses[0][0], pulses[-1][0] + 0.3
    grid = began + np.arange(round((ended - began) / GRID_S)) * GRID_S
    told = np.searchsorted([at + DEAD_S for at, _ in pulses], grid, "right") - 1
    targets = np.array([pulses[max(0, i)][1] for i in told], float)
    where, out = targets[0], np.empty(len(grid))
    for i, target in enumerate(targets):
        where += np.clip(target - where, -US_PER_S * GRID_S, US_PER_S * GRID_S)
        out[i] = where
    return Servo(began, out)


def loudness(pcm: Samples, rate: int) -> Curve:
    """0 .. 1 every 5 ms: decibels over 25 of them below the loud parts, in windows of 20 ms about that moment."""
    half = round(rate * 0.010)
    wave = np.concatenate((np.zeros(half), pcm / 32768.0, np.zeros(half)))
    power = np.concatenate(([0.0], np.cumsum(np.square(wave))))
    starts = np.round(np.arange(int(len(pcm) / rate / GRID_S)) * GRID_S * rate).astype(int)
    db = 10 * np.log10((power[starts + 2 * half] - power[starts]) / (2 * half) + 1e-10)
    loud = float(np.percentile(db[db > -50], 95))
    return np.asarray(np.clip((db - loud + 25) / 25, 0, 1), np.float64)


def errors_ms(jaw: Servo, sound: Curve, audible_at: float) -> list[float]:
    """For each voiced 200 ms: the shift at which jaw and sound are most alike within a second; negative = jaw early.
    Every jaw frame in that stretch has this error, so it counts as ten.
    """
    out: list[float] = []
    window, most = round(_WINDOW_S / GRID_S), round(_MOST_S / GRID_S)
    offset = round((audible_at - jaw.began) / GRID_S)
    for start in range(0, len(sound) - window, 40):
        piece = sound[start : start + window]
        if np.mean(piece[80:120]) < 0.2 or offset + start - most < 0:
            continue
        shifts = range(-most, most + 1)
        places = [offset + start + shift for shift in shifts]
        if places[-1] + window > len(jaw.position):
            break
        alike = [_alike(piece, jaw.position[at : at + window]) for at in places]
        best = int(np.argmax(alike))
        if alike[best] >= _ALIKE:
            out.append(shifts[best] * GRID_S * 1000)
    return out


def _alike(a: Curve, b: Curve) -> float:
    a, b = a - a.mean(), b - b.mean()
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / size if size else 0.0
