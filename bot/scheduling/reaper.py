"""What becomes of a bot whose process is gone, or never came: a rule, and its application to expired leases; and of one
whose time to join went by before it could be claimed.

The rule: a bot that was never heard of is scheduled again while there is time to join and tries are left; one that had
a process is lost. A lost bot is not sent back into a meeting people saw it vanish from.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bot.domain.join_time import still_in_window
from bot.domain.lifecycle import TERMINAL, BotState
from bot.errors import BotError, Unavailable
from bot.log import get_log
from bot.scheduling.policy import Policy
from bot.store import bots, endings, leases
from bot.store.bots import Bot
from bot.store.session import Database, Session

log = get_log(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cause:
    """Why someone thinks the process is gone. `heard_of`: it has lived, as a heartbeat or an exit code shows."""

    code: str  # lease_expired | process_exited
    detail: str
    heard_of: bool
    sub_code: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    to: BotState
    code: str
    detail: str


def verdict(bot: Bot, cause: Cause, *, now: datetime, policy: Policy) -> Verdict:
    """What becomes of the bot."""
    if cause.heard_of or bot.state not in (BotState.CLAIMED, BotState.STARTING):
        return Verdict(to=BotState.LOST, code=cause.code, detail=cause.detail)
    if not still_in_window(bot.join_at, now):
        return Verdict(to=BotState.LOST, code="join_window_missed", detail="The bot could not be started in time.")
    if bot.attempt >= policy.attempts and bot.state is not BotState.CLAIMED:
        return Verdict(to=BotState.LOST, code="never_started", detail="No start of the bot was ever heard of.")
    return Verdict(to=BotState.SCHEDULED, code="launch_lost", detail="The launch came to nothing; it is tried again.")


async def bury(
    session: Session, bot_id: str, *, attempt: int, cause: Cause, now: datetime, policy: Policy, data: Mapping[str, Any]
) -> Bot | None:
    """Apply the rule to one attempt of a bot; None when it is over or another attempt runs it."""
    bot = await bots.get(session, bot_id)
    if bot.attempt != attempt or bot.state in TERMINAL or bot.state is BotState.SCHEDULED:
        return None  # over, another attempt's, or to be sent again: no process is expected
    ruled, sub_code = verdict(bot, cause, now=now, policy=policy), cause.sub_code
    if bot.state is BotState.CLAIMED and (refused := await bots.refusal(session, bot_id, attempt=attempt)) is not None:
        ruled, sub_code = replace(ruled, detail=f"{ruled.detail} {bots.NO_ROOM}"), refused
    told = {"cause": cause.code, **data}
    log.warning("a bot's process is gone", bot_id=bot_id, attempt=attempt, state=bot.state, to=ruled.to, **told)
    return await bots.move(
        session,
        bot_id,
        attempt=attempt,
        to=ruled.to,
        code=ruled.code,
        sub_code=sub_code,
        detail=ruled.detail,
        data=told | {"state_before": bot.state},
        at=now,
    )


async def reap(database: Database, *, now: datetime, policy: Policy) -> int:
    """Bury the bots whose lease has run out; returns how many leases were dealt with."""
    async with database.read() as session:
        expired = await leases.expired(session, now=now, limit=policy.reap_limit)
    return sum([await _alone(lease.bot_id, _reap_one(database, lease, now=now, policy=policy)) for lease in expired])


async def give_up(database: Database, *, now: datetime, policy: Policy) -> int:
    """End the scheduled bots whose time to join went by; returns how many."""
    async with database.read() as session:
        late = await endings.missed(session, now=now, limit=policy.reap_limit)
    return sum([await _alone(bot_id, _give_up_one(database, bot_id, now=now)) for bot_id in late])


async def _alone(bot_id: str, dealing: Awaitable[bool]) -> bool:
    """What cannot be done for one is told and keeps nothing from the others. Raises Unavailable, which is of all."""
    try:
        return await dealing
    except Unavailable:
        raise
    except BotError as error:
        log.error("a bot's end could not be written", bot_id=bot_id, code=error.code)
        return False


async def _give_up_one(database: Database, bot_id: str, *, now: datetime) -> bool:
    async with database.write() as session:
        ended = await endings.give_up(session, bot_id, now=now)
    if ended is not None:
        log.warning("a bot's time went by", bot_id=bot_id, code=ended.code)
    return ended is not None


async def _reap_one(database: Database, lease: leases.Lease, *, now: datetime, policy: Policy) -> bool:
    """One transaction; False when the bot has beaten, or another reaper was here, in the meantime."""
    cause = Cause(
        code="lease_expired",
        detail="The bot's process stopped giving signs of life.",
        heard_of=lease.pid is not None,
    )
    told = {"owner": lease.owner, "pid": lease.pid, "expired_at": lease.expires_at.isoformat()}
    async with database.write() as session:
        if not await leases.hold_expired(session, lease, now=now):
            return False
        await bury(session, lease.bot_id, attempt=lease.attempt, cause=cause, now=now, policy=policy, data=told)
        await leases.release(session, lease.bot_id, attempt=lease.attempt)
    return True
