"""`make bench-supervision`: `python -m tests.bench.supervision [--kills N] [--seed N] [--homes N] [--rounds N]`.

crash_seen_ms        kill -9 of an engine until a listener outside hears from its supervisor that it is down
serving_again_ms     kill -9 of an engine until another process answers /health with 200, asked every 5 ms
stop_ms              TERM for the supervisor of four engines, one deaf to it, until it and all it ever started have gone
stop_left            how many were still there 6 s after that, in three stops
orphans, duplicates  after kills of engines, their children and the supervisor: who nobody keeps, services there twice
adopt_ms             launch of a show after the kill -9 of the one before until all is READY; adopted: engines kept
kills ...            ours alone, much longer: tests/bench/supervision/chaos.py
"""

import argparse
import asyncio
import json
import os
import random
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from profiles.home import CHECKOUT
from tests.bench.supervision import chaos, comparison, peer_programs
from tests.bench.supervision.comparison import Adoptions, percentile
from tests.bench.supervision.engines import engines
from tests.bench.supervision.peers import Ours, Peer
from tests.bench.supervision.reports import ear

KILLS, HOMES, ROUNDS = 1000, 4, 20
WINDOW_S = 5.0
FLAGS = {
    "a": (),
    "b": ("--fork-grandchild",),
    "c": ("--fork-grandchild",),
    "d": ("--fork-grandchild", "--ignore-term"),
}
_ROWS = (
    ("crash seen, p50", "crash_seen_p50_ms", "ms"),
    ("  of a plain engine", "crash_seen_plain_p50_ms", "ms"),
    ("  of one with a child", "crash_seen_forking_p50_ms", "ms"),
    ("crash seen, p95", "crash_seen_p95_ms", "ms"),
    ("serving again, p50", "serving_again_p50_ms", "ms"),
    ("  of a plain engine", "serving_again_plain_p50_ms", "ms"),
    ("  of one with a child", "serving_again_forking_p50_ms", "ms"),
    ("serving again, p95", "serving_again_p95_ms", "ms"),
    ("late or never", "crashes_late", ""),
    ("stop of a group of 4", "stop_ms", "ms"),
    ("left by three stops", "stop_left", "processes"),
    ("orphans after 10 kills", "orphans", "processes"),
    ("services there twice", "duplicates", ""),
    ("not serving any more", "wedged", ""),
)
Figures = dict[str, Any]


async def side_by_side(folder: Path, rounds: int, rng: random.Random) -> tuple[Figures, Adoptions]:
    """What was measured of each, by name; or why there is nothing, as a string. `engine_start_ms` stands for itself."""
    environment = folder / "peer_programs"
    missing = await peer_programs.install(environment)
    async with AsyncExitStack() as stack:
        peers: list[Peer] = []
        for kind in (Ours, peer_programs.Supervisord, peer_programs.Circus):
            if kind is Ours or not missing:
                path = folder / f"{kind.name}.sock"
                heard = await stack.enter_async_context(ear(path))
                place, group = folder / kind.name, engines(**FLAGS)
                made: Peer = (
                    Ours(place, group, path, heard, WINDOW_S)
                    if kind is Ours
                    else kind(place, group, path, heard, environment)  # type: ignore[arg-type]
                )
                stack.push_async_callback(made.end)
                peers.append(made)
        for one in peers:
            await one.start_and_serve()
        out: Figures = {
            one.name: f"not to be had: {missing}" for one in (peer_programs.Supervisord, peer_programs.Circus)
        }
        (times, alone), seed = await comparison.crashes(peers, rounds, rng), rng.random()
        out["engine_start_ms"] = percentile(alone, 50)
        stopped = {one.name: await comparison.stops(one) for one in peers}
        for one in peers:
            left = await comparison.same_kills(one, random.Random(seed))
            out[one.name] = comparison.figures(times[one.name], stopped[one.name], left)
        ours = peers[0]
        assert isinstance(ours, Ours)
        return out, await comparison.adoptions(ours)


