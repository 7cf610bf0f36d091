"""Which signals end us, and which were told to leave us alone."""

import signal


def heeded(*numbers: signal.Signals) -> list[signal.Signals]:
    """Those that were not ignored when we started: `nohup` ignores HUP, and a script's `&` ignores INT."""
    return [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
