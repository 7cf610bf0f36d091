"""Buttons with wires: edges in order, a refused press is told, a tap opens and closes."""

import asyncio

from console.api.commands import TURN_FAILED, CommandError
from console.body.talk_keys import TalkKeys


class Talker:
    def __init__(self) -> None:
        self.did: list[tuple[str, str]] = []
        self.refuse = False

    async def hold(self, holder: str) -> None:
        if self.refuse:
            raise CommandError(TURN_FAILED, "the show is halted; resume it first")
        self.did.append(("hold", holder))
        await asyncio.sleep(0.01)

    def let_go(self, holder: str) -> None:
        self.did.append(("let go", holder))


async def test_a_tap_whose_edges_come_together_opens_and_closes() -> None:
    keys, talker, refused = TalkKeys(), Talker(), list[str]()
    edge = keys.key("pedal")
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(keys.run(talker, refused.append))
        await asyncio.to_thread(lambda: [edge(down) for down in (True, False, True, False)])
        async with asyncio.timeout(20):
            while len(talker.did) < 4:
                await asyncio.sleep(0.01)
        talker.refuse = True
        await asyncio.to_thread(edge, True)
        async with asyncio.timeout(20):
            while not refused:
                await asyncio.sleep(0.01)
        running.cancel()
    assert talker.did == [("hold", "pedal"), ("let go", "pedal")] * 2
    assert refused == ["pedal: the show is halted; resume it first"]
