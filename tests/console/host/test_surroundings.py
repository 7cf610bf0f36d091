"""Odd surroundings, one row each in a process of its own: it works, or one plain line says what to do."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from profiles.home import CHECKOUT, Home
from tests.support.real_show import RealShow

PROGRAM = (sys.executable, str(CHECKOUT / "console.py"))
NOTHING_RUNS = "no show is running; start one with: make show.\n"
NOWHERE = 'extends = "quick"\n[engines.standby]\nenabled = false\n' + "".join(
    f'[engines.{name}]\nlaunch = "attach"\nurl = "http://127.0.0.1:9"\nmodel = ""\n' for name in ("stt", "llm", "tts")
)
"""Engines that run nowhere: a show of it starts at once and never answers."""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def run(home: Path, *arguments: str | bytes, sh: str = "", **variables: str) -> subprocess.CompletedProcess[bytes]:
    """`sh`: redirections, as a shell writes them."""
    environment = {**os.environ, "GALACTUS_HOME": str(home), **variables}
    words = ("/bin/sh", "-c", f'"$0" "$@" {sh}', *PROGRAM, *arguments)
    return subprocess.run(words, env=environment, capture_output=True, stdin=subprocess.DEVNULL, timeout=60)


def plain(said: bytes) -> bool:
    """One line for a person, without a trace of Python."""
    return said.count(b"\n") == 1 and not any(word in said for word in (b"Traceback", b"Error", b"Something went"))


CHARSETS = {
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "latin1": {"PYTHONIOENCODING": "latin-1"},
    "strict utf-8": {"PYTHONIOENCODING": "utf-8:strict"},
    "C": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "POSIX": {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "a locale that is not installed": {"LANG": "de_DE.ISO-8859-1", "LC_ALL": "", "PYTHONCOERCECLOCALE": "0"},
}
"""F32"""


@pytest.fixture
def accented(home: Path) -> Path:
    """A home whose profiles speak in letters that ASCII and Latin-1 lack."""
    (home / "profiles" / "rigs").mkdir(parents=True)
    (home / "profiles" / "rigs" / "quick.toml").write_text(
        f'title = "Geisterbahn „Świętojańska“ 👻"\ncharacter = "jürgen"\n{NOWHERE}', "utf-8"
    )
    (home / "profiles" / "characters").mkdir()
    text = 'extends = "mr_bones"\nname = "Jürgen Łoś 👻"\n'
    (home / "profiles" / "characters" / "jürgen.toml").write_text(text, "utf-8")
    return home


@pytest.mark.parametrize("charset", CHARSETS)
def test_what_a_charset_lacks_gets_a_stand_in(accented: Path, charset: str) -> None:
    checked = run(accented, "check", "--rig", "quick", **CHARSETS[charset])
    assert checked.stderr == b"" and b"character" in checked.stdout, checked
    if charset in ("ascii", "C", "POSIX"):
        assert checked.stdout.isascii()
        assert checked.stdout.startswith(b"v python"), "a mark stays apart from the mark of a fault"
    for words in (("logs",), ("say", "Größe 👻")):
        done = run(accented, *words, **CHARSETS[charset])
        assert done.returncode == 5 and plain(done.stderr), (words, done)


@pytest.mark.parametrize("charset", ["ascii", "latin1", "C"])
def test_json_stays_json(accented: Path, charset: str) -> None:
    done = run(accented, "check", "--json", "--rig", "quick", **CHARSETS[charset])
    report = json.loads(done.stdout.decode("ascii"))
    assert any("Jürgen Łoś 👻" in row["detail"] for row in report["rows"])


@pytest.mark.parametrize(
    ("argument", "meant"),
    [
        (b"caf\xe9", "café"),
        ("café 👻".encode(), "café 👻"),
        (b"\x93Boo\x94", "“Boo”"),
        (b"\xff\xfe\x81", "ÿþ"),
        (b"plain", "plain"),
    ],
)
@pytest.mark.parametrize("charset", ["ascii", "C"])
def test_an_argument_is_text_whatever_its_bytes(argument: bytes, meant: str, charset: str) -> None:
    """As the CLI sees it, in the very process that the CLI runs in."""
    shown = "import sys; from console.cli.main import parser; print(ascii(parser().parse_args(sys.argv[1:]).text))"
    program = f"from console.host.surroundings import prepare; prepare(); {shown}"
    variables = {**os.environ, **CHARSETS[charset], "PYTHONPATH": ""}
    words = (sys.executable, "-c", program, "ask", "--text", argument)
    done = subprocess.run(words, env=variables, cwd=CHECKOUT, capture_output=True, timeout=60)
    assert done.stdout.decode().startswith(ascii(meant)[:-1]), done


@pytest.fixture
def silent(home: Path) -> Iterator[RealShow]:
    """A show without engines, in the foreground of a child."""
    rig = home / "nowhere.toml"
    rig.write_text(NOWHERE)
    show = RealShow(home, "--rig", str(rig))
    yield show
    show.end()


def begin(show: RealShow, sh: str, **variables: str) -> None:
    words = ("/bin/sh", "-c", f'exec "$0" "$@" {sh}', *PROGRAM, "run", "--headless", *show.arguments)
    with (show.home / "show.out").open("wb") as out, (show.home / "show.err").open("wb") as err:
        show.process = subprocess.Popen(
            words, env=show.environment | variables, stdout=out, stderr=err, stdin=subprocess.DEVNULL
        )
    due = time.monotonic() + 30
    while show.cli("status").returncode != 0:
        assert show.process.poll() is None and time.monotonic() < due, (show.home / "show.err").read_text()
        time.sleep(0.1)


CLOSED = ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"]


@pytest.mark.parametrize("closed", CLOSED)
def test_a_command_with_closed_descriptors(home: Path, closed: str) -> None:
    """F33. Exit codes are as ever, and nothing of Python's is said."""
    (home / "nowhere.toml").write_text(NOWHERE)
    checking = ("check", "--rig", str(home / "nowhere.toml"))
    for words, code, lines in ((("status",), 5, 1), (checking, 3, 0)):
        done = run(home, *words, sh=closed)
        assert done.returncode == code, (words, done)
        assert done.stderr.count(b"\n") == (0 if "2>&-" in closed else lines), done
        assert (done.stdout == b"") is (lines == 1 or ">&-" in closed.replace("2>&-", "")), done


