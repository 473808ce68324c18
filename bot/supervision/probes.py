"""Is a child ready? Small questions with a yes or no, asked again until the answer is yes. None waits long."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

Probe = Callable[[], Coroutine[Any, Any, bool]]

ASK_TIMEOUT_S = 2.0


def http_answers(host: str, port: int, path: str) -> Probe:
    """A GET of `path` is answered with anything below 500."""

    async def ask() -> bool:
        status = await http_status(host, port, path)
        return status is not None and status < 500

    return ask


async def http_status(host: str, port: int, path: str, *headers: str) -> int | None:
    """The status of the answer to a GET; None when there is none in time. A header is a whole line."""
    name = f"[{host}]" if ":" in host else host
    lines = (f"GET {path} HTTP/1.1", f"Host: {name}:{port}", "Connection: close", *headers, "", "")
    answer = await _first_line(lambda: asyncio.open_connection(host, port), "\r\n".join(lines).encode())
    version, _, rest = answer.partition(b" ")
    status = rest.partition(b" ")[0].strip()
    return int(status) if version.startswith(b"HTTP/") and status.isdigit() else None


def redis_answers(socket: Path) -> Probe:
    """A Redis on this unix socket answers PING; while it loads its file it does not."""

    async def ask() -> bool:
        return (await _first_line(lambda: asyncio.open_unix_connection(str(socket)), b"PING\r\n")).startswith(b"+PONG")

    return ask


def file_exists(path: Path) -> Probe:
    async def ask() -> bool:
        return await asyncio.to_thread(path.exists)

    return ask


async def _first_line(
    connect: Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]], request: bytes
) -> bytes:
    """The first line of the answer; empty when there is none in time."""
    try:
        async with asyncio.timeout(ASK_TIMEOUT_S):
            reader, writer = await connect()
            try:
                writer.write(request)
                return await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return b""
