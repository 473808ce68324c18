"""Pictures kept on this server, given out as pictures and as nothing else. Knows no noun they belong to."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path

from aiohttp import web

from bot.errors import NotFound

MAX_BYTES = 16 * 1024 * 1024
_KINDS = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"))
MEDIA_TYPES = tuple(media_type for _, media_type in _KINDS)
# Opened by itself, a picture is still no page: nothing in it runs or loads.
HEADERS = {"Content-Security-Policy": "default-src 'none'; sandbox", "Cross-Origin-Resource-Policy": "same-origin"}


class NoPicture(NotFound):
    """There is no such picture on this server."""

    code = "no_picture"


async def answer(path: Path) -> web.Response:
    """The picture in this file; what it is, its first bytes say. Raises NoPicture."""
    content = await asyncio.to_thread(_content, path)
    media_type = next((media_type for magic, media_type in _KINDS if content.startswith(magic)), None)
    if media_type is None:
        raise NoPicture
    return web.Response(
        body=content, content_type=media_type, headers={**HEADERS, "Cache-Control": "private, max-age=60"}
    )


def _content(path: Path) -> bytes:
    """A plain file's, not a link's: evidence lies where a browser wrote it."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode) or found.st_size > MAX_BYTES:
                raise NoPicture
            return file.read(MAX_BYTES)
    except OSError:
        raise NoPicture from None
