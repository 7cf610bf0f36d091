"""The `models` command: what the store holds, and getting what it does not."""

import asyncio
import sys
from argparse import Namespace

import msgspec

from console.api import commands as cmd
from console.api.setup_progress import ProgressPrinter
from console.engines.services import launchers, workshop
from console.host import exit_codes
from console.host.surroundings import for_stdout
from launchers.store.model_store import ModelStore
from launchers.store.progress import Progress
from profiles.catalogue import Catalogue
from profiles.home import Home
from profiles.loader import load_rig


def models(arguments: Namespace) -> int:
    home = Home.from_environment()
    catalogue = Catalogue.load(home)
    store = ModelStore(home, catalogue)
    for model_id in arguments.id:
        catalogue[model_id]  # a wrong id is told before anything is done
    if arguments.action == "list":
        return _list(store, as_json=arguments.json)
    if not arguments.id and not (arguments.action == "fetch" and arguments.for_rig):
        raise cmd.CommandError(cmd.USAGE, f"models {arguments.action} needs an id; see: console.py models list")
    if arguments.action == "rm":
        for model_id in arguments.id:
            print(f"{model_id}: {store.remove(model_id) / 1e6:.0f} MB freed")
        return exit_codes.DONE
    if arguments.action == "verify":
        return asyncio.run(_verify(store, arguments.id))
    return asyncio.run(_fetch(arguments, home, catalogue, store))


def _list(store: ModelStore, *, as_json: bool) -> int:
    rows = store.list()
    if as_json:
        print(for_stdout(msgspec.json.encode(rows)))
        return exit_codes.DONE
    print(f"{'id':<18} {'role':<5} {'size':>9}  {'state':<8} licence")
    for row in rows:
        print(f"{row.id:<18} {row.role:<5} {row.bytes / 1e6:>6.0f} MB  {row.state:<8} {row.licence}")
    return exit_codes.DONE


async def _verify(store: ModelStore, ids: list[str]) -> int:
    good = True
    for model_id in ids:
        verdict = await store.verify(model_id, _tell)
        good = good and verdict.good
        print(verdict.words)
    return exit_codes.DONE if good else exit_codes.NO_ENGINE


async def _fetch(arguments: Namespace, home: Home, catalogue: Catalogue, store: ModelStore) -> int:
    printer = ProgressPrinter()

    def tell(progress: Progress) -> None:
        printer.show(msgspec.to_builtins(progress))

    for model_id in arguments.id:
        await store.fetch(model_id, tell, from_file=arguments.source)
        print(f"{model_id} is stored and verified.")
    for name in arguments.for_rig:
        for launcher in launchers(load_rig(name, home), workshop(home, catalogue), catalogue, keys=False).values():
            if launcher.settings.launch == "process":
                await launcher.prepare(tell)
        print(f"The rig {name} has all that it needs.", file=sys.stderr)
    return exit_codes.DONE


def _tell(progress: Progress) -> None:
    """Verifying is quick (about 1 GB/s); its verdict is enough."""
