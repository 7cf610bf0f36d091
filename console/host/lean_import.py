"""Imports of libraries without what they would bring along unasked. Standard library only: the command line uses it."""

import sys
from typing import Any


def import_httpx() -> None:
    """Without its own command line, which would read click, rich and pygments: 4.4 MB, and a tenth of a second at every
    start. None in `sys.modules` makes an import fail (the import system's documentation), which httpx expects of it.
    """
    modules: dict[str, Any] = sys.modules
    if "httpx" in modules or "click" in modules:
        return
    modules["click"] = None
    try:
        import httpx  # noqa: F401
    finally:
        del modules["click"]
