"""`make bench-swap`: `python -m tests.bench.swap [--swaps N] [--seed N] [--rounds N]`.

overhead_p95_ms    what a swap of real models takes beyond the engine's own reading, loading, canary and prime
dead_air_ms        where both models fit: the longest time without a model, and the longest gap in a line being said
swaps, injected    of fake engines in real shows, most of which go wrong; who is in office after each
estimate_error_pct the worst of all models in the store, foretold by formula and learned, against measured RSS
meter_cpu_pct      sampler and reading at 2 Hz, of one core
"""

import argparse
import asyncio
import json
import os
import random
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench import estimates, meters
from tests.bench.swap.injected import Tally, rampage
from tests.bench.swap.real import Real
from tests.bench.swap.real import measure as measure_real

SWAPS, ROUNDS = 500, 2


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def tell_real(real: Real) -> dict[str, Any]:
    print(f"{'model':<14} {'engine alone':>13} {'swap, both fit':>15} {'swap, one fits':>15}")
    for model, times in real.times.items():
        row = (median(times.bare), median(times.beside), median(times.instead))
        print(f"{model:<14} {row[0]:>11.2f} s {row[1]:>13.2f} s {row[2]:>13.2f} s")
    overhead = percentile(real.overhead_ms, 0.95)
    print(
        f"overhead p50 {median(real.overhead_ms):.0f} p95 {overhead:.0f} ms; gap in a line "
        f"{max(real.gap_ms):.0f} ms, without a swap {max(real.calm_gap_ms):.0f} ms"
    )
    print(f"without a model, where one fits: {max(real.silent_ms):.0f} ms at most; questions lost: {real.lost}")
    return {
        "overhead_p95_ms": round(overhead),
        "dead_air_ms": round(max(*real.gone_ms, max(real.gap_ms) - max(real.calm_gap_ms), 0)),
        "silent_ms": round(max(real.silent_ms)),
        "lost": real.lost,
        "swap_over_bare": {
            m: round(median(t.beside) / median(t.bare), 2) for m, t in real.times.items()
        },
    }  # fmt: skip


def tell_tally(tally: Tally) -> dict[str, Any]:
    print(f"{tally.swaps} swaps of fake engines: {dict(tally.kinds)}")
    print(f"on the new model {tally.ended_ready}, on the last known good {tally.ended_last_good}; "
          f"none {tally.none}, two {tally.twice}")  # fmt: skip
    for story in tally.stories:
        print(f"  {story}")
    names = ("swaps", "injected", "ended_ready", "ended_last_good", "none", "twice")
    return {name: getattr(tally, name) for name in names}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--swaps", type=int, default=int(os.environ.get("SWAPS") or SWAPS))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument(
        "--seed", type=int, default=int(os.environ.get("GALACTUS_SEED") or random.SystemRandom().randrange(10**6))
    )
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="gs-", dir="/tmp") as folder:
        figures = tell_real(asyncio.run(measure_real(Path(folder), given.rounds)))
    metered = meters.measure()
    figures |= {"meter_cpu_pct": metered["meter_cpu_pct"], "meter_sum_error_pct": metered["meter_sum_error_pct"]}
    print(f"meters at 2 Hz: {metered['meter_cpu_pct']} % of a core", flush=True)
    figures |= estimates.measure()
    with tempfile.TemporaryDirectory(prefix="gs-", dir="/tmp") as folder:
        figures |= tell_tally(asyncio.run(rampage(Path(folder), given.swaps, given.seed)))
    print(json.dumps(figures))
    return int(bool(figures["none"] or figures["twice"]))


if __name__ == "__main__":
    raise SystemExit(main())
