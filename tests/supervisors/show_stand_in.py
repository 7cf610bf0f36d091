"""A show with nothing but two services, to be killed: `python -m ... FOLDER`; says when all is READY."""

import asyncio
import sys
from pathlib import Path

from supervisors.group import ServiceGroup
from tests.supervisors.conftest import EAGER, fake_spec, places_in


async def main(folder: Path) -> None:
    specs = [
        fake_spec("a", "--fork-grandchild"),
        fake_spec("b", "--fork-grandchild", "--ignore-term", stop_grace_s=0.3),
    ]
    async with ServiceGroup(places_in(folder), specs, rules=EAGER) as group:
        group.start()
        await group.wait_ready(timeout=20)
        print(*(f"{s.shim_pid} {s.pid}" for s in group.statuses), flush=True)
        await asyncio.sleep(3600)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
