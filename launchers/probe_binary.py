"""Whether a server program found on the machine runs at all: one built for another CPU dies of SIGILL."""

import asyncio
import contextlib

_PATIENCE_S = 10.0


async def works(program: str) -> bool:
    """`program --help` neither crashes nor hangs."""
    try:
        process = await asyncio.create_subprocess_exec(
            program,
            "--help",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError:
        return False
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return await process.wait() in (0, 1)
    except TimeoutError:
        return False
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
