"""Rigs and characters: found, merged, checked, and every value knows where it came from."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from profiles.errors import ProfileError
from profiles.home import Home
from profiles.loader import SHIPPED, known, load_character, load_rig, role_of

RIG = 'title = "T"\n[engines.llm]\nengine = "llama_cpp"\n'


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    (home.profiles / "rigs").mkdir(parents=True)
    (home.profiles / "characters").mkdir()
    return home


def own(home: Home, name: str, text: str, kind: str = "rigs") -> Path:
    file = home.profiles / kind / f"{name}.toml"
    file.write_text(text)
    return file


def complaint(given: str, home: Home) -> str:
    with pytest.raises(ProfileError) as caught:
        load_rig(given, home)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("file", sorted((SHIPPED / "rigs").glob("*.toml")), ids=lambda p: p.stem)
def test_every_shipped_rig_loads(home: Home, file: Path) -> None:
    loaded = load_rig(file.stem, home)
    assert (loaded.name, loaded.file) == (file.stem, str(file))
    assert {role_of(n, e) for n, e in loaded.value.engines.items()} >= {"stt", "llm", "tts"}
    assert load_character(loaded.value.character, home).value.name


@pytest.mark.parametrize("file", sorted((SHIPPED / "characters").glob("*.toml")), ids=lambda p: p.stem)
def test_every_shipped_character_loads(home: Home, file: Path) -> None:
    character = load_character(file.stem, home).value
    assert character.persona.strip() and character.lines.no_llm and character.lines.no_stt
    assert character.thinking.max_sentences <= 2
    spoken = [*character.lines.trouble, *character.lines.no_llm, *(e.reply for e in character.examples)]
    assert not [line for line in spoken if any(c in line for c in "*_#<>[](){}|")]


def test_known_names_and_near_ones(home: Home) -> None:
    own(home, "mine", RIG)
    assert {"mine", "rehearsal"} <= set(known("rigs", home))
    assert complaint("rehersal", home) == 'rehersal: there is no such rig; did you mean "rehearsal"?'
    assert "known rigs: " in complaint("zzzzzz", home)
    with pytest.raises(ProfileError, match="there is no such character"):
        load_character("nobody", home)


def test_tables_merge_lists_replace_and_origins_tell(home: Home) -> None:
    base = own(home, "base", 'name = "B"\npersona = "p"\n[lines]\nno_llm = ["a", "b"]\nno_stt = ["c"]\n', "characters")
    over = own(
        home, "over", 'extends = "base"\nname = "O"\n[lines]\nno_llm = ["z"]\n[voice]\nspeed = 1.5\n', "characters"
    )
    loaded = load_character("over", home)
    assert (loaded.value.name, loaded.value.persona, loaded.value.voice.speed) == ("O", "p", 1.5)
    assert (loaded.value.lines.no_llm, loaded.value.lines.no_stt) == (("z",), ("c",))
    assert loaded.origins == {
        "name": str(over),
        "persona": str(base),
        "lines.no_llm": str(over),
        "lines.no_stt": str(base),
        "voice.speed": str(over),
    }


def test_the_operators_file_shadows_the_shipped_one_and_may_extend_it(home: Home) -> None:
    own(home, "rehearsal", 'extends = "rehearsal"\ntitle = "Mine"\n[audio]\nspeaker = "null"\n')
    loaded = load_rig("rehearsal", home)
    assert (loaded.name, loaded.value.title, loaded.value.audio.speaker) == ("rehearsal", "Mine", "null")
    assert loaded.value.engines["stt"].model == "whisper-tiny.en"
    assert load_rig("quick", home).value.audio.speaker == "null", "what extends it by name gets the operator's"


def test_a_file_elsewhere_extends_by_name_or_by_a_path_beside_it(home: Home, tmp_path: Path) -> None:
    own(home, "rehearsal", 'extends = "rehearsal"\ntitle = "Mine"\n')
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "base.toml").write_text(RIG)
    (folder / "a.toml").write_text('extends = "base.toml"\ntitle = "A"\n')
    (folder / "rehearsal.toml").write_text('extends = "rehearsal"\n[audio]\nspeaker = "null"\n')
    a = load_rig(str(folder / "a.toml"), home)
    assert a.value.title == "A" and a.name.startswith("a-") and len(a.name) == 8
    assert load_rig(str(folder / "rehearsal.toml"), home).value.title == "Mine"
    (folder / "sub").mkdir()
    (folder / "sub" / "a.toml").write_text('extends = "../a.toml"\n')
    other = load_rig(str(folder / "sub" / "a.toml"), home)
    assert other.value.title == "A" and other.name != a.name, "two files of one name are two rigs"


def test_a_path_is_relative_to_where_we_are(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here.toml").write_text(RIG)
    monkeypatch.chdir(tmp_path)
    assert load_rig("here.toml", home).file == str(tmp_path / "here.toml")
    assert load_rig("./here.toml", home).file == str(tmp_path / "here.toml")


def test_circles_are_broken(home: Home) -> None:
    own(home, "a", 'extends = "b"\n')
    own(home, "b", 'extends = "a"\n')
    own(home, "self", f'extends = "{home.profiles}/rigs/self.toml"\n')
    assert "extend each other in a circle" in complaint("a", home)
    assert "extend each other in a circle" in complaint("self", home)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("extends = 5\n", "extends: it must be one name in quotes"),
        ('extends = "nothing"\n', "nothing: there is no such rig"),
        ('title = "T"\n[engines.stt]\nengine = "x"\n', "neither a model nor a voice is enabled"),
        (RIG + "enabled = false\n", "neither a model nor a voice is enabled"),
        ('title = "T"\n[engines.brain]\nengine = "x"\n', "engines.brain.role: what this engine does is not said"),
        (RIG + 'launch = "attach"\nurl = "127.0.0.1:80"\n', "engines.llm.url: an attached engine needs its address"),
        (RIG + 'url = "http://x"\n', "engines.llm.url: only an attached engine has an address"),
        (RIG + 'port = 5\n[engines.tts]\nengine = "y"\nport = 5\n', "engines: two engines have the same port"),
        (RIG + "[jaw]\nopen_us = 1400\n", "jaw.open_us: open and closed are the same"),
        (RIG + "[audio]\nspeeker = 1\n", 'audio.speeker: unknown key; did you mean "speaker"?'),
        (RIG + 'threads = "many"\n', "engines.llm.threads: it must be a whole number from 0 to 256, such as 0"),
        ("title = \n", "it is not valid TOML"),
        ("", 'it is empty; begin with extends = "rehearsal"'),
        ("# all is commented out\n", "it is empty"),
        (RIG + "[memory]\nact_at = 0.8\n", "memory.act_at: it acts before it warns: act_at is 0.8, warn_at 0.9"),
        (RIG + "[memory]\nwarn_at = nan\n", "memory.warn_at: it must be a number above 0 and 1 at most"),
        (RIG + "[deadlines]\nfirst_pcm_s = 0\n", "deadlines.first_pcm_s: it must be a number above 0 and 3600 at most"),
        (RIG + "[deadlines]\nthinking_s = inf\n", "deadlines.thinking_s: it must be a number above 0"),
        (RIG + "[jaw]\nrest_us = 90\n", "jaw.rest_us: no servo knows a pulse of 90 us; 0 for closed, or 500 and more"),
        (RIG + "[jaw]\nbaud = 1\n", "jaw.baud: no line is that slow"),
        (RIG + '[audio]\nspeaker = " "\n', "audio.speaker: it must be text in quotes of one line that is not empty"),
        (RIG + '[camera]\ndevice = ""\n', "camera.device: it must be text in quotes of one line that is not empty"),
        (RIG + 'binary = ""\n', "engines.llm.binary: it must be text in quotes"),
        (RIG + 'ladder = [{model = ""}]\n', "engines.llm.ladder[0].model: it must be text in quotes"),
        ('title = ""\n[engines.llm]\nengine = "x"\n', "title: it must be text in quotes of one line"),
        ('title = "a\\nb"\n[engines.llm]\nengine = "x"\n', "title: it must be text in quotes of one line"),
        ('extends = "a\\u0000b"\n', "there is no such rig"),
    ],
)
def test_every_mistake_names_file_key_and_hint(home: Home, text: str, said: str) -> None:
    file = own(home, "bad", text)
    line = complaint("bad", home)
    assert said in line
    assert line.startswith(str(file)) or "no such rig" in said


def test_a_missing_file_and_a_folder(home: Home, tmp_path: Path) -> None:
    assert "no.toml: there is no such file; see where you are" in complaint(str(tmp_path / "no.toml"), home)
    assert "it is a folder, not a file" in complaint(f"{tmp_path}/", home)
    assert "there is no such rig" in complaint("", home)


def _unreadable(file: Path) -> None:
    file.write_text(RIG)
    file.chmod(0)


KINDS: dict[str, tuple[Callable[[Path], object], str]] = {
    "folder": (lambda file: file.mkdir(), "it is a folder, not a file; name a file that ends in .toml"),
    "pipe": (os.mkfifo, "it is a pipe, not a file"),
    "device": (lambda file: file.symlink_to("/dev/zero"), "it is a device, not a file"),
    "dangling": (lambda file: file.symlink_to("gone.toml"), "it is a link to gone.toml, which is not there"),
    "circle": (lambda file: file.symlink_to(file), "it cannot be read (Too many levels of symbolic links)"),
    "empty": (lambda file: file.write_bytes(b""), "it is empty"),
    "blank": (lambda file: file.write_bytes(b"\xef\xbb\xbf \r\n\r\n"), "it is empty"),
    "binary": (lambda file: file.write_bytes(bytes(range(256)) * 9), "it is not text"),
    "zeros": (lambda file: file.write_bytes(bytes(5000)), "it is"),
    "huge": (lambda file: file.write_bytes(b"# a\n" * 500_000), "it is far too large"),
    "utf-16": (lambda file: file.write_bytes(RIG.encode("utf-16")), "it is UTF-16 text; save it as UTF-8"),
    "utf-16, no mark": (lambda file: file.write_bytes(RIG.encode("utf-16-be")), "it is UTF-16 text"),
    "latin-1": (lambda file: file.write_bytes((RIG + "# \xfc").encode("latin-1")), "line 4: it is not UTF-8 text"),
    "unreadable": (_unreadable, "it cannot be read (Permission denied); check whose it is"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", ["rig", "character"])
def test_what_lies_in_place_of_a_file_is_named(home: Home, kind: str, what: str) -> None:
    """F39: by its name and by its path; nothing is waited for, and no name is said to be like itself."""
    make, said = KINDS[kind]
    if kind == "unreadable" and os.geteuid() == 0:
        pytest.skip("root may read everything")
    file = home.profiles / f"{what}s" / "bad.toml"
    make(file)
    load = load_rig if what == "rig" else load_character
    for given in ("bad", str(file)):
        if kind == "dangling" and given != "bad":
            said = "there is no such file"
        with pytest.raises(ProfileError) as caught:
            load(given, home)
        assert said in str(caught.value), str(caught.value)
        assert "did you mean" not in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["x" * 300, "~nobody-of-this-name/x.toml", "a\0b", "/" + "x" * 300 + "/y.toml", "."])
def test_a_name_that_can_be_no_file(home: Home, name: str) -> None:
    complaint(name, home)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_files_of_other_systems_are_read(home: Home, end: str) -> None:
    file = home.profiles / "rigs" / "theirs.toml"
    file.write_bytes(b"\xef\xbb\xbf" + RIG.replace("\n", end).encode())
    assert load_rig("theirs", home).value.title == "T"


def test_a_file_that_is_here_is_no_name(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "booth.toml").write_text(RIG)
    monkeypatch.chdir(tmp_path)
    assert "write ./booth.toml" in complaint("booth", home)


@pytest.mark.parametrize(
    "text",
    [
        'name = ""\n',
        'name = "  "\n',
        'name = "a\\nb"\n',
        'persona = " "\n',
        '[lines]\ntrouble = [""]\n',
        '[lines]\nunheard = [" "]\n',
        "[thinking]\nseed = 99999999999\n",
        "[thinking]\ntemperature = nan\n",
        "[voice]\nspeed = inf\n",
        '[[examples]]\nvisitor = ""\nreply = "x"\n',
    ],
)
def test_a_character_without_words_or_measure(home: Home, text: str) -> None:
    """F40"""
    own(home, "odd", f'extends = "mr_bones"\n{text}', "characters")
    with pytest.raises(ProfileError, match=r"characters/odd\.toml: .*it must be "):
        load_character("odd", home)


def test_sockets_live_in_a_folder_of_ours_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "")
    short = Path("/tmp") / f"gt-{os.getpid()}"
    short.mkdir()
    try:
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(short))
        socket = Home(tmp_path).socket("rehearsal", "show")
        folder = socket.parent
        assert folder.stat().st_mode & 0o777 == 0o700 and folder.parent == short
        assert socket == Home(tmp_path).socket("rehearsal", "show")
        others = {Home(tmp_path).socket("quick", "show"), Home(tmp_path / "x").socket("rehearsal", "show")}
        assert socket not in others and len(others) == 2
        assert Home(tmp_path).socket("a", "b") != Home(tmp_path).socket("ab")
        folder.chmod(0o755)
        assert Home(tmp_path).socket("rehearsal", "show") == socket, "it is ours: closed to others again"
        assert folder.stat().st_mode & 0o777 == 0o700
        folder.rmdir()
    finally:
        short.rmdir()


@pytest.mark.parametrize("name", ["x" * 90, "nowhere"])
def test_a_long_or_missing_runtime_folder_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    base = tmp_path / name
    if len(name) > 60:
        base.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(base))
    socket = Home(tmp_path).socket("rehearsal", "show")
    assert len(os.fsencode(socket)) < 104 and socket.parent.parent == Path("/tmp")


def test_home_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GALACTUS_HOME", str(tmp_path / "a" / ".." / "b"))
    home = Home.from_environment()
    assert home.root == tmp_path / "b" and not home.root.exists()
    assert home.logs == home.root / "logs"
    assert home.state("r") == home.root / "state" / "r"
    monkeypatch.delenv("GALACTUS_HOME")
    assert Home.from_environment().root.name == "galactus"
    assert home.logs != home.root / "logs"
