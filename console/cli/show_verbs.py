"""The commands that talk to a running show."""

import asyncio
import io
import os
import signal
import sys
import wave
from argparse import Namespace
from pathlib import Path

import msgspec
from msgspec import UNSET, structs

from console.api import commands as cmd
from console.api.answers import Exchanged
from console.api.client import NoShow
from console.api.command import A
from console.api.events import SwapEnded
from console.api.setup_progress import tell_progress
from console.host import exit_codes, show_finder
from console.host.emergency_stop import stop_motors
from console.host.run_lock import ShowFile, held
from console.host.signals import heeded
from console.host.surroundings import for_stdout
from console.show.status import in_words
from conversation.stages import Outcome
from profiles.home import Home

_NO_SHOW = "no show is running; start one with: make show"
_WARM_S, _COLD_S = 120.0, 600.0


def ask(arguments: Namespace) -> int:
    pcm = b""
    if arguments.wav is not None:
        from devices.sound.sound_file import read_sound

        pcm = read_sound(arguments.wav).astype("<i2").tobytes()
    elif not arguments.text.strip():
        raise cmd.CommandError(cmd.USAGE, "the question is empty; give --text some words")
    if arguments.out is not None:
        _refuse_unwritable(arguments.out)
    try:
        return asyncio.run(_ask(arguments, pcm))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


async def _ask(arguments: Namespace, pcm: bytes) -> int:
    _end_in_order()
    home = Home.from_environment()
    show, started = show_finder.find(arguments, home), False
    if show is None:
        show, started = await show_finder.start(arguments, home)
    try:
        timeout = arguments.timeout or (_COLD_S if started else _WARM_S)
        wanted = cmd.Ask(pcm=pcm, text=arguments.text or "", want_audio=arguments.out is not None, timeout_s=timeout)
        result = await _with_progress(show, wanted)
    finally:
        if started:
            await show_finder.stop(show, home, when_idle=True)
    return _print_turn(result, arguments)


def _end_in_order() -> None:
    """TERM and a closed terminal end an `ask` as Ctrl-C does: its turn is withdrawn, and the show it started ends."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None
    for number in (signal.SIGTERM, *heeded(signal.SIGHUP)):
        loop.add_signal_handler(number, task.cancel)


def _print_turn(result: Exchanged, arguments: Namespace) -> int:
    if arguments.json:
        print(for_stdout(msgspec.json.encode(structs.replace(result, pcm=UNSET))), flush=True)
    else:
        if arguments.wav is not None:
            print(f"visitor: {result.transcript}")
        print(f"reply:   {result.reply}", flush=True)
    if arguments.out is not None:
        _write_wav(arguments.out, result.pcm or b"", result.audio.sample_rate or 22_050)
    if result.outcome in (Outcome.COMPLETED, Outcome.DEGRADED):
        if result.outcome is Outcome.DEGRADED:
            print(f"Degraded: {result.message}.", file=sys.stderr)
        return exit_codes.DONE
    print(f"{result.message or f'the turn was {result.outcome} in {result.stage}'}.", file=sys.stderr)
    return exit_codes.TURN_FAILED


def say(arguments: Namespace) -> int:
    from conversation.text.number_words import has_words  # its numbers take 50 ms, and no other verb needs them

    text = " ".join(arguments.text)
    if not has_words(text):
        raise cmd.CommandError(cmd.USAGE, cmd.NOTHING_TO_SAY)
    said = _done(arguments, cmd.Say(text=text))
    if said.outcome in (Outcome.FAILED, Outcome.INTERRUPTED):
        print(f"{said.message or 'The line was interrupted'}.", file=sys.stderr)
        return exit_codes.TURN_FAILED
    return exit_codes.DONE


def press(arguments: Namespace) -> int:
    _done(arguments, cmd.Press(lasting=True))
    return exit_codes.DONE


def release(arguments: Namespace) -> int:
    if not _done(arguments, cmd.Release()).released:
        print("Nobody was holding the button.", file=sys.stderr)
    return exit_codes.DONE


def panic(arguments: Namespace) -> int:
    _done(arguments, cmd.Panic())
    print("The show is halted; nobody is answered until: console.py resume", file=sys.stderr)
    return exit_codes.DONE


def estop(arguments: Namespace) -> int:
    """Not through the operator API: a show whose loop hangs, or whose sockets are gone, hears this all the same. Where
    several run and none is named, all of them stop.
    """
    home = Home.from_environment()
    folders = [home.state(Path(arguments.rig).stem)] if arguments.rig else list((home.root / "state").glob("*"))
    shows = [folder for folder in folders if held(folder)]
    if not shows:
        raise NoShow(_NO_SHOW)
    if not all([stop_motors(folder) for folder in shows]):  # of several shows, each is told
        raise cmd.CommandError(cmd.TURN_FAILED, "the show did not confirm it; switch the servo off")
    print("The motors are off; acknowledge it on the rig page of the screen (3, then K).", file=sys.stderr)
    return exit_codes.DONE


def resume(arguments: Namespace) -> int:
    if not _done(arguments, cmd.Resume()).resumed:
        print("The show was not halted.", file=sys.stderr)
    return exit_codes.DONE


def restart(arguments: Namespace) -> int:
    _done(arguments, cmd.Restart(service=arguments.service))
    return exit_codes.DONE


def swap(arguments: Namespace) -> int:
    wanted = cmd.Swap(service=arguments.service, model=arguments.model, device=arguments.device)
    result = asyncio.run(_with_progress(_running(arguments), wanted))
    if arguments.json:
        print(for_stdout(msgspec.json.encode(result)))
    else:
        print(_swapped(result), file=sys.stderr)
    return exit_codes.DONE if result.swapped else exit_codes.NO_ENGINE


def _swapped(result: SwapEnded) -> str:
    name, now, seconds = result.name, result.model, result.seconds
    if not result.swapped:
        why = result.errors[-1] if result.errors else "the other did not answer"
        went = "went on with" if result.serving else "is still waiting for"
        return f"{name} {went} {now}: {why.rstrip('.')}."
    pause = "without a pause" if not result.gone_ms else f"after {result.gone_ms / 1000:.1f} s without a model"
    return f"{name} has {now} now instead of {result.before}, {pause} ({seconds:.1f} s in all)."


async def _with_progress(show: ShowFile, command: cmd.Command[A]) -> A:
    """What has to be fetched first is told meanwhile."""
    try:
        async with asyncio.TaskGroup() as tasks:
            telling = tasks.create_task(tell_progress(Path(show.socket)))
            try:
                return await _call(show, command)
            finally:
                telling.cancel()
    except* (cmd.CommandError, NoShow) as group:
        raise group.exceptions[0] from None


def _done(arguments: Namespace, command: cmd.Command[A]) -> A:
    """The running show's answer."""
    return asyncio.run(_call(_running(arguments), command))


