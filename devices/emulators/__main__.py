"""`python -m devices.emulators maestro --link /tmp/jaw`: a board or head of software, for rehearsal.

It ends at Ctrl-C or Ctrl-D. The first line of its output is the path to open. Lines on its input are faults (timeout
garbage unplug stall busy brownout; ok = none), `replug`, `press` and `release`.
"""

import argparse
import os
import select
import signal
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from types import FrameType

from devices.emulators.emulate import device, kinds
from devices.emulators.port import FAULTS, EmulatedDevice, EmulatedPort
from devices.emulators.servo_board import ServoBoard

_LOOK_S = 0.05


def main(arguments: Sequence[str]) -> int:
    asked = _parser().parse_args(arguments)
    board = device(asked.kind)
    stopping = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # below nohup it lives as long as its show
            signal.signal(number, stop)
    stdin = _listened_to()
    with EmulatedPort(board, asked.link, asked.tcp) as port:
        print(port.path, port.url, flush=True)
        fault_at = monotonic() + asked.after if asked.fault else None
        while not stopping:
            if fault_at is not None and monotonic() >= fault_at:
                port.fault(asked.fault)
                fault_at = None
            if not asked.quiet:
                _print_moves(board)
            wait = 0.2 if asked.quiet and fault_at is None else _LOOK_S
            if select.select(stdin, (), (), wait)[0] and not _obeyed(stdin[0], board, port):
                break
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m devices.emulators", description=__doc__)
    parser.add_argument("kind", choices=kinds())
    parser.add_argument("--link", type=Path, help="where the port is to be found (default: a folder of its own)")
    parser.add_argument("--tcp", type=int, metavar="PORT", help="on the loopback as well; 0 = a free port")
    parser.add_argument("--fault", choices=FAULTS)
    parser.add_argument("--after", type=float, default=0.0, metavar="S", help="when the fault begins")
    parser.add_argument("--quiet", action="store_true", help="do not print the moves")
    return parser


def _listened_to() -> list[int]:
    """Standard input if somebody is at its other end, who may also leave; /dev/null never says anything."""
    kind = os.fstat(0).st_mode
    return [0] if stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind) or os.isatty(0) else []


def _print_moves(board: EmulatedDevice) -> None:
    moves = board.moves if isinstance(board, ServoBoard) else getattr(board, "heard", ())
    while moves:
        at, *what = moves.popleft()
        if isinstance(what[0], bytes):
            print(f"{at:.3f} {what[0].hex(' ')}", flush=True)
        else:
            print(f"{at:.3f} channel {what[0]} {f'{what[1]} us' if what[1] else 'off'}", flush=True)


def _obeyed(stdin: int, board: EmulatedDevice, port: EmulatedPort) -> bool:
    """Whether there is more to come. Words are short: a read brings whole lines, from a person and from a pipe."""
    said = os.read(stdin, 4096)
    for word in said.decode("utf-8", "replace").split():
        if word in ("press", "release") and isinstance(board, ServoBoard):
            with port.lock:
                port.say(board.press(word == "press"))
        elif word == "replug":
            port.replug()
        elif word in (*FAULTS, "ok"):
            port.fault("" if word == "ok" else word)
        else:
            print(f"{word}? say one of: {' '.join(FAULTS)} ok replug press release", flush=True)
    return bool(said)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
