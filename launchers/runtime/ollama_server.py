"""Ollama's program: how it is started, where it keeps its models, and one that lives only for a download."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from launchers.errors import FetchError
from profiles.address import BadAddress, address
from supervisors import redact
from supervisors.health import probes

USUAL = "http://127.0.0.1:11434"
HEALTH = "/api/version"
INSTALL = "install Ollama (see ollama.com/download) so that its program is on the PATH"
_START_S, _END_S, _LOOK_S = 20.0, 5.0, 0.1
_LIBRARY = ("registry.ollama.ai", "library")
_LIFELINE = 'exec 3<&0; "$0" serve 3<&- & p=$!; { read -r _ <&3; kill "$p"; } & wait "$p"'
"""Ends the server when our end of its input closes, also when we are killed."""


def command(program: str) -> tuple[str, ...]:
    """Its complaints go to stderr; stdout has a line per request, one a second from our probes alone."""
    return ("/bin/sh", "-c", 'exec "$0" serve >/dev/null', program)


def environment(port: int) -> dict[str, str]:
    """One conversation at a time, so that what was primed is what the next question meets. Nothing is pruned: another
    server may be downloading into the same folder.
    """
    return {
        "OLLAMA_HOST": f"127.0.0.1:{port}",
        "OLLAMA_NUM_PARALLEL": "1",
        "OLLAMA_KEEP_ALIVE": "-1",
        "OLLAMA_NOPRUNE": "1",
    }


def manifest(model: str, variables: Mapping[str, str] = os.environ) -> Path:
    """The small file that stands for a model which is whole: manifests/HOST/NAMESPACE/NAME/TAG in its models folder."""
    given = variables.get("OLLAMA_MODELS")
    folder = Path(given).expanduser() if given else Path.home() / ".ollama" / "models"
    *above, last = model.split("/")
    name, _, tag = last.partition(":")
    host = (*_LIBRARY[: 2 - len(above)], *above) if len(above) < 3 else tuple(above)
    return folder.joinpath("manifests", *host, name, tag or "latest")


def running(variables: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Where somebody else's server would be: as OLLAMA_HOST says, read as Ollama reads it, and where it mostly is."""
    given = variables.get("OLLAMA_HOST", "").strip().strip("\"'")
    bare = "://" not in given
    try:
        known = address(f"http://{'127.0.0.1' if given.startswith(':') else ''}{given}" if bare and given else given)
    except BadAddress:
        return (USUAL,)
    url = known.url.replace("://0.0.0.0", "://127.0.0.1").replace("://[::]", "://[::1]")
    if bare and known.port == 80 and not url.endswith(":80"):
        url += ":11434"
    return tuple(dict.fromkeys((url, USUAL)))


@asynccontextmanager
async def serving(name: str, program: str, withheld: Collection[str] = ()) -> AsyncIterator[str]:
    """The base URL of a server that ends with the block and inherits none of `withheld`. Raises FetchError."""
    port = probes.free_port()
    inherited = {key: value for key, value in os.environ.items() if not (redact.is_secret(key) or key in withheld)}
    process = await asyncio.create_subprocess_exec(
        *("/bin/sh", "-c", _LIFELINE, program),
        env=inherited | environment(port),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        await _until_it_answers(name, url, process)
        yield url
    finally:
        await _end(process)


async def _until_it_answers(name: str, url: str, process: asyncio.subprocess.Process) -> None:
    try:
        async with asyncio.timeout(_START_S):
            while await probes.health(url + HEALTH) != 200:
                if process.returncode is not None:
                    raise FetchError(f"{name}: `ollama serve` ends at once; run it by hand to see why")
                await asyncio.sleep(_LOOK_S)
    except TimeoutError:
        raise FetchError(f"{name}: `ollama serve` does not answer; run it by hand to see why") from None


async def _end(process: asyncio.subprocess.Process) -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        async with asyncio.timeout(_END_S):
            await process.wait()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