def status(arguments: Namespace) -> int:
    result = asyncio.run(_call(_running(arguments), cmd.Status()))
    print(for_stdout(msgspec.json.encode(result)) if arguments.json else in_words(result))
    return exit_codes.DONE


def stop(arguments: Namespace) -> int:
    home = Home.from_environment()
    show = show_finder.find(arguments, home)
    if show is None:
        ended = _reap(arguments, home)
        if not ended:
            raise NoShow(_NO_SHOW)
        print(f"No show was running, but {ended} of its processes were left; they are gone now.", file=sys.stderr)
        return exit_codes.DONE
    asyncio.run(show_finder.stop(show, home))
    print(f"The show of the rig {show.rig} has stopped.", file=sys.stderr)
    return exit_codes.DONE


def _reap(arguments: Namespace, home: Home) -> int:
    from launchers.runtime.engine_key import EngineKey
    from profiles.loader import load_rig
    from supervisors.shim.reaper import reap, token_prefix

    folders = (home.root / "state").glob("*/")
    rigs = [load_rig(arguments.rig, home).name] if arguments.rig else [f.name for f in folders]
    ended = sum(len(reap(token_prefix(home.root, rig))) for rig in rigs)
    for rig in rigs:
        EngineKey.forget(home.state(rig))  # of engines that are gone now
    return ended


def _running(arguments: Namespace) -> ShowFile:
    show = show_finder.find(arguments, Home.from_environment())
    if show is None:
        raise NoShow(_NO_SHOW)
    return show


async def _call(show: ShowFile, command: cmd.Command[A]) -> A:
    async with show_finder.line(show, Home.from_environment()) as client:
        return await client.call(command)


def _refuse_unwritable(path: Path) -> None:
    """Before the turn, for afterwards it is a pity."""
    there = path if path.exists() else path.parent
    if path.is_dir() or not path.parent.is_dir() or not os.access(there, os.W_OK):
        raise cmd.CommandError(cmd.USAGE, f"{path} cannot be written; give --out a file in a folder that is there")


def _write_wav(path: Path, sound: bytes, rate: int) -> None:
    whole = io.BytesIO()
    with wave.open(whole, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(sound)
    try:
        path.write_bytes(whole.getvalue())
    except OSError as error:
        why = error.strerror or str(error)
        raise cmd.CommandError(cmd.USAGE, f"{path} cannot be written ({why}); give --out another file") from None
