"""The one reader of requests' bodies: bounded, patient for a while, and it undoes their Content-Encoding.

The server hands bodies over as they were sent (`SERVER`). Unpacked on the way, one that does not hold would fail where
no handler can say so, and for an encoding the library lacks there would be no request at all.
"""

from __future__ import annotations

import asyncio
import logging
import zlib
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from bot.api.problems import BodyTooLarge, BodyTooSlow, EncodingUnknown, MalformedBody
from bot.errors import BotError
from bot.log import get_log

log = get_log(__name__)

ERRORS: tuple[type[BotError], ...] = (BodyTooLarge, BodyTooSlow, EncodingUnknown, MalformedBody)
PATIENCE: web.AppKey[float] = web.AppKey("patience_s", float)
PATIENCE_S = 30.0  # without a byte; of one that breaks its own framing no more can be understood
_GZIP, _DEFLATE, _RAW_DEFLATE = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS  # as zlib counts them
_WINDOWS = {"gzip": _GZIP, "x-gzip": _GZIP, "deflate": _DEFLATE}


async def read(request: web.Request, limit: int) -> bytes:
    """The body as it was meant: at most `limit` bytes, sent and unpacked. Raises BodyTooLarge, BodyTooSlow,
    EncodingUnknown, MalformedBody."""
    raw = await _sent(request, limit)
    encoding = ",".join(request.headers.getall("Content-Encoding", ())).strip().lower()
    if not raw or encoding in ("", "identity"):
        return raw
    if encoding not in _WINDOWS:
        raise EncodingUnknown
    return _unpacked(raw, _WINDOWS[encoding], limit)


async def _sent(request: web.Request, limit: int) -> bytes:
    if (request.content_length or 0) > limit:
        raise BodyTooLarge(limit_bytes=limit)
    raw = bytearray()
    try:
        while chunk := await _next(request):
            raw += chunk
            if len(raw) > limit:
                raise BodyTooLarge(limit_bytes=limit)
    except TimeoutError:
        raise BodyTooSlow from None
    except (web.RequestPayloadError, HttpProcessingError, ConnectionError):  # cut off, or its chunks are none
        raise MalformedBody from None
    return bytes(raw)


async def _next(request: web.Request) -> bytes:
    async with asyncio.timeout(request.app.get(PATIENCE, PATIENCE_S)):
        return await request.content.readany()


def _unpacked(raw: bytes, window: int, limit: int) -> bytes:
    """One stream, whole, and nothing behind it. Raises BodyTooLarge, MalformedBody."""
    if window == _DEFLATE and raw[0] & 0x0F != 8:  # no zlib header: what many clients take `deflate` to mean
        window = _RAW_DEFLATE
    unpacker = zlib.decompressobj(window)
    try:
        body = unpacker.decompress(raw, limit + 1)
    except zlib.error:
        raise MalformedBody from None
    if len(body) > limit:
        raise BodyTooLarge(limit_bytes=limit)
    if not unpacker.eof or unpacker.unused_data:
        raise MalformedBody
    return body


class _ServerLog(logging.LoggerAdapter[logging.Logger]):
    """The server's own log. What is no HTTP it answers by itself, with 400, and would tell with a traceback: anybody
    may send such a thing at any time, and none of it is a fault of ours."""

    def exception(self, msg: object, *args: object, exc_info: Any = True, **more: Any) -> None:
        if isinstance(exc_info, HttpProcessingError):
            log.info("a request was no HTTP", error=type(exc_info).__name__)
        else:
            super().exception(msg, *args, exc_info=exc_info, **more)


SERVER: dict[str, Any] = {
    "auto_decompress": False,
    "logger": _ServerLog(logging.getLogger("aiohttp.server"), {}),
}
"""How the server is to be run whose bodies are read here: `web.Application(handler_args=SERVER)`."""