@pytest.mark.parametrize("closed", ["<&-", "<&- >&- 2>&-"])
def test_a_show_with_closed_descriptors(silent: RealShow, closed: str) -> None:
    """F33. What is printed must not land in the socket that took the number of a closed descriptor."""
    begin(silent, closed)
    assert silent.status()["show"]["stage"] == "IDLE"
    held = Path(f"/proc/{silent.file.pid}/fd")
    for number in ("0", "1", "2") if held.exists() else ():
        assert "socket" not in os.readlink(held / number)
    assert silent.cli("stop").returncode == 0


@pytest.mark.parametrize(
    ("words", "sh"),
    [
        (("check",), "| head -0"),
        (("check", "--json"), "| head -c 1"),
        (("--help",), "| head -0"),
        (("status",), "2>&1 | head -0"),
    ],
)
def test_a_reader_that_has_gone_costs_nothing(home: Path, words: tuple[str, ...], sh: str) -> None:
    """F33"""
    assert run(home, *words, sh=sh).stderr == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize("words", [("check",), ("models",), ("--help",)])
def test_output_without_room_is_one_line(home: Path, words: tuple[str, ...]) -> None:
    """And it is not the disk of the models that is blamed."""
    done = run(home, *words, sh="> /dev/full")
    assert b"Traceback" not in done.stderr and b"Exception" not in done.stderr and str(home) not in done.stderr.decode()
    assert words == ("--help",) or (done.returncode == 3 and plain(done.stderr)), done


BROKEN = "raise RuntimeError('not for you')\n"
SHADOWS = "numpy select console profiles devices re argparse typing asyncio queue msgspec httpx logging sitecustomize"
PYTHONS = {
    "PYTHONPATH": "{shadows}",
    "PYTHONSAFEPATH": "1",
    "PYTHONSTARTUP": "{shadows}/re.py",
    "PYTHONINSPECT": "1",
    "PYTHONOPTIMIZE": "2",
    "PYTHONWARNINGS": "error",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",
    "PYTHONUTF8": "0",
    "PYTHONNOUSERSITE": "1",
    "PYTHONMALLOC": "malloc",
    "PYTHONUSERBASE": "{shadows}",
    "PYTHONBREAKPOINT": "no.such.thing",
    "PYTHONPYCACHEPREFIX": "/proc/nowhere",
    "PYTHONCASEOK": "1",
}


