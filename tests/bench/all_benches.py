"""`make bench`: every bench in a row, short ones first. The last line is one JSON object with the figures of all.

seconds     how long each bench took; each may take 12 minutes and is ended then
failed      benches that broke, took too long or gave no figures; the others run all the same
`--write` puts the figures of FIGURES into docs/development.md.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from profiles.home import CHECKOUT

BENCHES = ("turn", "logs", "console", "sync", "supervision", "swap")
LIMIT_S = 12 * 60.0
GRACE_S = 30.0
"""A bench that takes too long is interrupted, so that it stops its engines; it is killed this much later."""
PAGE = CHECKOUT / "docs/development.md"
TABLE = re.compile(r"(<!-- figures of make bench -->\n).*?(?=<!-- end -->)", re.DOTALL)
FIGURES = (
    ("release of the button to the first sound, p50", "turn", "p50_ms", "ms"),
    ("the same, as a ratio to a naive loop", "turn", "ratio_to_naive", ""),
    ("the same, as a ratio to the engines' own bound", "turn", "ratio_to_bound", ""),
    ("`console.py attach` to the first frame", "console", "first_frame_ms", "ms"),
    ("memory of the show", "console", "show_rss_mb", "MB"),
    ("processor of an idle show and screen, share of one core", "console", "idle_cpu_pct", "%"),
    ("jaw frame against the sound, p95", "sync", "send_error_p95_ms", "ms"),
    ("emergency stop to a limp board, p99", "sync", "estop_p99_ms", "ms"),
    ("first screen of a log of 1 GB", "logs", "first_screen_ms", "ms"),
    ("crashed engine to its next answer, p50", "supervision", "serving_again_p50_ms", "ms"),
    ("what a swap adds to the engine's own loading, p95", "swap", "overhead_p95_ms", "ms"),
)
Results = dict[str, Any]


def run(name: str, command: list[str], limit_s: float) -> Results | None:
    """Show what the bench prints; its figures, or None with a line that says why there are none."""
    last = ""
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        signals = iter((signal.SIGINT, signal.SIGKILL))
        signal.signal(signal.SIGALRM, lambda *_: _send(process, next(signals, signal.SIGKILL)))
        signal.setitimer(signal.ITIMER_REAL, limit_s, GRACE_S)
        try:
            assert process.stdout is not None
            for line in process.stdout:
                print(line, end="", flush=True)
                last = line
            code = process.wait()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            _send(process, signal.SIGKILL)
    with suppress(ValueError):
        figures = json.loads(last)
        if code == 0 and isinstance(figures, dict):
            return figures
    print(f"{name} gave no figures (exit code {code}).", file=sys.stderr)
    return None


def _send(process: "subprocess.Popen[str]", number: signal.Signals) -> None:
    """To the bench and all that it started in its own session."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def run_all(commands: dict[str, list[str]], limit_s: float = LIMIT_S) -> Results:
    out: Results = {"seconds": {}, "failed": []}
    for name, command in commands.items():
        print(f"\n== {name} ==", flush=True)
        began = time.monotonic()
        figures = run(name, command, limit_s)
        out["seconds"][name] = round(time.monotonic() - began, 1)
        if figures is None:
            out["failed"].append(name)
        else:
            out[name] = figures
    return out


def page_with(page: str, results: Results, when: str) -> str:
    """The page with its table of figures made from these results; those of a bench that failed are left out."""
    rows = [
        f"| {what} | {found} {unit}".rstrip() + f" | `make bench-{bench}` |\n"
        for what, bench, key, unit in FIGURES
        if (found := _figure(results.get(bench, {}).get(key))) is not None
    ]
    head = f"\nMeasured on {when}, {os.cpu_count()} cores:\n\n| what | figure | by |\n|---|---|---|\n"
    return TABLE.sub(lambda found: found[1] + head + "".join(rows) + "\n", page)


def _figure(value: Any) -> str | None:
    """With three digits that count."""
    if not isinstance(value, int | float):
        return None
    return f"{value:.0f}" if abs(value) >= 100 else f"{float(f'{value:.3g}'):g}"


def main() -> int:
    given = argparse.ArgumentParser()
    given.add_argument("--write", action="store_true", help=f"put figures into {PAGE.relative_to(CHECKOUT)}")
    given.add_argument("--from", dest="log", type=Path, help="take the last line of this file instead of measuring")
    arguments = given.parse_args()
    if arguments.log is not None:
        results: Results = json.loads(arguments.log.read_text("utf-8").splitlines()[-1])
    else:
        results = run_all({name: [sys.executable, "-m", f"tests.bench.{name}"] for name in BENCHES})
    if arguments.write:
        PAGE.write_text(page_with(PAGE.read_text("utf-8"), results, f"{datetime.now(UTC):%Y-%m-%d}"), "utf-8")
    print(json.dumps(results))
    return 1 if results["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
