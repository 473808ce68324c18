"""What the bot process writes down: its moves, its notes, the transcript and one record per turn.

Every write carries the attempt; a write that is fenced ends the stay. Writes are queued and written in order by one
task, so that a slow database never delays a word; `flush` waits for what is queued.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bot.clock import Clock
from bot.domain.figures import Observation
from bot.domain.lifecycle import BotState, Command
from bot.errors import BotError
from bot.log import get_log
from bot.meeting.lease import TTL_S
from bot.store import bots, characters, counters, endings, leases, lines, transcripts, turns
from bot.store.fence import Fenced
from bot.store.session import DatabaseUnavailable, Session, Transactions

log = get_log(__name__)

_MOST_QUEUED = 1000
RETRY_S = 1.0
CONSENT_ENDED = "consent_ended"
MOST_REMARKS = 5000
PATIENCE_S = 1.5 * TTL_S  # a lease, and half of one: several tries of a database that is away


@dataclass(slots=True)
class Written:
    """A segment of the transcript; `sequence` once it is in the database."""

    sequence: int | None = None


Write = Callable[[Session], Awaitable[Any]]


class Recorder:
    """One bot's pen. `run` is the writing task; without it `flush` would never return."""

    def __init__(
        self, database: Transactions, *, bot_id: str, attempt: int, clock: Clock, most_remarks: int = MOST_REMARKS
    ) -> None:
        self._database, self._bot_id, self._attempt, self._clock = database, bot_id, attempt, clock
        self._queue: asyncio.Queue[Write] = asyncio.Queue(_MOST_QUEUED)
        self._remarks_left = most_remarks

    async def run(self) -> None:
        """Write what is queued, in order, until cancelled. A database that is away is waited for; Fenced is raised."""
        while True:
            write = await self._queue.get()
            try:
                await self._write(write)
            except Fenced:
                raise
            except BotError as error:  # one line that cannot be kept must not cost the others
                log.error("a record could not be kept", code=error.code)
            finally:
                self._queue.task_done()

    async def _write(self, write: Write) -> None:
        while True:
            try:
                await self._database.writing(write)
                return
            except DatabaseUnavailable:
                log.warning("the database is away, a write waits", queued=self._queue.qsize())
                await self._clock.sleep(RETRY_S)

    async def flush(self) -> None:
        """Wait until everything queued is written. Raises Fenced when the database is away for longer than a lease
        lives: who cannot write for so long cannot run a bot."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._queue.join()
        except TimeoutError as error:
            raise Fenced(attempt=self._attempt) from error

    async def move(self, to: BotState, *, code: str | None = None, detail: str = "", **data: Any) -> None:
        """Change the bot's state now, after everything queued before. Raises Fenced, IllegalTransition."""
        at = self._clock.now()

        async def write(session: Session) -> None:
            await bots.move(
                session, self._bot_id, attempt=self._attempt, to=to, code=code, detail=detail, data=data or None, at=at
            )

        await self.flush()
        await self._write(write)

    async def fail(self, code: str, detail: str, **data: Any) -> None:
        """The bot did not get in, or broke: failed, or to be sent again. Raises Fenced, IllegalTransition."""
        at = self._clock.now()

        async def write(session: Session) -> None:
            await endings.fail(
                session, self._bot_id, attempt=self._attempt, code=code, detail=detail, data=data or None, at=at
            )

        await self.flush()
        await self._write(write)

    def note(self, kind: str, **data: Any) -> None:
        """An event that changes no state."""
        at = self._clock.now()

        async def write(session: Session) -> None:
            await bots.note(session, self._bot_id, attempt=self._attempt, kind=kind, data=data, at=at)

        self._put(write)

    def segment(
        self,
        *,
        speaker_id: str,
        speaker_name: str,
        text: str,
        start_s: float,
        end_s: float,
        source: str,
        confidence: float,
        own: bool,
        cut: bool = False,
        speaker_confidence: float | None = None,
        supersedes: Written | None = None,
    ) -> Written:
        """One piece of the transcript; seconds on the meeting's timeline. `supersedes`: the piece it corrects."""
        written = Written()
        segment = transcripts.Segment(
            speaker_id=speaker_id,
            speaker_name=speaker_name,
            text=text,
            start_ms=round(start_s * 1000),
            end_ms=round(end_s * 1000),
            source=source,
            confidence=confidence,
            own=own,
            cut=cut,
            speaker_confidence=speaker_confidence,
        )

        async def write(session: Session) -> None:
            whole = replace(segment, supersedes=supersedes.sequence) if supersedes else segment
            written.sequence = await transcripts.append(session, self._bot_id, attempt=self._attempt, segment=whole)

        self._put(write)
        return written

    def turn(self, epoch: int, record: dict[str, Any]) -> None:
        self._keep(epoch, record)

    def remark(self, record: dict[str, Any]) -> None:
        """The record of something the bot did not answer; so many of one stay are kept and counted."""
        if self._remarks_left > 0:
            self._remarks_left -= 1
            self._keep(None, record)

    def _keep(self, epoch: int | None, record: dict[str, Any]) -> None:
        at = self._clock.now().isoformat(timespec="milliseconds")

        async def write(session: Session) -> None:
            whole = {**record, "at": at}
            await turns.record(session, self._bot_id, attempt=self._attempt, epoch=epoch, record=whole)

        self._put(write)

    def count(self, figure: str, value: float, *labels: str) -> None:
        """Add to a counter of the installation, one of `bot.domain.figures`."""
        seen = Observation(figure=figure, labels=labels, value=value)

        async def write(session: Session) -> None:
            await counters.add(session, [seen], shard_of=self._bot_id)

        if value > 0:
            self._put(write)

    async def renew(self, *, pid: int, now: datetime, ttl_s: float) -> str | None:
        """The heartbeat; not queued. Returns what is asked of the bot, CONSENT_ENDED where its face may be shown no
        longer; a kill goes first. Raises Fenced, DatabaseUnavailable."""

        async def write(session: Session) -> str | None:
            asked = await leases.renew(session, self._bot_id, attempt=self._attempt, pid=pid, now=now, ttl_s=ttl_s)
            if asked is not Command.KILL and await characters.is_faceless(session, self._bot_id, now=now):
                return CONSENT_ENDED
            return asked

        return await self._database.writing(write)

    async def next_line(self) -> str | None:
        """What a user wants the bot to say next; it is asked for once. Raises Fenced, DatabaseUnavailable."""

        async def write(session: Session) -> str | None:
            return await lines.take(session, self._bot_id, attempt=self._attempt)

        if not await self._database.reading(lambda session: lines.any_waiting(session, self._bot_id)):
            return None
        return await self._database.writing(write)

    def _put(self, write: Write) -> None:
        try:
            self._queue.put_nowait(write)
        except asyncio.QueueFull:
            log.error("the database has been away too long, a record is lost", queued=_MOST_QUEUED)
