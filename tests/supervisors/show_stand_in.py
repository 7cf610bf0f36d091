"""A show with nothing but two services, to be killed: `python -m ... FOLDER [ADOPT_WINDOW_S] [FLAG...]`.

Says "shim engine shim engine" when all is READY. The flags are those of service a.
"""

import asyncio
import sys
from pathlib import Path

from supervisors.service.group import ServiceGroup
from tests.supervisors.conftest import EAGER, fake_spec, places_in


async def main(folder: Path, window_s: float, flags: list[str]) -> None:
    specs = [
        fake_spec("a", "--fork-grandchild", *flags, adopt_window_s=window_s),
        fake_spec("b", "--fork-grandchild", "--ignore-term", stop_grace_s=0.3, adopt_window_s=window_s),
    ]
    async with ServiceGroup(places_in(folder), specs, rules=EAGER) as group:
        group.start()
        await group.wait_ready(timeout=20)
        print(*(f"{s.shim_pid} {s.pid}" for s in group.statuses), flush=True)
        told = asyncio.Event()
        asyncio.get_running_loop().add_reader(0, told.set)
        await told.wait()
        raise RuntimeError("this show was told to crash")


if __name__ == "__main__":
    folder, window, *rest = [*sys.argv[1:], "0"][: max(2, len(sys.argv) - 1)]
    asyncio.run(main(Path(folder), float(window), rest))
