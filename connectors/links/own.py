"""Meeting servers of one's own, by the names their operator gives: `meet.example.org:8443` is one reached by https;
`http://simulator:8480` is one reached without, such as a container beside the bot's, and is so by that name alone.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

from connectors.links.address import Address, address_of

_SCHEMES = ("https", "http")


def own_servers(names: Collection[str]) -> tuple[Address, ...]:
    """What the names say; one that names no server is left out."""
    return _servers(tuple(names))


def is_own(address: Address, names: Collection[str]) -> bool:
    """The address is of a server that was named, and reached as it was named."""
    return any((one.scheme, one.place) == (address.scheme, address.place) for one in own_servers(names))


def without_tls(names: Collection[str]) -> tuple[str, ...]:
    """The origins that were named as ones without: a browser gives them no camera unless it is told to."""
    return tuple(f"http://{one.place}" for one in own_servers(names) if one.scheme == "http")


@lru_cache(maxsize=16)
def _servers(names: tuple[str, ...]) -> tuple[Address, ...]:
    read = (address_of(name if "://" in name else f"https://{name}") for name in names)
    return tuple(one for one in read if one is not None and one.scheme in _SCHEMES and not one.tail)
