"""Where a user's address may lead: to public servers, by https. Pure: asks no name server, connects to nothing.

A URL is read once, by rules under which no two programs can read it differently, and what was read is what is used.
Names are judged by what they resolve to, each time anew (`check`); there is no list of bad names.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from bot.errors import BadInput

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MAX_URL_CHARACTERS = 2048
_PORTS = {"http": 80, "https": 443}
_LOWEST_USERS_PORT = 1024  # below are the services of a host itself: mail, remote shells, printers
_CHARACTERS = re.compile(r"[!#-;=?-\[\]_a-z~]+")  # printable ASCII without space and "<>\^`{|}
_AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._-]+)(?::(?P<port>[0-9]{1,5}))?")
_LABEL = re.compile(r"(?!-)[0-9a-z_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")  # as a host's last label: programs take the whole for an IPv4 address

# The IANA registries of special-purpose addresses, and more (told beside them). Refused is also what the standard
# library calls not global, so a gap in either list is closed by the other.
NOT_PUBLIC_V4 = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",  # carriers' NAT; also some clouds' metadata
    "127.0.0.0/8",
    "168.63.129.16/32",  # Azure's host, answers only its own guests
    "169.254.0.0/16",  # link-local, metadata
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.31.196.0/24",
    "192.52.193.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "192.175.48.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",  # multicast
    "240.0.0.0/4",  # reserved, broadcast
)
PUBLIC_V6 = "2000::/3"  # all that is given out; the rest is local, mapped IPv4, multicast or reserved
NOT_PUBLIC_V6 = (
    "2001::/23",  # protocol assignments, among them Teredo
    "2001:db8::/32",
    "2002::/16",  # 6to4
    "2620:4f:8000::/48",
    "3fff::/20",
)
NAT64 = "64:ff9b::/96"  # how a host without IPv4 reaches it: judged by the IPv4 address inside
_ISATAP = (0x00005EFE, 0x02005EFE)  # marks an IPv4 address in the last 32 bits, in any prefix

_NOT_PUBLIC_V4 = tuple(map(ipaddress.IPv4Network, NOT_PUBLIC_V4))
_NOT_PUBLIC_V6 = tuple(map(ipaddress.IPv6Network, NOT_PUBLIC_V6))
_PUBLIC_V6, _NAT64 = ipaddress.IPv6Network(PUBLIC_V6), ipaddress.IPv6Network(NAT64)

REASONS = {
    "malformed": "The address must be a complete URL of printable ASCII characters, at most 2048.",
    "scheme": "The address must begin with https://.",
    "credentials": "The address carries a user name; addresses that do are refused.",
    "fragment": "The address has a part behind #, which is never sent.",
    "host": "The host must be a name, or an IP address in its usual form.",
    "port": "The port must be 443, or 1024 and above.",
    "not_public": "The address leads to a network that is not public.",
}


class AddressRefused(BadInput):
    """This address cannot be used: it must be the https URL of a public server."""

    code = "address_refused"

    def __init__(self, reason: str) -> None:
        super().__init__(REASONS[reason], reason=reason)
        self.reason = reason


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """A URL as it was read. `literal`: the host is this IP address; None: a name."""

    url: str  # in one form: what a request is made of
    scheme: str
    host: str  # lower case, no brackets, no final dot
    port: int
    literal: Address | None


def parse_networks(text: str) -> tuple[Network, ...]:
    """Networks from "10.0.0.0/8, ::1". Raises ValueError."""
    return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())


def parse(url: str, allow: Sequence[Network] = ()) -> Target:
    """Read a URL and refuse what can be refused without a name server. Raises AddressRefused."""
    if len(url) > MAX_URL_CHARACTERS or not _CHARACTERS.fullmatch(url.lower()):
        raise AddressRefused("malformed")
    try:
        parts = urlsplit(url)
    except ValueError:  # brackets that hold no IPv6 address
        raise AddressRefused("host") from None
    if parts.scheme not in _PORTS:
        raise AddressRefused("scheme")
    if "@" in parts.netloc:
        raise AddressRefused("credentials")
    if "#" in url:
        raise AddressRefused("fragment")
    target = _read(parts)
    if target.literal is not None:
        check(target, [target.literal], allow)
    elif not allow:
        _check_outside(target)
    return target


def check(target: Target, addresses: Sequence[Address], allow: Sequence[Network] = ()) -> None:
    """May a request to `target` go to these addresses, all of them? `allow`: networks of the operator, where http and
    any port may be used too. Raises AddressRefused."""
    strangers = [address for address in addresses if not any(address in network for network in allow)]
    if addresses and not strangers:
        return
    _check_outside(target)
    if not addresses or not all(is_public(address) for address in strangers):
        raise AddressRefused("not_public")


def is_public(address: Address) -> bool:
    """Is this an address of the public Internet, that only its owner answers?"""
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not any(address in network for network in _NOT_PUBLIC_V4)
    if address.scope_id is not None:
        return False
    number = int(address)
    if address in _NAT64:
        return is_public(ipaddress.IPv4Address(number & 0xFFFFFFFF))
    special = any(address in network for network in _NOT_PUBLIC_V6) or number >> 32 & 0xFFFFFFFF in _ISATAP
    return address in _PUBLIC_V6 and address.is_global and not special


def _check_outside(target: Target) -> None:
    if target.scheme != "https":
        raise AddressRefused("scheme")
    if target.port != _PORTS["https"] and target.port < _LOWEST_USERS_PORT:
        raise AddressRefused("port")


def _read(parts: SplitResult) -> Target:
    authority = _AUTHORITY.fullmatch(parts.netloc)
    if authority is None:
        raise AddressRefused("host" if parts.netloc else "malformed")
    port = int(authority["port"] or _PORTS[parts.scheme])
    if not 0 < port <= 65535:
        raise AddressRefused("port")
    host = authority["host"].lower().removesuffix(".")
    literal = _literal(host)
    host = host.strip("[]") if literal is None else str(literal)
    shown_host = f"[{host}]" if ":" in host else host
    shown_port = "" if port == _PORTS[parts.scheme] else f":{port}"
    query = f"?{parts.query}" if parts.query else ""
    url = f"{parts.scheme}://{shown_host}{shown_port}{parts.path or '/'}{query}"
    return Target(url=url, scheme=parts.scheme, host=host, port=port, literal=literal)


def _literal(host: str) -> Address | None:
    """The IP address that the host is, or None for a name. Raises AddressRefused for what is neither, clearly."""
    try:
        if host.startswith("["):
            return ipaddress.IPv6Address(host[1:-1])
        labels = host.split(".")
        if _NUMBER.fullmatch(labels[-1]):
            return ipaddress.IPv4Address(host)  # decimal, octal, hexadecimal and short forms are not
    except ValueError:
        raise AddressRefused("host") from None
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise AddressRefused("host")
    # every name server should say so, and not every one does
    return ipaddress.IPv4Address("127.0.0.1") if labels[-1] == "localhost" else None
