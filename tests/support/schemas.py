"""JSON Schemas of the operator API and of rig and character files, made from the types: `make schema` writes them."""

import ast
import inspect
import json
from pathlib import Path
from typing import Any, get_args

import msgspec
from msgspec import Struct

from console.api import commands as cmd
from console.api.command import answer_type
from console.api.events import AnyEvent
from console.api.state import ShowState
from profiles import schema as profile
from profiles.home import CHECKOUT

DRAFT = "https://json-schema.org/draft/2020-12/schema"
FOLDER = CHECKOUT / "docs"
Json = dict[str, Any]


def api() -> Json:
    """Every command with its answer, what an answer is wrapped in, and what a subscription carries."""
    commands = [command for command in get_args(cmd.AnyCommand) if command is not cmd.Subscribe]
    answers = [answer_type(command) for command in commands]
    types = [cmd.Subscribe, cmd.CommandReply, ShowState, AnyEvent, *commands, *answers]
    (subscribe, reply, state, event, *rest), defs = msgspec.json.schema_components(types, ref_template="#/$defs/{name}")
    pairs = zip(commands, rest[: len(commands)], rest[len(commands) :], strict=True)
    return {
        "$schema": DRAFT,
        "title": "The operator API: a command a line, and a reply to each",
        "commands": {one.__name__.lower(): {"command": asked, "result": answer} for one, asked, answer in pairs},
        "subscribe": {"command": subscribe, "snapshot": state, "event": event},
        "reply": reply,
        "$defs": defs,
    }


def profile_schema(kind: type[Struct], title: str) -> Json:
    """Of a file that may extend another one, so that no key is required; with what each key means."""
    (top,), defs = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    for name, found in defs.items():
        found.pop("required", None)
        means = _meanings(getattr(profile, name))
        for key, value in found.get("properties", {}).items():
            if key in means:
                value["description"] = means[key]
    defs[kind.__name__]["properties"]["extends"] = {
        "type": "string",
        "description": "Another file of this kind, by name or path; what is said here goes over what it says.",
    }
    return {"$schema": DRAFT, "title": title, **top, "$defs": defs}


def _meanings(kind: type[Struct]) -> dict[str, str]:
    """The sentence below each field."""
    (body,) = (node.body for node in ast.parse(inspect.getsource(kind)).body if isinstance(node, ast.ClassDef))
    pairs = zip(body, body[1:], strict=False)
    return {
        field.target.id: " ".join(inspect.cleandoc(below.value.value).split())
        for field, below in pairs
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
        and isinstance(below.value.value, str)
    }


def all_schemas() -> dict[Path, str]:
    made = {
        "api": api(),
        "rig": profile_schema(profile.Rig, "A rig of Galactus: the machine and the devices of one booth"),
        "character": profile_schema(profile.Character, "A character of Galactus: who speaks"),
    }
    return {FOLDER / f"{name}.schema.json": json.dumps(found, indent=1) + "\n" for name, found in made.items()}
