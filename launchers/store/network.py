"""How a download leaves this machine: proxies, certificates and uv's variables, as the operator has set them."""

import os
import ssl
import urllib.request
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from msgspec import Struct

from launchers.errors import FetchError

_UVS = ("UV_INDEX", "UV_EXTRA_INDEX", "UV_DEFAULT_INDEX", "UV_FIND_LINKS", "UV_HTTP", "UV_REQUEST", "UV_CONCURRENT")
_UV_KEPT = frozenset(
    "UV_KEYRING_PROVIDER UV_NATIVE_TLS UV_SYSTEM_CERTS UV_INSECURE_HOST UV_CONFIG_FILE UV_NO_CONFIG UV_LINK_MODE "
    "UV_OFFLINE UV_NETRC UV_CREDENTIALS_DIR".split()
)
"""Where packages come from is the operator's choice; where and for whom they are installed is ours."""


class Proxy(Struct, frozen=True):
    """Its address, and the variable that names it."""

    url: str
    variable: str

    def __str__(self) -> str:
        """Without its user and password."""
        scheme, _, rest = self.url.partition("://")
        return f"{scheme}://{rest.rpartition('@')[2]}"

    @property
    def trouble(self) -> str:
        """Why no download can go through it, with what to do; empty when one can."""
        see = f"write {self.variable} as http://HOST:PORT, or unset it"
        try:
            httpx.Proxy(self.url)
            usable = bool(httpx.URL(self.url).host)
        except (ValueError, httpx.InvalidURL):
            usable = False
        if self.url.lower().startswith("socks"):
            return f"{self} is a SOCKS proxy, which no download of ours can use; {see}"
        return "" if usable else f"{self.variable} names {self}, which is no proxy; {see}"


def proxy_for(url: str) -> Proxy | None:
    """The one that the environment names for it; this machine itself is never asked for through one."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if not host or _here(host) or urllib.request.proxy_bypass(host):
        return None
    named = urllib.request.getproxies()
    kind = next((kind for kind in (parts.scheme, "all") if named.get(kind)), None)
    if kind is None:
        return None
    given = named[kind] if "://" in named[kind] else f"http://{named[kind]}"
    names = (f"{kind}_proxy", f"{kind}_PROXY".upper())
    return Proxy(given, next((name for name in names if os.environ.get(name)), "the system's proxy settings"))


def any_proxy() -> str:
    """For the end of a complaint about a server whose name only uv knows."""
    proxy = proxy_for("https://a.package.index")
    return f" through the proxy {proxy}; see {proxy.variable}" if proxy else ""


def _here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def certificates() -> ssl.SSLContext:
    """Those that the operator's variables name, else the bundled ones. Raises FetchError that names the variable."""
    file, folders = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if not file and folders and not any(Path(folder).is_dir() for folder in folders.split(os.pathsep)):
        raise FetchError(f"SSL_CERT_DIR names {folders}, which is not there; correct it or unset it")
    try:
        return httpx.create_ssl_context()
    except (OSError, ValueError) as error:
        name, value = ("SSL_CERT_FILE", file) if file else ("SSL_CERT_DIR", folders)
        why = (error.strerror if isinstance(error, OSError) else "") or str(error)
        raise FetchError(
            f"{name} names {value}, which holds no certificates ({why}); correct it or unset it"
        ) from error


class ByEnvironment(httpx.AsyncBaseTransport):
    """Each request goes the way that its address has. Raises FetchError for certificates that are not there."""

    def __init__(self) -> None:
        self._context = certificates()
        self._ways: dict[str, httpx.AsyncHTTPTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        proxy = proxy_for(str(request.url))
        if proxy is not None and proxy.trouble:
            raise httpx.UnsupportedProtocol(proxy.trouble)
        way = proxy.url if proxy else ""
        if way not in self._ways:
            self._ways[way] = httpx.AsyncHTTPTransport(verify=self._context, proxy=way or None)
        return await self._ways[way].handle_async_request(request)

    async def aclose(self) -> None:
        for way in self._ways.values():
            await way.aclose()


def uv_variables(more: Mapping[str, str]) -> dict[str, str]:
    """Our environment for uv, without what would send its packages elsewhere."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("UV_", "PYTHON")) or key.startswith(_UVS) or key in _UV_KEPT
    }
    for other in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        kept.pop(other, None)
    return {**kept, **more}
