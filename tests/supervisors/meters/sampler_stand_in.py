"""Speaks the sampler's protocol as badly as $STAND_IN says. The file $STAND_IN_STARTS gets a byte at each start.

well; hang: silent after two lines; mute: silent from the start; garbage: then words that are no reading; endless: no
end of line; die: after two lines; slow: a line each 0.4 s whatever it is told; once-ADVERB: only the first time.
"""

import json
import os
import select
import sys
import time

LINES_BEFORE = 2


def say(**more: object) -> None:
    machine = {"ram_total": 1000, "ram_available": 400, "cpu_pct": 7.0}
    os.write(1, json.dumps({"at": time.monotonic(), "machine": machine, **more}).encode() + b"\n")


def misbehave(how: str) -> None:
    match how:
        case "die":
            sys.exit(3)
        case "garbage":
            os.write(1, b"\xff\x00 not a reading\n")
        case "endless":
            for _ in range(40):
                os.write(1, b"x" * 65536)
    time.sleep(600)


def main() -> None:
    with open(os.environ["STAND_IN_STARTS"], "ab") as starts:
        starts.write(b".")
        first = starts.tell() == 1
    how = os.environ.get("STAND_IN", "well")
    if how.startswith("once-"):
        how = how.removeprefix("once-") if first else "well"
    orders = json.loads(sys.argv[-1])
    period, lines = 0.4 if how == "slow" else orders["period_s"], 0
    if how == "mute":
        misbehave(how)
    while True:
        say(note=f"period {orders['period_s']:g}, gpu in {orders['gpu_in_s']:g}")
        lines += 1
        if how not in ("well", "slow") and lines == LINES_BEFORE:
            misbehave(how)
        if select.select([0], [], [], period)[0]:
            if not (heard := os.read(0, 4096)):
                return
            orders |= json.loads(heard.splitlines()[-1])
            period = orders["period_s"]


if __name__ == "__main__":
    main()
