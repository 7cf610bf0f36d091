"""Fork and exec of one engine by its shim: its own session, dead when the shim is, nothing inherited (stdlib only)."""

import os
import resource
import signal
from typing import NoReturn

from supervisors import kernel


def spawn(argv: list[str], env: dict[str, str], nice: int, cwd: str | None) -> tuple[int, int]:
    """Returns its pid and the end of the pipe on which it speaks; raises OSError when it cannot be executed."""
    shim = os.getpid()
    speak, hear = os.pipe()[::-1]
    failed, failure = os.pipe()[::-1]
    pid = os.fork()
    if pid == 0:
        _become(argv, env, nice, cwd, shim, speak, failed)
    os.close(speak)
    os.close(failed)
    with os.fdopen(failure, "rb") as pipe:
        number = pipe.read()
    if number:
        os.close(hear)
        os.waitpid(pid, 0)
        raise OSError(int(number), os.strerror(int(number)), argv[0])
    os.set_blocking(hear, False)
    return pid, hear


def _become(
    argv: list[str], env: dict[str, str], nice: int, cwd: str | None, shim: int, speak: int, failed: int
) -> NoReturn:
    try:
        os.setsid()
        kernel.die_with_parent()
        if os.getppid() != shim:
            os._exit(126)  # The shim died before we asked to die with it.
        _restore_signals()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        kernel.be_nice(nice)
        kernel.be_first_to_go()
        if cwd:
            os.chdir(cwd)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(speak, 1)
        os.dup2(speak, 2)
        # `failed` closes itself on exec: an empty pipe is how the shim knows that the engine runs.
        os.closerange(3, failed)
        os.closerange(failed + 1, _most_files())
        os.execvpe(argv[0], argv, env)
    except OSError as error:
        os.write(failed, str(error.errno).encode())
    finally:
        os._exit(127)


def _restore_signals() -> None:
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        try:
            signal.signal(number, signal.SIG_DFL)
        except OSError:
            continue  # The C library keeps a few for itself.
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def _most_files() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(soft, 1 << 20) if soft > 0 else 1 << 20
