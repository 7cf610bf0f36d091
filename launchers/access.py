"""What somebody else's server wants beside its address: a key or a user, found where the rig says, and never shown."""

import os
import re
from base64 import b64encode
from pathlib import Path

from clients.http import RemoteServer
from profiles.address import address
from profiles.errors import ProfileError
from profiles.schema import Engine
from supervisors.redact import Secret

_LONGEST = 8192
_BEARER = re.compile(r"bearer\s+", re.IGNORECASE)
_ASSIGNED = re.compile(r"(export\s+)?[A-Za-z_][A-Za-z0-9_]*\s*=\s*\S")
_QUOTED = re.compile(r"([\"'`]).*\1|[\u2018-\u201f].*")


def access(file: str, at: str, settings: Engine) -> RemoteServer:
    """Of an attached engine, that is the table `at` of the rig. Raises ProfileError when its key is not to be had."""
    where = address(settings.url)
    if settings.api_key_env:
        key, given = _of_variable(file, f"{at}.api_key_env", settings.api_key_env), "variable " + settings.api_key_env
    elif settings.api_key_file:
        key, given = _of_file(file, f"{at}.api_key_file", settings.api_key_file), "file " + settings.api_key_file
    elif where.user or where.password:
        pair = f"{where.user}:{where.password}"
        basic = b64encode(pair.encode()).decode()
        secret = Secret(f"Basic {basic}", basic, *filter(None, (pair if where.user else "", where.password)))
        return RemoteServer(url=where.url, table=at, key=secret, given="the user and password in its url")
    else:
        return RemoteServer(url=where.url, table=at)
    return RemoteServer(url=where.url, table=at, key=Secret(f"Bearer {key}", key), given=f"the key in the {given}")


def _of_variable(file: str, at: str, name: str) -> str:
    found = os.environ.get(name)
    if found is None:
        hint = f"export {name}=... before the show is started, or name a file with api_key_file"
        raise ProfileError(file, at, f"there is no environment variable {name} here", hint)
    return _key(file, at, found, f"the environment variable {name}")


def _of_file(file: str, at: str, given: str) -> str:
    path = Path(given)
    try:
        if path.exists() and not path.is_file():
            raise ProfileError(file, at, f"{path} is no file", "name the file that holds the key alone")
        with path.open("rb") as source:
            found = source.read(_LONGEST + 1)
    except FileNotFoundError:
        raise ProfileError(file, at, f"there is no file {path}", "write the key into it, or correct its path") from None
    except (OSError, ValueError) as error:
        hint = "let the user of the show read it, or correct its path"
        raise ProfileError(file, at, f"{path} cannot be read ({getattr(error, 'strerror', error)})", hint) from None
    return _key(file, at, found.decode("utf-8-sig", "replace"), str(path))


def _key(file: str, at: str, found: str, where: str) -> str:
    """A key as it is sent; what is wrong with it is said without it."""
    found = _BEARER.sub("", found.strip(), count=1)
    alone = "let it hold the key alone, in one line"
    if not found:
        raise ProfileError(file, at, f"{where} is empty", alone)
    if len(found) > _LONGEST:
        raise ProfileError(file, at, f"{where} is too long for a key", alone)
    if _QUOTED.fullmatch(found):
        raise ProfileError(file, at, f"{where} has quotation marks around the key", "take them away")
    if _ASSIGNED.match(found) and at.endswith("file"):
        raise ProfileError(file, at, f"{where} has NAME= before the key", alone)
    if any(c.isspace() for c in found):
        raise ProfileError(file, at, f"{where} has a space or more than one line in the key", alone)
    if not (found.isascii() and found.isprintable()):
        raise ProfileError(file, at, f"{where} has a letter in the key that no key has", "copy the key again")
    return found
