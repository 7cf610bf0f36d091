"""Lines of logs as plain text, for the clipboard and for a file beside the logs."""

import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from console.logbook.line import Line, plain

_WHOLE = 1 << 20


def in_words(lines: Iterable[Line], names: Sequence[str]) -> str:
    """Time, log and words, a line each, without colours."""
    return "".join(f"{line.stamp.decode()} {names[line.source]} {plain(line.data, _WHOLE)}\n" for line in lines)


def save(run: Path, text: str) -> Path:
    """Into a new file of the run's folder `excerpts`. Raises OSError."""
    folder = run / "excerpts"
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, 1000):
        path = folder / f"{datetime.now():%H%M%S}{'' if number == 1 else f'-{number}'}.txt"
        try:
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            continue
        with os.fdopen(file, "w", encoding="utf-8") as out:
            out.write(text)
        return path
    raise FileExistsError(17, "there are too many excerpts of this second", str(folder))
