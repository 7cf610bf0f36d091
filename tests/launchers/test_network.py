"""Proxies, certificates, tokens and uv's variables that cannot be used: named in one line, or not in the way (F36)."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from launchers.errors import FetchError
from launchers.store import source_hub
from launchers.store.download import Download, SourceFailed, download, new_client
from launchers.store.fetch_meter import FetchMeter
from launchers.store.file_transfer import sha256_of
from launchers.store.network import proxy_for, uv_variables
from profiles.catalogue import Hub

NAMES = [f"{kind}_proxy" for kind in ("http", "https", "all", "no")]


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*NAMES, *map(str.upper, NAMES), "SSL_CERT_FILE", "SSL_CERT_DIR", "HF_TOKEN", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def closed_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        yield taken.getsockname()[1]


async def complaint(url: str, folder: Path) -> str:
    wanted = Download(url=url, part=folder / "x.part", sha256="0" * 64, bytes=5)
    with pytest.raises((SourceFailed, FetchError)) as caught:
        async with new_client() as client:
            await download(client, wanted, FetchMeter("x", lambda _: None))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        (
            "ALL_PROXY",
            "socks5://h:1080",
            "socks5://h:1080 is a SOCKS proxy, which no download of ours can use; write ALL_",
        ),
        ("all_proxy", "socks5h://u:secret@h:1", "socks5h://h:1 is a SOCKS proxy"),
        ("https_proxy", "socks4://h:1", "write https_proxy as http://HOST:PORT, or unset it"),
        ("HTTPS_PROXY", "ftp://h:1", "HTTPS_PROXY names ftp://h:1, which is no proxy"),
        ("https_proxy", "htp://h", "https_proxy names htp://h, which is no proxy"),
        ("https_proxy", "http://h:abc", "https_proxy names http://h:abc, which is no proxy"),
        ("https_proxy", "http://", "https_proxy names http://, which is no proxy"),
        ("https_proxy", "http://[::1", "https_proxy names"),
    ],
)
async def test_a_proxy_that_cannot_be_used_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    monkeypatch.setenv(variable, value)
    line = await complaint("https://models.example/x", tmp_path)
    assert said in line and "secret" not in line, line


@pytest.mark.parametrize(
    ("variable", "form"),
    [
        ("https_proxy", "http://127.0.0.1:{}"),
        ("HTTPS_PROXY", "127.0.0.1:{}"),
        ("ALL_PROXY", "http://me:secret@127.0.0.1:{}"),
    ],
)
async def test_a_dead_proxy_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closed_port: int, variable: str, form: str
) -> None:
    monkeypatch.setenv(variable, form.format(closed_port))
    line = await complaint("https://models.example/x", tmp_path)
    assert line == f"the proxy http://127.0.0.1:{closed_port} does not answer; see {variable}"


async def test_a_proxy_that_refuses_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
        line = await complaint("https://models.example/x", tmp_path)
    assert line.startswith(f"the proxy http://127.0.0.1:{port} refuses (407") and line.endswith("see https_proxy"), line


@pytest.mark.parametrize(
    "no_proxy", ["", "localhost,127.0.0.1,[::1]", "*", "a b,,;", "http://x:y", "10.0.0.0/8", "\u00e4"]
)
@pytest.mark.parametrize("proxy", ["socks5://h:1", "http://h:abc", "http://127.0.0.1:9"])
async def test_this_machine_is_asked_without_a_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_proxy: str, proxy: str
) -> None:
    """Whatever no_proxy says: a mirror of the house may run here."""
    (tmp_path / "served").write_bytes(b"hello")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        await writer.drain()
        writer.close()

    for name in ("http_proxy", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy)
    monkeypatch.setenv("no_proxy", no_proxy)
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server, new_client() as client:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/x"
        sha256 = await sha256_of(tmp_path / "served")
        wanted = Download(url=url, part=tmp_path / "x.part", sha256=sha256, bytes=5)
        assert (await download(client, wanted, FetchMeter("x", lambda _: None))).read_bytes() == b"hello"


@pytest.mark.parametrize("host", ["localhost", "127.8.9.1", "[::1]", "box.localhost"])
def test_loopback_has_no_proxy(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://h:1")
    assert proxy_for(f"http://{host}:5/x") is None and proxy_for("http://other.example/x") is not None


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SSL_CERT_FILE", "{}/none.pem"),
        ("SSL_CERT_FILE", "{}/rubbish.pem"),
        ("SSL_CERT_FILE", "{}"),
        ("SSL_CERT_DIR", "{}/none"),
    ],
)
async def test_certificates_that_are_not_there_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    (tmp_path / "rubbish.pem").write_text("no certificate")
    monkeypatch.setenv(variable, value.format(tmp_path))
    line = await complaint("https://models.example/x", tmp_path)
    assert line.startswith(f"{variable} names {value.format(tmp_path)}, which ") and line.endswith("unset it"), line


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("HF_TOKEN", "hf_\u00e4\u00f6\u00fc", "correct or unset HF_TOKEN"),
        ("HF_TOKEN", "hf_\u201cx\u201d", "correct or unset HF_TOKEN"),
        ("HF_TOKEN", "hf_a\x01b", "correct or unset HF_TOKEN"),
        ("HF_ENDPOINT", "models.example", "HF_ENDPOINT names models.example, which is no address"),
        ("HF_ENDPOINT", "ftp://models.example", "HF_ENDPOINT names ftp://models.example"),
    ],
)
def test_settings_of_the_hub_that_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SourceFailed) as caught:
        source_hub._address(Hub(repo="a/b", path="c"))
    assert said in str(caught.value) and "hf_" not in str(caught.value)


def test_uv_keeps_where_packages_come_from_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {"UV_INDEX_URL": "a", "UV_DEFAULT_INDEX": "b", "UV_EXTRA_INDEX_URL": "c", "UV_INDEX_MINE_PASSWORD": "d"}
    kept |= {"UV_NATIVE_TLS": "1", "https_proxy": "e", "UV_INSECURE_HOST": "f"}
    gone = "UV_PYTHON UV_SYSTEM_PYTHON UV_NO_CACHE UV_TARGET UV_PREFIX UV_EXCLUDE_NEWER UV_NO_BINARY UV_PROJECT".split()
    gone += "UV_CONSTRAINT UV_OVERRIDE UV_PYTHON_PREFERENCE VIRTUAL_ENV CONDA_PREFIX PYTHONPATH".split()
    for name, value in (kept | dict.fromkeys(gone, "1")).items():
        monkeypatch.setenv(name, value)
    seen = uv_variables({"UV_CACHE_DIR": "ours"})
    assert kept.items() <= seen.items() and seen["UV_CACHE_DIR"] == "ours" and not set(gone) & set(seen)
