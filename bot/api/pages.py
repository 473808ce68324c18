"""The dashboard's files as an answer: read once, told apart by content, and under a policy that runs nothing else.

What a page may load and run is said here, in one place: our own files and the one import map of the page, by its hash.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from bot.dashboard import STATIC

PREFIX = "/dashboard/"
INDEX = "index.html"
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    "": "text/plain; charset=utf-8",  # licences
}
_IMPORT_MAP = re.compile(r'<script type="importmap">(.*?)</script>', re.DOTALL)
_SHARED = {
    "Cache-Control": "no-cache",  # kept, but asked for each time: a new version is seen at once
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), display-capture=()",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    content: bytes
    media_type: str
    etag: str


def policy(index: str) -> str:
    """The Content-Security-Policy of the page `index`."""
    maps = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in _IMPORT_MAP.findall(index)]
    scripts = " ".join(["'self'", *(f"'sha256-{digest}'" for digest in maps)])
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )


def read_files(folder: Path = STATIC) -> dict[str, File]:
    """Every file of the folder by its path below it."""
    files = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            etag = hashlib.sha256(content).hexdigest()[:32]
            files[path.relative_to(folder).as_posix()] = File(
                content=content, media_type=MEDIA_TYPES[path.suffix], etag=etag
            )
    return files


class Pages:
    """Serves the files it has read; no request touches the disk."""

    def __init__(self) -> None:
        self._files = read_files()
        self._headers = {**_SHARED, "Content-Security-Policy": policy(self._files[INDEX].content.decode())}

    def add_to(self, router: web.UrlDispatcher) -> None:
        router.add_get("/", self.lead)
        router.add_get(PREFIX.rstrip("/"), self.lead)
        router.add_get(PREFIX + "{name:.*}", self.show)

    async def lead(self, _request: web.Request) -> web.StreamResponse:
        return web.Response(status=307, headers={"Location": PREFIX, "Cache-Control": "no-cache"})

    async def show(self, request: web.Request) -> web.StreamResponse:
        file = self._files.get(request.match_info["name"] or INDEX)
        if file is None:
            raise web.HTTPNotFound
        headers = {**self._headers, "ETag": f'"{file.etag}"'}
        known = request.if_none_match or ()
        if any(tag.value in (file.etag, "*") for tag in known):
            return web.Response(status=304, headers=headers)
        return web.Response(body=file.content, headers={**headers, "Content-Type": file.media_type})
