"""What a shim leaves on disk, so that a later show can find it and know it for what it is (stdlib only)."""

import json
import os
from typing import Any


def write(path: str, content: dict[str, Any]) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    early = f"{path}~"
    with open(early, "w") as file:
        json.dump(content, file)
    os.replace(early, path)


def read(path: str) -> dict[str, Any]:
    """Empty when there is none, or none that can be read: then nobody is known, and nobody is signalled."""
    try:
        with open(path) as file:
            found = json.load(file)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
