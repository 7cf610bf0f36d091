"""A download by Ollama, with its progress on our screens and an end to its patience."""

import asyncio
from contextlib import aclosing

from clients.ollama import Ollama
from clients.ollama_wire import PullLine
from conversation.errors import ConversationError
from launchers.errors import FetchError
from launchers.store.fetch_meter import FetchMeter
from launchers.store.progress import OnProgress

STALL_S = 300.0
"""Without a byte. To check the sum of 50 GB at the end, in silence, takes a slow disk as long."""


async def pull(client: Ollama, on_progress: OnProgress, stall_s: float = STALL_S) -> None:
    """Returns when the model is on the server's disk. Raises FetchError; cancelled, the server keeps what it has."""
    gauge = _Gauge(FetchMeter(client.model, on_progress))
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(stall_s) as patience, aclosing(client.pull()) as lines:
            async for line in lines:
                if gauge.moved(line):
                    patience.reschedule(loop.time() + stall_s)
    except TimeoutError:
        how_far = f"the download of {client.model} stands still at {gauge.percent} % since {stall_s:g} s"
        raise FetchError(f"{client.name}: {how_far}; see the network, it goes on from there") from None
    except ConversationError as error:
        raise FetchError(f"{client.name}: {error.message.removeprefix(client.name + ' ')}; {error.hint}") from error


class _Gauge:
    """A model is several files; lines repeat themselves while nothing comes."""

    def __init__(self, meter: FetchMeter) -> None:
        self._meter = meter
        self._done: dict[str, int] = {}
        self._total: dict[str, int] = {}
        self._status = ""

    @property
    def percent(self) -> int:
        return 100 * sum(self._done.values()) // max(1, sum(self._total.values()))

    def moved(self, line: PullLine) -> bool:
        before = self._done.get(line.digest)
        told, self._status = self._status, line.status
        if not line.digest or not line.total:
            new = line.status != told
            if new and self._done:  # before the first byte it may yet turn out that nothing can be had
                self._meter.say(line.status)
            return new
        self._done[line.digest], self._total[line.digest] = line.completed, line.total
        if before is None:
            self._meter.expect(line.digest, line.total, line.completed)
        else:
            self._meter.add(line.digest, line.completed - before)
        return line.completed != before
