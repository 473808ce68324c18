"""Names to addresses. A lookup cannot be cancelled, so each has a thread of its own that nobody waits for."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

from bot.egress.addresses import Address
from bot.errors import Unavailable

MOST_LOOKUPS = 32


class NameUnknown(Unavailable):
    """The name of this server leads to no address now."""

    code = "name_unknown"


class Resolver(Protocol):
    async def resolve(self, host: str, port: int) -> Sequence[Address]:
        """Every address of a name. Raises NameUnknown."""
        ...


class SystemResolver:
    """As the operating system knows names. Threads are daemons: a name server that does not answer holds up neither
    other work nor the end of the process."""

    def __init__(self) -> None:
        self._lookups = 0

    async def resolve(self, host: str, port: int) -> Sequence[Address]:
        if self._lookups >= MOST_LOOKUPS:
            raise NameUnknown("Too many names are being looked up.")
        self._lookups += 1
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[str] | OSError] = loop.create_future()

        def done(found: list[str] | OSError) -> None:
            self._lookups -= 1
            if not answer.done():
                answer.set_result(found)

        def look() -> None:
            found = _look(host, port)
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(done, found)

        threading.Thread(target=look, name="lookup", daemon=True).start()
        found = await answer
        if isinstance(found, OSError):
            raise NameUnknown from found
        return [ipaddress.ip_address(text) for text in found]


def _look(host: str, port: int) -> list[str] | OSError:
    try:
        infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        return error
    except UnicodeError as error:
        return OSError(str(error))
    return list(dict.fromkeys(str(info[4][0]) for info in infos))