@pytest.mark.parametrize("variable", PYTHONS)
def test_pythons_variables_are_for_other_programs(home: Path, tmp_path: Path, variable: str) -> None:
    """F35"""
    for name in SHADOWS.split():
        if name != "sitecustomize":  # it runs before us, whatever we do
            (tmp_path / f"{name}.py").write_text(BROKEN)
    value = PYTHONS[variable].format(shadows=tmp_path)
    rig = home / "nowhere.toml"
    rig.write_text(NOWHERE)
    checked = run(home, "check", "--rig", str(rig), **{variable: value})
    assert checked.returncode == 3 and checked.stderr == b"" and b"all else is a default" in checked.stdout, checked


def test_a_folder_of_shadows_is_a_folder_like_any_other(home: Path, tmp_path: Path) -> None:
    """F35: a queue.py where the operator happens to be."""
    for name in SHADOWS.split():
        (tmp_path / f"{name}.py").write_text(BROKEN)
    words = (*PROGRAM, "status")
    done = subprocess.run(words, env=os.environ | {"GALACTUS_HOME": str(home)}, cwd=tmp_path, capture_output=True)
    assert (done.returncode, done.stderr.decode()) == (5, NOTHING_RUNS)


def test_what_a_show_starts_is_free_of_pythons_variables(silent: RealShow, tmp_path: Path) -> None:
    """F35: its meters, and with them its engines."""
    if not Path("/proc/self/environ").exists():
        pytest.skip("looks into /proc")
    (tmp_path / "psutil.py").write_text(BROKEN)
    begin(silent, "", PYTHONPATH=str(tmp_path), PYTHONOPTIMIZE="2")
    seen = Path(f"/proc/{silent.file.pid}/environ").read_bytes()
    assert b"PYTHONPATH" not in seen and b"PYTHONOPTIMIZE" not in seen and b"GALACTUS_HOME" in seen


def test_another_python_is_told_which_to_use(home: Path, tmp_path: Path) -> None:
    """F35: without our packages there is one line, not a traceback."""
    program = f"import runpy, sys; sys.modules['msgspec'] = None; runpy.run_path({PROGRAM[1]!r}, run_name='__main__')"
    done = subprocess.run((sys.executable, "-c", program), capture_output=True, timeout=60)
    assert done.returncode == 1 and plain(done.stderr) and b"make setup" in done.stderr, done


def _at(place: Path, kind: str) -> str:
    """A value of GALACTUS_HOME below `place`."""
    (place / "file").touch()
    (place / "circle").symlink_to("circle")
    (place / "dangling").symlink_to("gone")
    values = {
        "a file": "file",
        "below a file": "file/home",
        "a circle": "circle",
        "dangling": "dangling",
        "too long": "x" * 300,
        "two lines": "a\nb",
        "not UTF-8": "caf\udce9",
    }
    return str(place / values[kind]) if kind in values else "~no-such-user/home"


PLACES = [
    "a file",
    "below a file",
    "a circle",
    "dangling",
    "too long",
    "two lines",
    "not UTF-8",
    "a user who is not there",
]


@pytest.mark.parametrize("words", [("status",), ("run", "--headless", "--rig", "quick")])
@pytest.mark.parametrize("kind", PLACES)
def test_a_home_that_can_be_no_folder(tmp_path: Path, kind: str, words: tuple[str, ...]) -> None:
    """F38"""
    done = run(tmp_path, *words, GALACTUS_HOME=_at(tmp_path, kind))
    assert done.returncode == 2 and plain(done.stderr), done
    assert done.stderr.startswith(b"GALACTUS_HOME: ") and b"set GALACTUS_HOME to a folder of your own" in done.stderr


@pytest.mark.parametrize("kind", ["a space", "umlauts äöü 👻", "a:b", 'quote\'d "x"', "%s {0} $HOME"])
def test_a_home_with_an_odd_name_works(tmp_path: Path, kind: str) -> None:
    """F38: a whole show lives in it."""
    (tmp_path / kind).mkdir()
    (tmp_path / "nowhere.toml").write_text(NOWHERE)
    show = RealShow(tmp_path / kind, "--rig", str(tmp_path / "nowhere.toml"))
    try:
        begin(show, "")
        assert show.status()["show"]["stage"] == "IDLE"
    finally:
        show.end()


