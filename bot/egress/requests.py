"""One guarded request to an address that a user gave: judged, pinned, short.

    egress = Egress(allow=parse_networks(settings.egress_allow))
    answer = await egress.request("POST", url, headers={...}, body=b"...")

The name is looked up once, every address found is judged, and the connection goes to one of those: what a name server
says a moment later changes nothing. Host and server name (SNI) stay the URL's. Redirects are answers like any other;
of a body no more than the limit is read; a proxy of the environment is not used. Knows nothing of webhooks.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from bot.egress import addresses
from bot.egress.addresses import Address, Network, Target
from bot.egress.resolver import NameUnknown, Resolver, SystemResolver
from bot.errors import Unavailable


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    total_s: float = 20.0  # from the name to the last byte that is read
    lookup_s: float = 5.0
    connect_s: float = 8.0  # for each address
    body_bytes: int = 4096  # of the answer; what is longer is cut
    body_s: float = 5.0  # for the body, once the status is known


REASONS = {
    "timed_out": "The server did not answer in time.",
    "not_connected": "No connection to the server can be made.",
    "tls_failed": "The server's certificate, or its TLS, cannot be accepted.",
    "broken_answer": "The server broke off, or its answer is no HTTP.",
}


class NoAnswer(Unavailable):
    """The server gave no answer."""

    code = "no_answer"

    def __init__(self, reason: str) -> None:
        super().__init__(REASONS[reason], reason=reason)
        self.reason = reason


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes
    cut: bool  # there was more of the body, or it did not come in time


class Egress:
    """Keeps no connection: each request has its own, to addresses judged for it. Safe to use side by side."""

    def __init__(
        self,
        *,
        allow: Sequence[Network] = (),
        resolver: Resolver | None = None,
        limits: Limits | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.allow = tuple(allow)
        self._resolver, self._limits = resolver or SystemResolver(), limits or Limits()
        self._tls = tls

    async def request(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """Raises AddressRefused, NameUnknown, NoAnswer."""
        try:
            async with asyncio.timeout(self._limits.total_s):
                target = addresses.parse(url, self.allow)
                found = await self._judged(target)
                return await self._ask(method, target, found, headers, body)
        except TimeoutError:
            raise NoAnswer("timed_out") from None
        except (aiohttp.ClientSSLError, ssl.SSLError) as error:
            raise NoAnswer("tls_failed") from error
        except (aiohttp.ClientConnectorError, aiohttp.ClientOSError, OSError) as error:
            raise NoAnswer("not_connected") from error
        except (aiohttp.ClientError, ValueError) as error:
            raise NoAnswer("broken_answer") from error

    async def _judged(self, target: Target) -> Sequence[Address]:
        if target.literal is not None:
            return [target.literal]  # `parse` has judged it
        try:
            async with asyncio.timeout(self._limits.lookup_s):
                found = await self._resolver.resolve(target.host, target.port)
        except TimeoutError:
            raise NameUnknown from None
        addresses.check(target, found, self.allow)
        return found

    async def _ask(
        self, method: str, target: Target, found: Sequence[Address], headers: Mapping[str, str], body: bytes
    ) -> Answer:
        connector = aiohttp.TCPConnector(
            resolver=_Pinned(found),
            use_dns_cache=False,
            force_close=True,
            ssl=self._context() if target.scheme == "https" else True,
            socket_factory=lambda info: _socket(info, found),
        )
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=self._limits.connect_s)
        async with aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,  # a few bytes could become very many
            trust_env=False,
            timeout=timeout,
        ) as session:
            url, sent = URL(target.url, encoded=True), {"Accept-Encoding": "identity", **headers}
            async with session.request(method, url, headers=sent, data=body, allow_redirects=False) as response:
                kept, cut = await self._body(response)
                return Answer(status=response.status, headers=dict(response.headers), body=kept, cut=cut)

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()  # reads every authority of the system: once is enough
        return self._tls

    async def _body(self, response: aiohttp.ClientResponse) -> tuple[bytes, bool]:
        """What the server said stands whatever becomes of the rest."""
        kept = bytearray()
        try:
            async with asyncio.timeout(self._limits.body_s):
                while len(kept) <= self._limits.body_bytes:
                    more = await response.content.read(self._limits.body_bytes + 1 - len(kept))
                    if not more:
                        return bytes(kept), False
                    kept += more
        except (TimeoutError, aiohttp.ClientError, OSError):
            pass
        return bytes(kept[: self._limits.body_bytes]), True


class _Pinned(AbstractResolver):
    """Knows one name: the request's, by the addresses judged for it."""

    def __init__(self, found: Sequence[Address]) -> None:
        self._found = found

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return [
            {
                "hostname": host,
                "host": str(address),
                "port": port,
                "family": socket.AF_INET if address.version == 4 else socket.AF_INET6,
                "proto": 0,
                "flags": socket.AI_NUMERICHOST,
            }
            for address in self._found
        ]

    async def close(self) -> None:
        pass


def _socket(info: Any, found: Sequence[Address]) -> socket.socket:
    """The last gate: a socket is made for a judged address or not at all, whatever the HTTP library does."""
    family, kind, protocol, _, where = info
    if ipaddress.ip_address(where[0]) not in found:
        raise PermissionError("no socket for an address that was not judged")
    made = socket.socket(family, kind, protocol)
    made.setblocking(False)
    return made
