"""`make install` and `make uninstall`: a `galactus` command for this user, its completion and its man page.

`python -m console.cli.install` installs, with the word `remove` it uninstalls. The command is a small script that
names the checkout; the other files are links into it, so that they always fit the program that runs. Files that this
module did not make are neither replaced nor removed.
"""

import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from console.cli import completion
from profiles.home import CHECKOUT

_MARK = "# Made by `make install` in this checkout; `make uninstall` there removes it."
_COMMAND = """\
#!/bin/sh
{mark}
checkout={checkout}
if [ ! -x "$checkout/.venv/bin/python" ]; then
  printf '%s\\n' "galactus: $checkout was moved or is not set up; run there: make install" >&2
  exit 3
fi
exec "$checkout/.venv/bin/python" "$checkout/console.py" "$@"
"""


class InstallError(Exception):
    """One plain sentence: why nothing was installed or removed."""


class UserFolders(Struct, frozen=True):
    """Where the programs of one user find a command, completions and man pages."""

    home: Path
    data: Path
    path: tuple[str, ...]
    """The folders of PATH."""
    shell: str = ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "UserFolders":
        home = Path(environment.get("HOME") or os.path.expanduser("~"))
        data = environment.get("XDG_DATA_HOME", "")
        return cls(
            home=home,
            data=Path(data) if os.path.isabs(data) else home / ".local/share",
            path=tuple(environment.get("PATH", "").split(os.pathsep)),
            shell=Path(environment.get("SHELL", "")).name,
        )

    @property
    def command(self) -> Path:
        return self.home / ".local/bin/galactus"

    @property
    def links(self) -> dict[Path, Path]:
        """From the place where a shell or `man` looks to the file in the checkout."""
        return {
            self.data / "bash-completion/completions/galactus": completion.script("bash"),
            self.data / "zsh/site-functions/_galactus": completion.script("zsh"),
            self.data / "fish/vendor_completions.d/galactus.fish": completion.script("fish"),
            self.data / "man/man1/galactus.1": completion.MAN_PAGE,
        }


def install(folders: UserFolders) -> Iterator[str]:
    """Say each thing that was done. Raises InstallError before anything is written."""
    for path in (folders.command, *folders.links):
        if os.path.lexists(path) and not _ours(path):
            raise InstallError(f"{path} is there already and was not made by make install; move it away and try again")
    folders.command.parent.mkdir(parents=True, exist_ok=True)
    fresh = folders.command.with_name(".galactus.new")
    fresh.write_text(_COMMAND.format(mark=_MARK, checkout=shlex.quote(str(CHECKOUT))), "utf-8")
    fresh.chmod(0o755)
    fresh.replace(folders.command)
    yield f"The command {folders.command} runs {CHECKOUT}."
    for place, target in folders.links.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        place.symlink_to(target)
    yield f"Completion for bash, zsh and fish and the man page are below {folders.data}."
    yield from _hints(folders)


def uninstall(folders: UserFolders) -> Iterator[str]:
    """Raises InstallError for the command of another checkout, which stays."""
    command = folders.command
    if _ours(command) and not _runs(command, CHECKOUT):
        raise InstallError(f"{command} runs another checkout; run make uninstall there")
    found = [path for path in (command, *folders.links) if os.path.lexists(path) and _ours(path)]
    for path in found:
        path.unlink()
        yield f"Removed {path}."
    if not found:
        yield "Nothing of Galactus is installed for this user."


def _hints(folders: UserFolders) -> Iterator[str]:
    """What the user has to do, if anything."""
    bin_folder = str(folders.command.parent)
    if bin_folder not in (os.path.normpath(folder) for folder in folders.path if folder):
        if folders.shell == "fish":
            yield f"{bin_folder} is not on your PATH; run once: fish_add_path {shlex.quote(bin_folder)}"
        else:
            profile = "~/.zprofile" if folders.shell == "zsh" else "~/.profile"
            line = 'export PATH="$HOME/.local/bin:$PATH"'
            yield f"{bin_folder} is not on your PATH; add this line to {profile} and log in again: {line}"
    if folders.shell == "zsh":
        place = shlex.quote(str(folders.data / "zsh/site-functions"))
        yield f"For completion add this line to ~/.zshrc, above compinit: fpath=({place} $fpath)"


def _ours(path: Path) -> bool:
    """Whether `make install` made it, here or in another checkout."""
    try:
        if path.is_symlink():
            return Path(os.readlink(path)).parent.parts[-3:] == completion.FOLDER.parts[-3:]
        return _MARK in path.read_text("utf-8", "replace")
    except OSError:
        return False


def _runs(command: Path, checkout: Path) -> bool:
    return f"checkout={shlex.quote(str(checkout))}\n" in command.read_text("utf-8", "replace")


def main(words: list[str]) -> int:
    try:
        for line in (uninstall if words == ["remove"] else install)(UserFolders.from_environment()):
            print(line)
    except InstallError as error:
        print(f"{error}.", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{error.filename}: {error.strerror}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
