"""Every command has one handler, which takes it and gives the answer that it names; every failure has an exit code."""

import asyncio
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec
import pytest

from console.api import commands as cmd
from console.api.client import OperatorClient
from console.api.command import Handlers, answer_type
from console.body.body_handler import BodyHandler
from console.body.camera_service import CameraService
from console.body.jaw_handler import JawHandler
from console.cli import main
from console.engines.model_handler import ModelHandler
from console.show.command_router import CommandRouter

COMMANDS = get_args(cmd.AnyCommand)


def tables() -> list[Handlers]:
    """As a show builds them; nothing behind them is needed to look at them."""
    router, models, body = (
        CommandRouter.__new__(CommandRouter),
        ModelHandler.__new__(ModelHandler),
        BodyHandler.__new__(BodyHandler),
    )
    body._jaw, body._eyes = object.__new__(JawHandler), object.__new__(CameraService)
    return [router.handlers, models.handlers, body.handlers]


def test_every_command_has_exactly_one_handler() -> None:
    routed = [command for table in tables() for command in table]
    assert len(routed) == len(set(routed))
    assert set(COMMANDS) - set(routed) == {cmd.Subscribe}  # the server streams that one itself


@pytest.mark.parametrize("command", sorted(set(COMMANDS) - {cmd.Subscribe}, key=str))
def test_a_handler_takes_its_command_and_gives_the_answer_that_it_names(command: type[cmd.Command[Any]]) -> None:
    (handler,) = (table[command] for table in tables() if command in table)
    hints = get_type_hints(handler)
    assert (hints["command"], hints["return"]) == (command, answer_type(command))


def test_every_failure_has_an_exit_code_of_its_own() -> None:
    assert set(main._CODES) == set(cmd.FailureCode) and len(set(main._CODES.values())) == len(cmd.FailureCode)


@pytest.mark.parametrize("result", [b"{}", b'{"turn":"one"}', b"[]", b"null"])
async def test_an_answer_of_another_version_is_one_plain_sentence(tmp_path: Path, result: bytes) -> None:
    async def show(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b'{"result":' + result + b"}\n")
        writer.close()

    async with await asyncio.start_unix_server(show, tmp_path / "s"), OperatorClient(tmp_path / "s") as client:
        with pytest.raises(cmd.CommandError, match="of another version; stop it and start it again") as refused:
            await client.call(cmd.Press())
    assert refused.value.code is cmd.USAGE


def test_the_words_of_the_api_are_the_classes_in_lower_case() -> None:
    for command in COMMANDS:
        assert command.__struct_config__.tag == command.__name__.lower()
    assert msgspec.json.encode(cmd.Talk()) == b'{"cmd":"talk","id":0}'
