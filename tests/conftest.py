"""What every test may rely on."""

import os
import signal

import pytest

from tests.support import soak

_LONGEST = "test_pictures test_boards test_jaw_faults test_sound_server test_liveness test_adoption".split()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Workers end at about the same time only if the longest files begin first. The sort keeps files together."""
    order = {name: number for number, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: order.get(item.path.stem, len(order)))


def pytest_addoption(parser: pytest.Parser) -> None:
    soak.add_option(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Started in the background of a script, or by nohup, we inherit what it ignores, and so would all we start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    for size in ("COLUMNS", "LINES"):  # xdist sets them for its workers; a terminal of ours has a size of its own
        os.environ.pop(size, None)
    soak.configure(config, os.environ.get("GALACTUS_SEED"))
