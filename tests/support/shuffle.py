"""Every case stands alone: `--shuffle` runs the files, and the cases of each, in an order that a seed decides."""

import os
import random

import pytest


class Shuffle:
    def __init__(self, seed: int) -> None:
        self.seed = seed

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """A file stays together, for its shows are costly to start."""
        chance = random.Random(self.seed)
        items.sort(key=lambda item: item.nodeid)
        chance.shuffle(items)
        place = {path: chance.random() for path in sorted({item.path for item in items})}
        items.sort(key=lambda item: place[item.path])

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.write_line(f"Shuffled; the same order again: GALACTUS_SEED={self.seed} and --shuffle.")


def add_option(parser: pytest.Parser) -> None:
    parser.addoption("--shuffle", action="store_true", help="run the cases in a random order")


def configure(config: pytest.Config) -> None:
    if config.getoption("--shuffle"):
        # The workers of xdist inherit it: all of them must have the same order.
        seed = os.environ.setdefault("GALACTUS_SEED", str(random.SystemRandom().randrange(10**6)))
        config.pluginmanager.register(Shuffle(int(seed)), "shuffle")
