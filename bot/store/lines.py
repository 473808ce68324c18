"""Lines that users want a bot to say: they wait here until the bot's process takes them, one by one, in order."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from bot.domain.lifecycle import BotState
from bot.errors import Conflict
from bot.store import bots, fence, tables
from bot.store.session import Session

MOST_WAITING = 5


class NotInCall(Conflict):
    """The bot is not in a meeting now, so nobody would hear it; `state` says where it is."""

    code = "not_in_call"


class TooManyLines(Conflict):
    """This bot still has lines to say; wait until it has said some."""

    code, retryable = "too_many_lines", True


async def ask(
    session: Session, bot_id: str, *, text: str, at: datetime, by: Mapping[str, str] | None = None
) -> bots.Bot:
    """Let the bot say `text` as soon as it has said what was asked before; `by` is kept with it. Raises UnknownBot,
    NotInCall, TooManyLines."""
    row = await fence.lock(session, bot_id)
    if row.state != BotState.IN_CALL:
        raise NotInCall(state=row.state)
    table = tables.bot_lines
    waiting = await session.execute(sa.select(sa.func.count()).where(table.c.bot_id == bot_id))
    if waiting.scalar_one() >= MOST_WAITING:
        raise TooManyLines
    sequence = await fence.next_sequence(session, table, bot_id)
    values = {"bot_id": bot_id, "sequence": sequence, "workspace_id": row.workspace_id, "text": text, "at": at}
    await session.execute(sa.insert(table).values(**values))
    data = {**(by or {}), "pii_text": text}
    await bots.note(session, bot_id, attempt=row.attempt, kind="asked.say", data=data, at=at)
    return bots.from_row(row)


async def any_waiting(session: Session, bot_id: str) -> bool:
    """Would a taker find one? For a look that holds up no writer."""
    waiting = sa.exists().where(tables.bot_lines.c.bot_id == bot_id)
    return bool((await session.execute(sa.select(waiting))).scalar_one())


async def take(session: Session, bot_id: str, *, attempt: int) -> str | None:
    """The line that waits longest, which then waits no more; None when there is none. Raises UnknownBot, Fenced."""
    await fence.hold(session, bot_id, attempt)
    table = tables.bot_lines
    first = sa.select(sa.func.min(table.c.sequence)).where(table.c.bot_id == bot_id).scalar_subquery()
    taken = sa.delete(table).where(table.c.bot_id == bot_id, table.c.sequence == first).returning(table.c.text)
    return (await session.execute(taken)).scalar_one_or_none()
