"""README and docs: what they name is there, and pages stay short."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from console import __version__
from console.cli.main import parser
from profiles.home import CHECKOUT
from tests.support.house import tracked
from tests.support.real_show import RealShow
from tests.support.scripted.home import scripted_home

PAGES = [*CHECKOUT.glob("*.md"), *sorted((CHECKOUT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\(([^)\s]+)\)")
MAKEFILE = (CHECKOUT / "Makefile").read_text("utf-8")


def _name(page: Path) -> str:
    return str(page.relative_to(CHECKOUT))


def _anchors(page: Path) -> set[str]:
    """As the hosts of repositories make them from headings."""
    heads = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def _commands(page: Path) -> Iterator[list[str]]:
    """The commands of the product in a page's blocks for a shell, without their comments."""
    for block in re.findall(r"```sh\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
        for line in block.splitlines():
            found = re.match(r"(?:\S*python console\.py|galactus)\b([^|]*)", line)
            if found:
                yield shlex.split(found[1], comments=True)


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text("utf-8")):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        assert not anchor or anchor in _anchors(target), link


def test_commands_of_the_docs_are_taken_by_the_parser() -> None:
    found = [words for page in PAGES for words in _commands(page)]
    assert len(found) > 30
    for words in found:
        parser().parse_args(words)


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_make_knows_what_the_pages_name(page: Path) -> None:
    for target in re.findall(r"`make ([a-z-]+[a-z])", page.read_text("utf-8")):
        assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE), target


@pytest.mark.parametrize(("name", "lines"), [("README.md", 120), ("ARCHITECTURE.md", 230)])
def test_short_pages_stay_short(name: str, lines: int) -> None:
    assert len((CHECKOUT / name).read_text("utf-8").splitlines()) <= lines


def test_every_page_of_the_docs_is_in_their_index() -> None:
    index = CHECKOUT / "docs/README.md"
    linked = set(LINK.findall(index.read_text("utf-8")))
    assert not [page.name for page in index.parent.glob("*.md") if page.name not in linked and page != index]


def test_the_changelog_has_the_version_of_the_program() -> None:
    text = (CHECKOUT / "CHANGELOG.md").read_text("utf-8")
    heads = re.findall(r"^## \[(.+?)\](?: - (\d{4}-\d\d-\d\d))?$", text, re.MULTILINE)
    assert heads[0] == ("Unreleased", "")
    assert heads[1][0] == __version__ and heads[1][1]


def test_every_name_of_the_map_is_there() -> None:
    """In the table of rooms, a word in backticks is a module or a folder of its row; elsewhere, a path ends a file."""
    text = (CHECKOUT / "ARCHITECTURE.md").read_text("utf-8")
    files = {str(path.relative_to(CHECKOUT)) for path in tracked()}
    rows = re.findall(r"^\| `(\w[\w/]*/)` \| (.*) \|$", text, re.MULTILINE)
    assert len(rows) > 10
    for folder, words in rows:
        for name in re.findall(r"`([a-z_/]+)`", words):
            there = (CHECKOUT / folder / name).is_dir() or f"{folder}{name}.py" in files
            assert there or name == "check", (folder, name)
    for name in re.findall(r"`([a-z_/]+\.(?:py|toml|tcss))`", text):
        assert any(f"/{file}".endswith(f"/{name}") for file in files), name


def test_the_animated_picture_needs_nothing_else() -> None:
    """Hosts of repositories show an SVG as an image: no script, and nothing from elsewhere."""
    text = (CHECKOUT / "docs/live.svg").read_text("utf-8")
    assert len(text) < 1_500_000 and text.count("<animate ") > 100
    assert not re.search(r"<script|href=|url\(|<foreignObject", text)
    assert "docs/live.svg" in (CHECKOUT / "README.md").read_text("utf-8")


def test_the_program_in_the_docs_talks_to_a_show(tmp_path: Path) -> None:
    """As it is printed, in a home of its own."""
    home = scripted_home(tmp_path / "home")
    (program,) = re.findall(r"```python\n(.*?)```", (CHECKOUT / "docs/scripting.md").read_text("utf-8"), re.DOTALL)
    user = tmp_path / "user"
    (user / ".local/share").mkdir(parents=True)
    (user / ".local/share/galactus").symlink_to(home)
    show = RealShow(home)
    try:
        show.start()
        environment = os.environ | {"HOME": str(user)}
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    finally:
        show.end()
    assert done.stdout == "completed\n", done.stderr
