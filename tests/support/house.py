"""The rules of the house that no linter knows, for `make check`: sizes of folders, files and functions; words.

`python -m tests.support.house` prints one line for each thing that is wrong.
"""

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from profiles.home import CHECKOUT

MODULES, TEST_MODULES, LINES, FUNCTION_LINES = 15, 20, 320, 45
LONG_TESTS = 480
"""Some files of tests are longer than LINES; none may become longer than this."""
WORDS = re.compile(r"\b(whoever|anew|_?mourn\w*|deeds?)\b", re.IGNORECASE)
NAMES = re.compile(r"(?:^|_)(nobody|somebody|whoever|told|wish(?:es)?|mends?|anew|meanwhile|mourn\w*|deeds?)(?:_|$)")
"""No part of the name of a file, a class or a function; in tests, whose functions are sentences, of the first two."""


def tracked() -> list[Path]:
    """Every file of the checkout that is ours; by the names of folders where git cannot be asked."""
    command = ["git", "ls-files", "-co", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        found = (path.relative_to(CHECKOUT) for path in CHECKOUT.rglob("*"))
        listed = [str(path) for path in found if not any(part.startswith((".", "__pycache__")) for part in path.parts)]
    return [path for name in listed if (path := CHECKOUT / name).is_file()]


def folders(files: list[Path]) -> Iterator[str]:
    counts = Counter(path.parent for path in files if path.suffix == ".py" and path.name != "__init__.py")
    for folder, count in sorted(counts.items()):
        name = folder.relative_to(CHECKOUT)
        most = TEST_MODULES if name.parts[:1] == ("tests",) else MODULES
        if count > most:
            yield f"{name}: {count} modules, at most {most}"


def sizes(path: Path) -> Iterator[str]:
    name, text = path.relative_to(CHECKOUT), path.read_text("utf-8")
    lines, most = len(text.splitlines()), LONG_TESTS if name.parts[0] == "tests" else LINES
    if lines > most:
        yield f"{name}: {lines} lines, at most {most}"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                yield f"{name}:{node.lineno}: {node.name} has {length} lines, at most {FUNCTION_LINES}"


def words(path: Path) -> Iterator[str]:
    name = path.relative_to(CHECKOUT)
    if NAMES.search(path.stem) and not path.stem.startswith("test_"):
        yield f"{name}: a name for insiders; see CONTRIBUTING.md"
    if path.suffix not in (".py", ".md", ".toml") or path.name == "CHANGELOG.md" or path == Path(__file__):
        return
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if found := WORDS.search(line):
            yield f'{name}:{number}: say it without "{found[0]}"'


def names(path: Path) -> Iterator[str]:
    """Of classes and functions."""
    name, kinds = path.relative_to(CHECKOUT), (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, kinds[: 1 if name.parts[0] == "tests" else 3]) and NAMES.search(_snake(node.name)):
            yield f"{name}:{node.lineno}: {node.name}: a name for insiders; see CONTRIBUTING.md"


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def wrong() -> list[str]:
    files = tracked()
    out = list(folders(files))
    for path in files:
        out += words(path)
        if path.suffix == ".py":
            out += sizes(path)
            out += names(path)
    return out


if __name__ == "__main__":
    found = wrong()
    print(*found, sep="\n", end="\n" if found else "")
    sys.exit(bool(found))