def table(figures: Figures, adoptions: Adoptions) -> str:
    names = (Ours.name, peer_programs.Supervisord.name, peer_programs.Circus.name)
    lines = [f"{'':<26}" + "".join(f"{name:>14}" for name in names)]
    for words, key, unit in _ROWS:
        cells = (figures[name].get(key) if isinstance(figures[name], dict) else None for name in names)
        lines.append(f"{words:<26}" + "".join(f"{_cell(cell):>14}" for cell in cells) + f"  {unit}")
    lines.append(
        f"{'show killed, all READY':<26}{_cell(percentile(adoptions.ms, 50)):>14}{'':>28}  ms; "
        f"{adoptions.kept} of {adoptions.of} engines kept"
    )
    lines.append(f"An engine that nobody supervises serves {figures['engine_start_ms']:.0f} ms after its launch.")
    lines += [f"{kind.name}: {kind.setting}" for kind in (Ours, peer_programs.Supervisord, peer_programs.Circus)]
    lines += [f"{name}: {figures[name]}" for name in names if isinstance(figures[name], str)]
    return "\n".join(lines)


def _cell(value: float | int | None) -> str:
    return "-" if value is None else f"{value:.0f}"


def chaos_table(tally: chaos.Tally, seed: int, seconds: float) -> str:
    shows = f"{tally.adopted} of {tally.shows} shows found every engine as it was"
    return "\n".join(
        [
            f"{tally.kills} random kills, {tally.frozen} engines stopped or deaf, {tally.bothered} slow or flooding, "
            f"in {seconds:.0f} s, seed {seed}:",
            f"{tally.orphans} orphans, {tally.duplicates} twice, {tally.wedged} wedged; {shows}",
            *tally.stories,
        ]
    )


def keep_histories(tally: chaos.Tally, seed: int) -> Path:
    """The file with the history of whatever was left over, there twice, or wedged."""
    path = CHECKOUT / "logs" / f"kills-{seed}.txt"
    path.write_text("\n\n".join(tally.histories) + "\n")
    return path


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=int(os.environ.get("KILLS", KILLS)))
    parser.add_argument("--seed", type=int, default=int(os.environ.get("GALACTUS_SEED", time.time_ns() % 10**6)))
    parser.add_argument("--homes", type=int, default=HOMES)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="kills of each kind of engine; 0: chaos alone")
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="gb-") as folder:
        figures: Figures = {}
        if given.rounds:
            measured, kept = asyncio.run(side_by_side(Path(folder), given.rounds, random.Random(given.seed)))
            print(table(measured, kept), flush=True)
            figures = merged(measured, kept)
        if given.kills:
            began = time.monotonic()
            home = Path(folder) / "chaos"
            home.mkdir()
            tell = lambda done: print(f"  {done} kills", flush=True)  # noqa: E731
            tally = asyncio.run(chaos.rampage(home, given.kills, given.seed, homes=given.homes, progress=tell))
            print(chaos_table(tally, given.seed, time.monotonic() - began))
            if tally.histories:
                print(f"The whole story: {keep_histories(tally, given.seed)}")
            figures |= chaos.figures(tally, given.seed)
    print(json.dumps(figures))


def merged(measured: Figures, kept: Adoptions) -> Figures:
    """Ours on top, the peer_programs below by name; one that could not be had is null, and `missing` says why."""
    own = measured.pop(Ours.name)
    out = {key: value for key, value in own.items() if key not in ("kills", "orphans", "duplicates", "wedged")}
    out["same_kills"] = {key: own[key] for key in ("kills", "orphans", "duplicates", "wedged")}
    out |= {"adopt_ms": percentile(kept.ms, 50), "adopt_p95_ms": percentile(kept.ms, 95)}
    out |= {"adopted": kept.kept, "adopted_of": kept.of}
    out["engine_start_ms"] = measured["engine_start_ms"]
    for name in (peer_programs.Supervisord.name, peer_programs.Circus.name):
        value = measured[name]
        out[name] = value if isinstance(value, dict) else None
        if isinstance(value, str):
            out["missing"] = value
    return out


if __name__ == "__main__":
    main()
