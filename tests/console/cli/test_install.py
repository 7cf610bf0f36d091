"""`make install`: a command for the user, wherever the checkout lies, and nothing of anybody else's replaced."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from console.cli import completion, install
from console.cli.install import InstallError, UserFolders
from profiles.home import CHECKOUT


@pytest.fixture
def folders(tmp_path: Path) -> UserFolders:
    home = tmp_path / "a home with 'odd' characters"
    return UserFolders(home=home, data=home / ".local/share", path=("/usr/bin",))


def _checkout(folder: Path) -> Path:
    """A checkout whose program prints what it was called with."""
    (folder / ".venv/bin").mkdir(parents=True)
    python = folder / ".venv/bin/python"
    python.write_text('#!/bin/sh\nprintf "%s|" "$@"\n')
    python.chmod(0o755)
    return folder


def test_the_command_runs_the_checkout_with_its_words(
    folders: UserFolders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = _checkout(tmp_path / 'a "booth" $HOME `x` \'s')
    monkeypatch.setattr(install, "CHECKOUT", checkout)
    said = list(install.install(folders))
    assert str(folders.command) in said[0] and str(checkout) in said[0]
    words = ["say", "two words", "$HOME", "*"]
    out = subprocess.run([folders.command, *words], cwd="/", capture_output=True, text=True, check=True).stdout
    assert out == "|".join([f"{checkout}/console.py", *words]) + "|"
    shutil.rmtree(checkout)
    gone = subprocess.run([folders.command], capture_output=True, text=True)
    assert gone.returncode == 3 and str(checkout) in gone.stderr and "make install" in gone.stderr


def test_the_real_command_tells_its_version(folders: UserFolders) -> None:
    list(install.install(folders))
    out = subprocess.run([folders.command, "--version"], cwd="/", capture_output=True, text=True, check=True).stdout
    assert out.startswith("Galactus ")


def test_shells_and_man_find_their_files(folders: UserFolders) -> None:
    list(install.install(folders))
    list(install.install(folders))  # a second time is no trouble
    for place in folders.links:
        assert place.read_text("utf-8")
    bash = folders.data / "bash-completion/completions/galactus"
    assert bash.resolve() == completion.script("bash").resolve()


def test_uninstall_leaves_nothing(folders: UserFolders) -> None:
    list(install.install(folders))
    assert len(list(install.uninstall(folders))) == 1 + len(folders.links)
    assert not [path for path in folders.home.rglob("*") if not path.is_dir()]
    assert list(install.uninstall(folders)) == ["Nothing of Galactus is installed for this user."]


def test_a_program_of_the_same_name_stays(folders: UserFolders) -> None:
    folders.command.parent.mkdir(parents=True)
    folders.command.write_text("#!/bin/sh\necho the empire\n")
    with pytest.raises(InstallError, match="not made by make install"):
        list(install.install(folders))
    assert not folders.data.exists()
    list(install.uninstall(folders))
    assert "the empire" in folders.command.read_text()


def test_the_command_of_another_checkout_is_replaced_but_not_removed(
    folders: UserFolders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(install, "CHECKOUT", tmp_path / "another")
        list(install.install(folders))
    with pytest.raises(InstallError, match="another checkout"):
        list(install.uninstall(folders))
    list(install.install(folders))
    assert f"checkout={CHECKOUT}\n" in folders.command.read_text()


@pytest.mark.parametrize(
    ("shell", "hint"), [("bash", "~/.profile"), ("zsh", "~/.zprofile"), ("fish", "fish_add_path"), ("", "~/.profile")]
)
def test_a_folder_that_is_not_on_the_path_is_told(folders: UserFolders, shell: str, hint: str) -> None:
    given = {"HOME": str(folders.home), "SHELL": f"/usr/bin/{shell}", "PATH": "/usr/bin:/bin"}
    said = "\n".join(install.install(UserFolders.from_environment(given)))
    assert "not on your PATH" in said and hint in said
    given["PATH"] += f":{folders.home}/.local/bin/"
    said = "\n".join(install.install(UserFolders.from_environment(given)))
    assert "not on your PATH" not in said
    assert ("fpath=" in said) == (shell == "zsh")


def test_xdg_data_home_is_heeded(tmp_path: Path) -> None:
    given = {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data"), "PATH": os.defpath}
    list(install.install(UserFolders.from_environment(given)))
    assert (tmp_path / "data/man/man1/galactus.1").is_file()
