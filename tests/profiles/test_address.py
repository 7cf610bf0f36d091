"""Addresses of other people's servers: what works is understood, what cannot work is one line where the rig is read."""

from pathlib import Path

import pytest

from profiles.address import BadAddress, address
from profiles.errors import ProfileError
from profiles.home import Home
from profiles.loader import load_rig

RIG = 'title = "T"\n[engines.llm]\nengine = "llama_cpp"\nlaunch = "attach"\n'


def complaint(folder: Path, text: str) -> str:
    rig = folder / "booth.toml"
    rig.write_text(text)
    with pytest.raises(ProfileError) as caught:
        load_rig(str(rig), Home(folder / "home"))
    assert "\n" not in str(caught.value) and caught.value.hint and caught.value.file == str(rig)
    return str(caught.value)


@pytest.mark.parametrize(
    ("given", "url", "port"),
    [
        ("http://box", "http://box", 80),
        ("https://box", "https://box", 443),
        ("http://box:", "http://box", 80),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080", 8080),
        ("  http://127.0.0.1:8080\n", "http://127.0.0.1:8080", 8080),
        ("HTTP://Box:0080", "http://Box:80", 80),
        ("http://[::1]:8080", "http://[::1]:8080", 8080),
        ("https://[0:0:0:0:0:0:0:1]/v1/", "https://[::1]/v1", 443),
        ("http://localhost.:8080", "http://localhost.:8080", 8080),
        ("http://skull\u3002local:1", "http://skull.local:1", 1),
        ("http://sch\u00e4del.local:8080", "http://xn--schdel-dua.local:8080", 8080),
        ("http://my_box:8080/a%20b", "http://my_box:8080/a%20b", 8080),
        ("http://box:8080/l\u00e4rm", "http://box:8080/l%C3%A4rm", 8080),
        ("http://127.0.0.1:8080/#/chat", "http://127.0.0.1:8080", 8080),
        ("http://127.0.0.1:8080/?", "http://127.0.0.1:8080", 8080),
    ],
)
def test_what_can_be_reached_is_understood(given: str, url: str, port: int, tmp_path: Path) -> None:
    known = address(given)
    assert (known.url, known.port, known.user, known.password) == (url, port, "", "")
    assert address(known.url).url == known.url
    rig = tmp_path / "booth.toml"
    rig.write_text(f'{RIG}url = """{given}"""\n')
    load_rig(str(rig), Home(tmp_path / "home"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("http://box:0", "there is no port 0"),
        ("http://box:99999", "there is no port 99999"),
        ("http://box:65536/v1", "there is no port 65536"),
        ("http://box:abc", "is no number"),
        ("http://box:-1", "is no number"),
        ("http://box:8o8o", "is no number"),
        ("http://box:\u0668\u0660", "is no number"),
        ("box:8080", 'write "http://box:8080"'),
        ("127.0.0.1", 'write "http://127.0.0.1"'),
        ("//box:8080", "an attached engine needs its address with http://"),
        ("http:box:8080", "an attached engine needs its address with http://"),
        ("http:/box:8080", "an attached engine needs its address with http://"),
        ("/run/llm.sock", "an attached engine needs its address with http://"),
        ("ftp://box", "not by ftp://"),
        ("ws://box:1", "not by ws://"),
        ("unix:///run/llm.sock", "not by unix://"),
        ("http://my box:8080", "a space or a line break"),
        ("http://box:8080/a b", "a space or a line break"),
        ("http://box :8080", "a space or a line break"),
        ("http://::1:8080", "an IPv6 address stands in [ ]"),
        ("http://fe80::1", "an IPv6 address stands in [ ]"),
        ("http://box:80:80", "an IPv6 address stands in [ ]"),
        ("http://[::1:8080", "a [ without its ]"),
        ("http://[::1]8080", "a [ without its ]"),
        ("http://[box]:8080", "no IPv6 address in its [ ]"),
        ("http://[fe80::1%25eth0]:8080", "network card"),
        ("http://", "names no machine"),
        ("http://:8080", "names no machine"),
        ("https:///v1", "names no machine"),
        ("http://..", "a machine that cannot be"),
        ("http://box..local", "a machine that cannot be"),
        ("http://-box", "a machine that cannot be"),
        ("http://<host>:8080", "a machine that cannot be"),
        ("http://*:8080", "a machine that cannot be"),
        ("http://1.2.3.400:8080", "four numbers"),
        ("http://1.2.3:8080", "four numbers"),
        ("http://box:8080/v1?key=abc", "behind a ?"),
    ],
)
def test_what_cannot_be_is_one_line_when_the_rig_is_read(given: str, said: str, tmp_path: Path) -> None:
    line = complaint(tmp_path, f"{RIG}url = '{given}'\n")
    assert "engines.llm.url: " in line and said in line
    assert "key=abc" not in line


