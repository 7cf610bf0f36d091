"""The address of a server that somebody else runs, as a rig gives it: taken apart once, before anything is started."""

import ipaddress
import re
from urllib.parse import quote, unquote

from msgspec import Struct

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?")
_NUMBERS = re.compile(r"[0-9.]+")
_LIKE = 'such as "http://127.0.0.1:8080"'
_PATH = "/%:@!$&'()*+,;=~"
PORTS = {"http": 80, "https": 443}


class BadAddress(ValueError):
    """Nothing can be reached at it; neither text holds what might be a password."""

    def __init__(self, message: str, hint: str = _LIKE) -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


class Address(Struct, frozen=True):
    """Where requests go, and who we are there."""

    url: str
    """Without user, password and the last slash: fit to be shown."""
    port: int
    user: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return f"Address({self.url!r})"


def address(text: str) -> Address:
    """Raises BadAddress."""
    text = text.strip()
    if any(c.isspace() or not c.isprintable() for c in text):
        raise BadAddress("this address has a space or a line break in it")
    found = _SCHEME.match(text)
    if found is None:
        raise BadAddress("an attached engine needs its address with http:// or https:// before it", _completed(text))
    scheme = found[1].lower()
    if scheme not in PORTS:
        raise BadAddress(f"a server is asked by http:// or https://, not by {scheme}://")
    authority, path = _split(text[found.end() :])
    if "@" in path and "@" not in authority:
        raise BadAddress("this address has a /, ? or # in its password", "write them as %2F, %3F and %23")
    who, _, where = authority.rpartition("@")
    host, given = _host_and_port(where)
    user, _, password = who.partition(":")
    url = f"{scheme}://{host}{f':{given}' if given else ''}{quote(path.rstrip('/'), safe=_PATH)}"
    return Address(url, given or PORTS[scheme], unquote(user), unquote(password))


def host_and_port(text: str) -> tuple[str, int]:
    """Of a `host:port`, where no port is usual. Raises BadAddress."""
    host, port = _host_and_port(text)
    if not port:
        raise BadAddress("this address has no port", f'such as "socket://{host}:4000"')
    return host, port


def _split(rest: str) -> tuple[str, str]:
    """What comes before the first /, and the path; what a browser puts behind a # is never sent to a server."""
    whole = re.match(r"([^/?#]*)([^?#]*)(\?[^#]*)?(#.*)?", rest)
    assert whole is not None
    authority, path, query, fragment = whole.groups(default="")
    if "@" in query + fragment and "@" not in authority:
        return authority, path + query + fragment
    if query.strip("?"):
        raise BadAddress("this address has a part behind a ?", "end it before the ?; a key goes into api_key_file")
    return authority, path


def _host_and_port(where: str) -> tuple[str, int]:
    """The port is 0 where none is given."""
    if where.startswith("["):
        inside, closed, rest = where[1:].partition("]")
        if not closed or rest[:1] not in ("", ":"):
            raise BadAddress("this address has a [ without its ]", "such as [::1]:8080")
        return f"[{_six(inside)}]", _port(rest[1:])
    if where.count(":") > 1:
        raise BadAddress("this address has more than one : in it", "an IPv6 address stands in [ ], as [::1]:8080")
    host, _, port = where.partition(":")
    return _name(host), _port(port)


def _six(inside: str) -> str:
    try:
        known = ipaddress.IPv6Address(inside)
    except ValueError:
        raise BadAddress("this address has no IPv6 address in its [ ]", "such as [::1]:8080") from None
    if known.scope_id:
        raise BadAddress("this address names a network card behind a %", "use an address or a name without it")
    return str(known)


def _name(host: str) -> str:
    """As it is sent: names with other letters than a..z have a spelling of their own for that."""
    if not host:
        raise BadAddress("this address names no machine")
    try:
        plain = host.encode("idna").decode("ascii")
    except UnicodeError:
        plain = ""
    if not _HOST.fullmatch(plain):
        raise BadAddress("this address names a machine that cannot be")
    if _NUMBERS.fullmatch(plain):
        try:
            ipaddress.IPv4Address(plain)
        except ValueError:
            raise BadAddress("this address is four numbers from 0 to 255, or a name") from None
    return plain


def _port(text: str) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdecimal()):
        raise BadAddress("the port behind the : of this address is no number")
    if not 1 <= int(text[:6]) <= 65_535:
        raise BadAddress(
            f"there is no port {text[:12]}", "ports are 1 to 65535; without one it is 80, or 443 for https"
        )
    return int(text)


def _completed(text: str) -> str:
    """What was meant, where that is plain."""
    try:
        known = address(f"http://{text}")
    except BadAddress:
        return _LIKE
    return _LIKE if known.user or text.startswith(("/", "http:", "https:")) else f'write "{known.url}"'
