"""What every test may rely on."""

import gc
import os
import signal
from collections.abc import Generator

import pytest

from tests.support import shuffle, soak


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """All that is collected stays: looking for garbage among it is two of seven seconds, in every worker."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Workers end at about the same time only if the long cases begin first. The sort keeps files together."""
    slow = {item.path for item in items if "slow" in item.keywords}
    items.sort(key=lambda item: item.path not in slow)


def pytest_addoption(parser: pytest.Parser) -> None:
    soak.add_option(parser)
    shuffle.add_option(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Started in the background of a script, or by nohup, we inherit what it ignores, and so would all we start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    for size in ("COLUMNS", "LINES"):  # xdist sets them for its workers; a terminal of ours has a size of its own
        os.environ.pop(size, None)
    soak.configure(config, os.environ.get("GALACTUS_SEED"))
    shuffle.configure(config)
