"""What every test may rely on."""

import signal

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Started in the background of a script we inherit "ignore Ctrl-C", and so would all that we start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
