"""What every test may rely on."""

import os
import signal

import pytest

_LONGEST = (
    "test_swap test_degraded test_first_turn test_many_turns test_ends test_screen test_hold test_kills_in_turns "
    "test_screen_killed test_bad_input test_rigs test_pictures test_boards test_jaw_faults"
).split()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Workers end at about the same time only if the longest files begin first. The sort keeps files together."""
    order = {name: number for number, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: order.get(item.path.stem, len(order)))


def pytest_configure(config: pytest.Config) -> None:
    """Started in the background of a script we inherit "ignore Ctrl-C", and so would all that we start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for size in ("COLUMNS", "LINES"):  # xdist sets them for its workers; a terminal of ours has a size of its own
        os.environ.pop(size, None)
