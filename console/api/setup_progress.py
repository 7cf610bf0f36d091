"""Long work in words: what is being fetched, how far it is, how long it will take."""

import sys
from pathlib import Path
from time import monotonic
from typing import Any, TextIO

from console.api.client import NoShow, OperatorClient

_EVERY_S = 2.0


def describe(row: dict[str, Any]) -> str:
    """One line for a `Progress`, as it comes over the wire."""
    done, total = row["done"], row["total"]
    if row["unit"] == "bytes":
        text = (
            f"{row['what']}: {done / 1e6:.0f} of {total / 1e6:.0f} MB"
            if total
            else f"{row['what']}: {done / 1e6:.0f} MB"
        )
    else:
        text = f"{row['what']}: {done} of {total} packages" if total else f"{row['what']}: {done} packages"
    if total:
        text += f", {100 * done // total} %"
    if (left := row.get("seconds_left")) is not None and done != total:
        text += f", {left:.0f} s left"
    return text + (f" ({row['note']})" if row.get("note") else "")


class ProgressPrinter:
    """Prints each thing's progress at most every two seconds, and always its start, its end and a new note."""

    def __init__(self, out: TextIO = sys.stderr) -> None:
        self._out = out
        self._last: dict[str, tuple[float, str]] = {}

    def show(self, row: dict[str, Any]) -> None:
        at, note = self._last.get(row["what"], (0.0, ""))
        finished = row["total"] is not None and row["done"] >= row["total"]
        if not finished and row.get("note", "") == note and monotonic() - at < _EVERY_S:
            return
        if finished and at == float("inf"):
            return
        self._last[row["what"]] = (float("inf") if finished else monotonic(), row.get("note", ""))
        print(describe(row), file=self._out, flush=True)


async def tell_progress(socket: Path) -> None:
    """Until cancelled or the show is READY: what it fetches and which engine comes up, on stderr."""
    printer, told = ProgressPrinter(), set[str]()
    try:
        async with OperatorClient(socket) as client:
            async for line in client.events():
                if line.get("telemetry") == "progress":
                    printer.show(line)
                elif line.get("type") == "ServiceChanged" and line["state"] == "BACKOFF":
                    if line["last_error"] not in told:  # each trouble once; the last one ends the command anyway
                        told.add(line["last_error"])
                        print(f"{line['last_error']}.", file=sys.stderr)
                elif line.get("type") == "ShowReady" or line.get("snapshot", {}).get("ready"):
                    return
    except NoShow:
        return
