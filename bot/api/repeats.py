"""A request sent again with the same `Idempotency-Key` gets the answer of the first one. Knows keys, no nouns."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from bot.api.problems import FieldError, InvalidRequest
from bot.store import idempotency
from bot.store.session import Database, Session
from bot.vault import Vault

HEADER, REPLAYED = "Idempotency-Key", "Idempotency-Replayed"
LONGEST = 255
KEY = re.compile(f"[!-~]{{1,{LONGEST}}}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """A request as it counts: the same for who asks the same again."""

    workspace_id: str
    raw: bytes
    now: datetime


class Repeat:
    """What is kept of a request for who sends it again: its answer. A handler that keeps it in the transaction of its
    deed has the deed done once, whatever dies; of the others it is kept right after."""

    def __init__(self, vault: Vault, *, status: int) -> None:
        self._vault, self._status = vault, status
        self.claim_id: str | None = None  # None: the client gave no key, and nothing is kept
        self.kept = False

    async def keep(self, session: Session, text: str) -> None:
        if self.claim_id is None:
            return
        sealed = self._vault.seal(text, place=_place(self.claim_id))
        await idempotency.keep(session, self.claim_id, status=self._status, sealed_answer=sealed)
        self.kept = True

    def answer(self, claim: idempotency.Claim) -> web.Response:
        """As it was given before."""
        text = self._vault.open(claim.sealed_answer or "", place=_place(claim.id))
        headers = {REPLAYED: "true"}
        return web.Response(text=text, status=claim.status or 200, content_type="application/json", headers=headers)


def _place(claim_id: str) -> str:
    return f"idempotent_requests.sealed_answer:{claim_id}"


async def once(
    request: web.Request, sent: Sent, database: Database, repeat: Repeat, do: Callable[[], Awaitable[web.Response]]
) -> web.Response:
    """What `do` answers, done once per key; without a key, done. Raises InvalidRequest, KeyReused, StillRunning, and
    whatever `do` raises, after which the key is free again."""
    key = request.headers.get(HEADER)
    if key is None:
        return await do()
    if not KEY.fullmatch(key):
        told = f"1 to {LONGEST} printable ASCII characters without a space"
        raise InvalidRequest([FieldError(pointer=f"header/{HEADER}", message=told)])
    words = b"\0".join([request.method.encode(), request.path_qs.encode(), sent.raw])
    async with database.write() as session:
        claim = await idempotency.claim(
            session,
            workspace_id=sent.workspace_id,
            key=key,
            fingerprint=hashlib.sha256(words).hexdigest(),
            now=sent.now,
        )
    if claim.sealed_answer is not None:
        return repeat.answer(claim)
    repeat.claim_id, done = claim.id, False
    try:
        answer = await do()
        if not repeat.kept:
            async with database.write() as session:
                await repeat.keep(session, answer.text or "")
        done = True
        return answer
    finally:
        if not done:
            async with database.write() as session:
                await idempotency.give_back(session, claim.id)  # unless its answer is kept: then the deed is done
