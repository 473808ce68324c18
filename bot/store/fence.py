"""The fence: a write is accepted only from the current attempt of a bot that is not over.

A process that was taken for dead, and comes back, finds its attempt overtaken or its bot ended: its writes raise
Fenced, and it must leave the meeting. Knows states, no rules about them.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from bot.domain.lifecycle import TERMINAL, BotState
from bot.errors import Conflict, NotFound
from bot.store import tables
from bot.store.session import Session


class UnknownBot(NotFound):
    """There is no such bot in this workspace."""

    code = "unknown_bot"


class Fenced(Conflict):
    """This process is no longer the one that runs the bot: another attempt does, or the bot is over."""

    code = "fenced"


async def lock(session: Session, bot_id: str) -> sa.Row[Any]:
    """The bot's row, locked until the transaction ends. Raises UnknownBot."""
    query = sa.select(tables.bots).where(tables.bots.c.id == bot_id).with_for_update(key_share=True)
    row = (await session.execute(query)).one_or_none()
    if row is None:
        raise UnknownBot(bot_id=bot_id)
    return row


async def hold(session: Session, bot_id: str, attempt: int) -> sa.Row[Any]:
    """The bot's row, locked, if `attempt` may write for it. Raises UnknownBot, Fenced."""
    row = await lock(session, bot_id)
    if row.attempt != attempt or BotState(row.state) in TERMINAL:
        raise Fenced(attempt=attempt, current_attempt=row.attempt, state=row.state)
    return row


async def next_sequence(session: Session, table: sa.Table, bot_id: str) -> int:
    """The next number in a bot's own sequence of rows; call while the bot's row is locked."""
    query = sa.select(sa.func.coalesce(sa.func.max(table.c.sequence), 0) + 1).where(table.c.bot_id == bot_id)
    return int((await session.execute(query)).scalar_one())
