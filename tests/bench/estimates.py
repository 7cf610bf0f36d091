"""How near estimates come to real engines: each model of the store is started, asked one question, and weighed.

estimate_error_pct   of each model (and context): (said - measured) / measured, of steady RSS; unlearned: by the
                     formula, before the first start; learned: after it, against a second start
worst_, learned_     the largest of those, without sign; under_: by how many bytes an estimate said too little at worst,
                     margin_: what is kept free beside that one
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from msgspec import Struct

from launchers import registry
from launchers.base import BaseLauncher
from launchers.context import LauncherContext
from launchers.memory.estimate import error_pct, estimate, learn, load_of
from launchers.memory.learned import MeasuredProfiles, Measurement
from launchers.runtime.environments import Environments
from launchers.store.model_store import ModelStore
from profiles.catalogue import Catalogue
from profiles.home import Home
from profiles.schema import Engine, Role
from supervisors.health import probes

READY_S = 90.0
SETTLED_S = 0.3
PERSONA = "You are Mr. Bones, a talking skull. " + "You like a good pun. " * 20
"""More than one step of prefill, so that its scratch memory is used in full."""
QUESTION = "How many bones are there in the human body?"


class Case(Struct, frozen=True):
    """One engine with one model; `context` in tokens, of a model alone."""

    role: Role
    engine: str
    model: str
    context: int = 2048

    @property
    def name(self) -> str:
        return f"{self.model}@{self.context}" if self.role == "llm" else self.model


CASES = (
    *(Case("llm", "llama_cpp", m, c) for m in ("smollm2-135m", "qwen-0.5b", "qwen-1.5b") for c in (2048, 8192)),
    Case("stt", "whisper_cpp", "whisper-tiny.en"),
    Case("stt", "whisper_cpp", "whisper-base"),
    Case("tts", "piper", "piper-joe"),
    Case("tts", "hibari", "hibari-heart"),
)


class Outcome(Struct, frozen=True):
    """Errors in %, sizes in bytes."""

    name: str
    measured: int
    unlearned_pct: float
    learned_pct: float
    under: int
    """How much the formula said too little; 0 where it said enough."""
    margin: int


def launcher(case: Case, home: Home) -> BaseLauncher:
    shop = LauncherContext(home, ModelStore(home, Catalogue.load(home)), Environments(home))
    settings = Engine(engine=case.engine, model=case.model, context=case.context, binary="none")
    return registry.launcher("bench", case.role, case.role, settings, shop)


def is_here(case: Case, home: Home) -> bool:
    return ModelStore(home, Catalogue.load(home)).state(case.model) == "stored"


def weigh(made: BaseLauncher) -> Measurement:
    """A start, one question, and what the tree has then."""
    began = time.monotonic()
    with _running(made) as (process, url):
        load_s = time.monotonic() - began
        asyncio.run(made.canary(url))
        if made.role == "llm":
            messages = [{"role": "system", "content": PERSONA}, {"role": "user", "content": QUESTION}]
            order = {"messages": messages, "max_tokens": 8}
            httpx.post(f"{url}/v1/chat/completions", json=order, timeout=READY_S).raise_for_status()
        time.sleep(SETTLED_S)
        ram = probes.tree_rss(process.pid)
    return Measurement(after="work", ram=ram, peak_ram=ram, load_s=load_s)


@contextmanager
def _running(made: BaseLauncher) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    asyncio.run(made.prepare(lambda _: None))
    port = probes.free_port()
    command = made.command(port)
    environment, url = os.environ | command.env, f"http://127.0.0.1:{port}"
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command.argv, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + READY_S
            while asyncio.run(probes.health(f"{url}/health")) != 200:
                if process.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    raise RuntimeError(f"{made.model} did not start: {log.read()[-2000:].decode(errors='replace')}")
                time.sleep(0.05)
            yield process, url
        finally:
            process.kill()
            process.wait()


def compare(case: Case, home: Home, learned: MeasuredProfiles) -> Outcome:
    """Two starts: the first is foretold by the formula, the second by the first."""
    made = launcher(case, home)
    load = load_of(made)
    said = estimate(load, learned)
    assert said.source == "formula", "somebody measured this here before"
    first = weigh(made)
    learn(learned, load, first)
    known, second = estimate(load, learned), weigh(made)
    assert first.ram and second.ram and known.source == "learned"
    return Outcome(
        case.name,
        first.ram,
        round(error_pct(said.ram_bytes, first.ram), 2),
        round(error_pct(known.ram_bytes, second.ram), 2),
        max(0, first.ram - said.ram_bytes, second.ram - known.ram_bytes),
        said.margin_bytes,
    )


def measure() -> dict[str, Any]:
    """For `make bench-swap`; two minutes for all. What is learned goes to a folder of its own."""
    home = Home.from_environment()
    with tempfile.TemporaryDirectory() as folder:
        learned = MeasuredProfiles(Home(Path(folder)))
        outcomes = [compare(case, home, learned) for case in CASES if is_here(case, home)]
    worst = max(outcomes, key=lambda outcome: outcome.under - outcome.margin)
    return {
        "estimate_error_pct": {o.name: {"unlearned": o.unlearned_pct, "learned": o.learned_pct} for o in outcomes},
        "estimate_measured_mb": {o.name: round(o.measured / 1e6, 1) for o in outcomes},
        "worst_unlearned_pct": max(abs(o.unlearned_pct) for o in outcomes),
        "worst_learned_pct": max(abs(o.learned_pct) for o in outcomes),
        "under_bytes": worst.under,
        "under_margin_bytes": worst.margin,
    }


if __name__ == "__main__":
    figures = measure()
    for name, errors in figures["estimate_error_pct"].items():
        print(f"{name:22} {figures['estimate_measured_mb'][name]:8.1f} MB", errors, file=sys.stderr)
    print(json.dumps(figures))
