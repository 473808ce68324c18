"""Bots: sent, read, moved, spoken through, stopped and erased."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.client.connection import PAGE, Connection, read


@dataclass(frozen=True, kw_only=True, slots=True)
class Bot:
    id: str
    state: str
    code: str | None
    sub_code: str | None
    detail: str
    attempt: int
    meeting_url: str
    character_id: str
    bot_name: str
    join_at: datetime
    metadata: dict[str, Any]
    deduplication_key: str | None
    created_at: datetime
    updated_at: datetime
    joined_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    sequence: int
    attempt: int
    kind: str
    state: str
    code: str | None
    sub_code: str | None
    detail: str
    data: dict[str, Any]
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """Something that was said. `own`: by the bot. `supersedes`: one that no longer holds; without a text it is taken
    back."""

    sequence: int
    speaker_id: str
    speaker_name: str
    text: str
    start_ms: int
    end_ms: int
    source: str
    confidence: float | None
    own: bool
    cut: bool
    speaker_confidence: float | None
    supersedes: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """What the bot decided and said; `epoch` None: it said nothing."""

    sequence: int
    attempt: int
    epoch: int | None
    record: dict[str, Any]


def hold(kept: dict[int, Segment], one: Segment) -> None:
    """Among segments by their `sequence`, the next one that was read or told: what it corrects goes."""
    if one.supersedes is not None:
        kept.pop(one.supersedes, None)
    if one.text or one.supersedes is None:
        kept[one.sequence] = one


class Bots(Connection):
    async def send(self, *, meeting_url: str, character_id: str, **more: Any) -> Bot:
        """A bot, made. `more` is as the API takes it: join_at, bot_name, metadata, deduplication_key, override.
        Raises ApiError: `problem["bot_id"]` names one that is there already."""
        wanted = {"meeting_url": meeting_url, "character_id": character_id, **more}
        return read(Bot, await self._ask("POST", "/bots", body=wanted))

    async def bot(self, bot_id: str) -> Bot:
        return read(Bot, await self._ask("GET", f"/bots/{bot_id}"))

    async def bots(self, **filters: Any) -> AsyncIterator[Bot]:
        """Newest first, page by page, or those to come by when they join: `phase="upcoming", order="soonest"`.
        `filters` as the API's: state, phase, character_id, deduplication_key..."""
        query = {"limit": PAGE, **filters}
        while True:
            page = await self._ask("GET", "/bots", query=query)
            for one in page["data"]:
                yield read(Bot, one)
            query["cursor"] = page["next_cursor"]
            if query["cursor"] is None:
                return

    async def move(self, bot_id: str, join_at: datetime, *, override: bool = False) -> Bot:
        """Raises ApiError: `already_joining`, or as `send`."""
        body = {"join_at": join_at, "override": override}
        return read(Bot, await self._ask("PATCH", f"/bots/{bot_id}", body=body))

    async def say(self, bot_id: str, text: str) -> Bot:
        return read(Bot, await self._ask("POST", f"/bots/{bot_id}/say", body={"text": text}))

    async def leave(self, bot_id: str) -> Bot:
        return read(Bot, await self._ask("POST", f"/bots/{bot_id}/leave", body={}))

    async def kill(self, bot_id: str) -> Bot:
        return read(Bot, await self._ask("POST", f"/bots/{bot_id}/kill"))

    async def kill_all(self, *, scheduled: bool = False) -> list[Bot]:
        """Every bot that is in a meeting or on its way; `scheduled`: those whose time has not come are cancelled too.
        Those it was said to."""
        killed = await self._ask("POST", "/kill", body={"scheduled": scheduled})
        return [read(Bot, one) for one in killed["data"]]

    async def erase(self, bot_id: str) -> Bot:
        """Raises ApiError: `files_stay`, or that the bot is not over yet."""
        return read(Bot, await self._ask("POST", f"/bots/{bot_id}/erase"))

    def events(self, bot_id: str, *, after: int = 0) -> AsyncIterator[Event]:
        return self._numbered(Event, f"/bots/{bot_id}/events", after)

    async def transcript(self, bot_id: str, *, after: int = 0, history: bool = False) -> AsyncIterator[Segment]:
        """What holds now; with `history` also what was corrected since. With `after` what came later, corrections of
        what is known among it: for `hold`."""
        pages = self._numbered(Segment, f"/bots/{bot_id}/transcript", after, history=history)
        if after or history:
            async for one in pages:
                yield one
            return
        kept: dict[int, Segment] = {}  # a later page may correct an earlier one
        async for one in pages:
            hold(kept, one)
        for one in kept.values():
            yield one

    def turns(self, bot_id: str, *, after: int = 0, words: bool = True) -> AsyncIterator[Turn]:
        """Without `words`: times and decisions alone."""
        return self._numbered(Turn, f"/bots/{bot_id}/turns", after, words=words)

    async def picture(self, bot_id: str) -> bytes:
        """What the meeting sees of the bot. Raises ApiError: there is none."""
        return bytes(await self._ask("GET", f"/bots/{bot_id}/picture"))

    async def evidence(self, bot_id: str, name: str) -> bytes:
        """A screenshot that an event names in `data["evidence"]`. Raises ApiError: it is not kept."""
        return bytes(await self._ask("GET", f"/bots/{bot_id}/evidence/{name}"))
