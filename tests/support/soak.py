"""Long repetitions: as many of the cases marked `soak` as fit in the minutes given, and a line that says how many."""

import random
import time

import pytest


class Soak:
    """Shuffles the files, so that a short budget reaches other ones each time, and starts no case after its end."""

    def __init__(self, minutes: float, seed: int) -> None:
        self.minutes, self.seed = minutes, seed
        self.ends_at = time.monotonic() + 60 * minutes
        self.chosen = self.ran = 0

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        items = session.items
        files = sorted({item.path for item in items})
        order = dict(zip(files, random.Random(self.seed).sample(range(len(files)), len(files)), strict=True))
        items.sort(key=lambda item: order[item.path])
        self.chosen, self.ends_at = len(items), time.monotonic() + 60 * self.minutes

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        if time.monotonic() >= self.ends_at:
            pytest.skip(f"the {self.minutes:g} minutes are over")
        self.ran += 1

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        bounds = f"at most {self.minutes:g} minutes, GALACTUS_SEED={self.seed}"
        terminalreporter.write_line(f"Soak: {self.ran} of {self.chosen} cases ran ({bounds}).")


def add_option(parser: pytest.Parser) -> None:
    parser.addoption("--soak-minutes", type=float, default=None, help="start no case after so many minutes")


def configure(config: pytest.Config, seed: str | None) -> None:
    minutes = config.getoption("--soak-minutes")
    if minutes is not None:
        config.pluginmanager.register(Soak(minutes, int(seed or random.SystemRandom().randrange(10**6))), "soak")
