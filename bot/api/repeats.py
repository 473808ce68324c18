"""A request sent again with the same `Idempotency-Key` gets the answer of the first one. Knows keys, no nouns."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from bot.api.problems import FieldError, InvalidRequest
from bot.store import idempotency
from bot.store.session import Database
from bot.vault import Vault

HEADER, REPLAYED = "Idempotency-Key", "Idempotency-Replayed"
LONGEST = 255


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """A request as it counts: the same for who asks the same again."""

    workspace_id: str
    raw: bytes
    now: datetime


async def once(
    request: web.Request, sent: Sent, database: Database, vault: Vault, do: Callable[[], Awaitable[web.Response]]
) -> web.Response:
    """What `do` answers, done once per key; without a key, done. Raises InvalidRequest, KeyReused, StillRunning, and
    whatever `do` raises, after which the key is free again."""
    key = request.headers.get(HEADER)
    if key is None:
        return await do()
    if not 0 < len(key) <= LONGEST or not key.isascii() or not key.isprintable():
        raise InvalidRequest([FieldError(pointer=f"header/{HEADER}", message="1 to 255 printable ASCII characters")])
    words = b"\0".join([request.method.encode(), request.path_qs.encode(), sent.raw])
    async with database.write() as session:
        claim = await idempotency.claim(
            session,
            workspace_id=sent.workspace_id,
            key=key,
            fingerprint=hashlib.sha256(words).hexdigest(),
            now=sent.now,
        )
    place = f"idempotent_requests.sealed_answer:{claim.id}"
    if claim.sealed_answer is not None:
        text = vault.open(claim.sealed_answer, place=place)
        headers = {REPLAYED: "true"}
        return web.Response(text=text, status=claim.status or 200, content_type="application/json", headers=headers)
    kept = False
    try:
        answer = await do()
        sealed = vault.seal(answer.text or "", place=place)
        async with database.write() as session:
            await idempotency.keep(session, claim.id, status=answer.status, sealed_answer=sealed)
        kept = True
        return answer
    finally:
        if not kept:
            async with database.write() as session:
                await idempotency.give_back(session, claim.id)