def test_a_home_beside_us_and_one_with_a_tilde(tmp_path: Path) -> None:
    """F38"""
    (tmp_path / "mine" / "profiles" / "rigs").mkdir(parents=True)
    (tmp_path / "mine" / "profiles" / "rigs" / "only.toml").write_text(NOWHERE)
    for given in ("mine", "~/mine", "mine/../mine", " mine "):
        variables = {**os.environ, "GALACTUS_HOME": given, "HOME": str(tmp_path)}
        words = (*PROGRAM, "check", "--rig", "only")
        done = subprocess.run(words, env=variables, cwd=tmp_path, capture_output=True, timeout=60)
        assert f"{tmp_path}/mine/profiles/rigs/only.toml" in done.stdout.decode(), (given, done)


@pytest.mark.parametrize("umask", ["000", "022", "077", "777", "277"])
def test_a_mask_that_shuts_out_ourselves_or_nobody(umask: str) -> None:
    """F38: the owner may do all, others may write nothing."""
    program = "import os; from console.host.surroundings import prepare; prepare(); print(os.umask(0))"
    words = ("/bin/sh", "-c", f'umask {umask}; exec "$0" -c "$1"', sys.executable, program)
    done = subprocess.run(words, cwd=CHECKOUT, capture_output=True, timeout=60)
    mask = int(done.stdout)
    assert mask & 0o700 == 0 and mask & 0o022 == 0o022 and mask & int(umask, 8) & 0o077 == int(umask, 8) & 0o077


@pytest.mark.parametrize("variable", ["XDG_RUNTIME_DIR", "XDG_DATA_HOME", "XDG_CONFIG_HOME"])
def test_a_place_that_is_relative_is_none(tmp_path: Path, variable: str) -> None:
    """F38: it would be another one for a user in another folder."""
    program = f"import os; from console.host.surroundings import prepare; prepare(); print({variable!r} in os.environ)"
    for value, kept in (("run", "False"), ("", "False"), (str(tmp_path), "True")):
        variables = {**os.environ, variable: value}
        done = subprocess.run(
            (sys.executable, "-c", program), cwd=CHECKOUT, env=variables, capture_output=True, timeout=60
        )
        assert done.stdout.decode().strip() == kept, done


@pytest.mark.skipif(os.geteuid() != 0 or not Path("/proc/mounts").exists(), reason="mounting needs root")
def test_a_place_that_is_only_to_read(tmp_path: Path) -> None:
    """F38: the way out is named, and the check says no."""
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,size=1m", "tmpfs", str(place)], check=True)
    try:
        started = run(place, "run", "--headless", "--rig", "quick")
        assert started.returncode == 3 and plain(started.stderr) and b"set GALACTUS_HOME" in started.stderr, started
        checked = run(place, "check", "--rig", "quick")
        assert checked.returncode == 3 and "set GALACTUS_HOME" in checked.stdout.decode(), checked
        assert run(place, "status").returncode == 5
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_the_logs_of_a_checkout_that_is_not_ours_go_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """F38: a checkout below /opt, installed by somebody else."""
    monkeypatch.delenv("GALACTUS_HOME", raising=False)
    assert Home(home).logs == CHECKOUT / "logs"
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: not Path(path).is_relative_to(CHECKOUT) and access(path, mode))
    assert Home(home).logs == home / "logs"


def test_a_folder_that_is_gone_under_our_feet(tmp_path: Path) -> None:
    """F38"""
    here = tmp_path / "here"
    here.mkdir()
    program = f'cd "{here}" && rmdir "{here}" && exec "$0" "$@"'
    for words, code in ((("status",), 5), (("check", "--rig", "quick"), 3), (("check", "--rig", "./x.toml"), 2)):
        command = ("/bin/sh", "-c", program, *PROGRAM, *words)
        done = subprocess.run(command, env=os.environ | {"GALACTUS_HOME": str(tmp_path / "h")}, capture_output=True)
        assert b"Traceback" not in done.stderr and done.returncode in (code, 3), done
        here.mkdir()