@pytest.mark.parametrize(
    ("given", "user", "password"),
    [
        ("http://me:pa%20ss@box:8080", "me", "pa ss"),
        ("http://me:p@ss:w@box:8080", "me", "p@ss:w"),
        ("http://me@box:8080", "me", ""),
        ("http://:word@box:8080", "", "word"),
    ],
)
def test_a_user_is_kept_apart_from_what_is_shown(given: str, user: str, password: str) -> None:
    known = address(given)
    assert (known.url, known.user, known.password) == ("http://box:8080", user, password)
    assert password not in repr(known) or not password


@pytest.mark.parametrize(
    "given",
    [
        "http://me:se/cret@box:8080",
        "http://me:se#cret@box",
        "http://me:se?cret@box",
        "http://me:secret@box:cretse",
        "http://me:secret@box:0",
        "http://me:secret@",
        "me:secret@box:8080",
        "ftp://me:secret@box",
        "http://me:secret@box/?cret",
        "http://me:se cret@box",
    ],
)
def test_no_complaint_repeats_a_password(given: str, tmp_path: Path) -> None:
    with pytest.raises(BadAddress):
        address(given)
    line = complaint(tmp_path, f"{RIG}url = '{given}'\n")
    assert "cret" not in line.replace(str(tmp_path), "")


@pytest.mark.parametrize(
    ("port", "said"),
    [
        ("socket://10.0.0.7", "no port"),
        ("socket://10.0.0.7:0", "there is no port 0"),
        ("socket://10.0.0.7:99999", "there is no port 99999"),
        ("socket://10.0.0.7:abc", "is no number"),
        ("socket://:4000", "names no machine"),
        ("rfc2217://box", "no port"),
        ("SOCKET://::1:4000", "stands in [ ]"),
    ],
)
@pytest.mark.parametrize("table", ["jaw", "pan_tilt"])
def test_a_board_behind_a_network_is_looked_at_alike(table: str, port: str, said: str, tmp_path: Path) -> None:
    text = f'extends = "rehearsal"\n[{table}]\nport = "{port}"\n'
    line = complaint(tmp_path, text)
    assert f"{table}.port: " in line and said in line
    good = tmp_path / "good.toml"
    good.write_text(f'extends = "rehearsal"\n[{table}]\nport = "socket://10.0.0.7:4000?logging=debug"\n')
    load_rig(str(good), Home(tmp_path / "home"))


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('url = "http://b"\napi_key_env = "A"\napi_key_file = "k"', "api_key_env: api_key_file is given as well"),
        ('url = "http://b"\napi_key_env = "sk-secret-0123"', "api_key_env: this is no name of an environment variable"),
        ('url = "http://me:secret@b"\napi_key_env = "A"', "url: there is a key beside the user"),
        ('launch = "process"\napi_key_file = "k"', "api_key_file: only an attached engine wants a key"),
        ('url = "http://b"\napi_key = "secret"', 'api_key: unknown key; did you mean "api_key_env"?'),
    ],
)
def test_a_key_that_cannot_be_meant_is_told_without_it(lines: str, said: str, tmp_path: Path) -> None:
    attach = "" if "launch" in lines else 'launch = "attach"\n'
    line = complaint(tmp_path, f'extends = "rehearsal"\n[engines.llm]\n{attach}{lines}\n')
    assert f"engines.llm.{said}" in line and "secret" not in line


def test_a_key_file_lies_beside_the_file_that_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "base.toml").write_text(f'{RIG}url = "http://b"\napi_key_file = "key.txt"\n')
    booth = tmp_path / "booth.toml"
    booth.write_text('extends = "base/base.toml"\n')
    home = Home(tmp_path / "home")
    assert load_rig(str(booth), home).value.engines["llm"].api_key_file == str(tmp_path / "base" / "key.txt")
    booth.write_text('extends = "base/base.toml"\n[engines.llm]\napi_key_file = "~/key"\n')
    assert load_rig(str(booth), home).value.engines["llm"].api_key_file == str(tmp_path / "me" / "key")
