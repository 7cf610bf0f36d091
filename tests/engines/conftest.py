"""Real engine servers, started as the show starts them: environment, `python -I`, script, a free port."""

import asyncio
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile
import soxr

from launchers.runtime.environments import Environments
from launchers.store.model_store import ModelStore
from profiles.catalogue import Catalogue
from profiles.home import Home

SENTENCE = "How many bones are there in the human body?"


class Engine:
    """One running server and its log."""

    def __init__(self, argv: list[str], port: int, log: Path) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._log = log
        with log.open("wb") as out:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def health(self) -> int:
        """The status of /health; 0 when nobody listens."""
        try:
            return httpx.get(f"{self.url}/health", timeout=2).status_code
        except httpx.HTTPError:
            return 0

    def seen_until_ready(self) -> set[int]:
        """Every answer of /health on the way to 200."""
        seen = set[int]()
        deadline = time.monotonic() + 60
        while 200 not in seen:
            assert self.process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            seen.add(self.health())
            time.sleep(0.01)
        return seen

    def stop(self) -> float:
        """TERM; the seconds until it is gone."""
        began = time.monotonic()
        self.process.terminate()
        try:
            self.process.wait(5)
        finally:
            self.process.kill()
            self.process.wait()
        return time.monotonic() - began


Start = Callable[..., Engine]


@pytest.fixture(scope="session")
def weights() -> Callable[[str], str]:
    home = Home.from_environment()
    store = ModelStore(home, Catalogue.load(home))
    return lambda model: str(store.path(model))


@pytest.fixture(scope="session")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """`starter("tts_piper", "--model", path)`; whatever is left at the end is killed."""
    environments, started = Environments(Home.from_environment()), list[Engine]()
    logs = tmp_path_factory.mktemp("engines")

    def start(name: str, *options: str, port: int = 0) -> Engine:
        python = environments.python(name) or asyncio.run(environments.ensure(name, lambda _: None))
        port = port or free_port()
        argv = [str(python), "-I", str(environments.script(name)), "--port", str(port), *options]
        started.append(Engine(argv, port, logs / f"{len(started)}-{name}.log"))
        return started[-1]

    yield start
    for engine in started:
        engine.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def stt(starter: Start, weights: Callable[[str], str]) -> Engine:
    engine = starter("stt_pywhispercpp", "--model", weights("whisper-tiny.en"))
    engine.seen_until_ready()
    return engine


@pytest.fixture(scope="session")
def llm(starter: Start, weights: Callable[[str], str]) -> Engine:
    engine = starter("llm_xllamacpp", "--model", weights("smollm2-135m"), "--ctx", "2048")
    engine.seen_until_ready()
    return engine


@pytest.fixture(scope="session")
def piper(starter: Start, weights: Callable[[str], str]) -> Engine:
    engine = starter("tts_piper", "--model", weights("piper-joe"))
    engine.seen_until_ready()
    return engine


@pytest.fixture(scope="session")
def hibari(starter: Start) -> Engine:
    engine = starter("tts_hibari")
    engine.seen_until_ready()
    return engine


@pytest.fixture(params=["piper", "hibari"])
def voice(request: pytest.FixtureRequest) -> Engine:
    """Each of the voices in turn."""
    engine = request.getfixturevalue(request.param)
    assert isinstance(engine, Engine)
    return engine


@pytest.fixture(scope="session")
def question(piper: Engine, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """SENTENCE in piper's voice, as the 16 kHz WAV that goes to the STT."""
    order = {"input": SENTENCE, "response_format": "pcm"}
    answer = httpx.post(f"{piper.url}/v1/audio/speech", json=order, timeout=20)
    samples = np.frombuffer(answer.content, "<i2").astype(np.float32) / 32768
    return wav(soxr.resample(samples, int(answer.headers["x-sample-rate"]), 16000), tmp_path_factory.mktemp("wav"))


def wav(samples: "np.ndarray[tuple[int], np.dtype[np.float32]]", folder: Path) -> bytes:
    path = folder / "clip.wav"
    soundfile.write(path, samples, 16000, subtype="PCM_16")
    return path.read_bytes()
