"""A link taken apart, strictly: what a browser might read differently than we do is no address. Knows no platform.

No user name, no letter beyond ASCII and no escape in a host, no host that was spelled in other letters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from urllib.parse import unquote

ADDRESS_CHARACTERS = 8192
MOST_FIELDS = 32
MOST_DECODINGS = 4

_ADDRESS = re.compile(
    r"(?P<scheme>https?|zoommtg)://(?P<host>\[[0-9a-f:.]{2,45}\]|[a-z0-9.-]{1,253})(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<tail>[/?#].*)?",
    re.IGNORECASE | re.ASCII | re.DOTALL,
)
_LABEL = re.compile(r"(?!xn--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_SEPARATORS = re.compile("[\0\1]|%0[01]")
_VALUE = re.compile(r"[!-~]{1,256}")  # of a passcode or token: what follows from elsewhere is not part of it


@dataclass(frozen=True, kw_only=True)
class Address:
    scheme: str
    host: str  # lower case, without a final dot
    port: int | None  # None: the scheme's own
    path: str  # as written
    query: str
    fragment: str
    own: bool = False  # of a server that whoever asks has named as theirs, with this scheme

    @property
    def place(self) -> str:
        """The host, and the port where it is not the scheme's own."""
        return self.host if self.port is None else f"{self.host}:{self.port}"

    @property
    def tail(self) -> str:
        """All that follows the host, as written."""
        query = f"?{self.query}" if self.query else ""
        return self.path + query + (f"#{self.fragment}" if self.fragment else "")

    @cached_property
    def fields(self) -> dict[str, str]:
        return fields(self.query)

    def value(self, name: str) -> str | None:
        """What a field says, where it says something that can be typed."""
        found = _VALUE.match(self.fields.get(name, ""))
        return found.group() if found else None


def address_of(text: str) -> Address | None:
    """The address a whole text is."""
    found = _ADDRESS.fullmatch(text) if len(text) <= ADDRESS_CHARACTERS else None
    if found is None:
        return None
    scheme, host = found["scheme"].lower(), found["host"].lower().removesuffix(".")
    port = int(found["port"]) if found["port"] else None
    if not host.startswith("[") and not all(_LABEL.fullmatch(label) for label in host.split(".")):
        return None
    before, _, fragment = (found["tail"] or "").partition("#")
    path, _, query = before.partition("?")
    own = {"http": 80, "https": 443}.get(scheme)
    port = None if port == own else port
    return Address(scheme=scheme, host=host, port=port, path=path, query=query, fragment=fragment)


def is_under(host: str, domains: Iterable[str]) -> bool:
    """The host is one of these or belongs to one of them."""
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)


def fields(query: str) -> dict[str, str]:
    """The fields of a query, their names in lower case; of those named alike the first."""
    found: dict[str, str] = {}
    each = _SEPARATORS.sub("\ufffd", query).split("&", MOST_FIELDS)[:MOST_FIELDS]
    for field in unquote("\0".join(field.replace("=", "\1", 1) for field in each)).split("\0"):  # decoded at one go
        name, _, value = field.partition("\1")
        found.setdefault(name.lower(), value)
    return found


def decoded(text: str, *, until: str = "") -> str:
    """Without percent escapes, however often they were escaped in turn; `until` ends it early, once it is there."""
    for _ in range(MOST_DECODINGS):
        if "%" not in text or (until and until in text):
            break
        text = unquote(text)
    return text


def opened(address: Address) -> Address:
    """The address without escapes in its path, and with the query that was escaped along with it."""
    path, _, query = decoded(address.path).partition("?")
    return replace(address, path=path, query=f"{query}&{address.query}" if query else address.query)
