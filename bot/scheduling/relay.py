"""The relay: hands the outbox's messages on, each at least once, and marks what was handed over.

Which topic goes where is a table. A topic nobody takes is marked sent: the row stays as a record until it is pruned.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from bot.clock import Clock
from bot.errors import Unavailable
from bot.log import get_log
from bot.scheduling.policy import Policy
from bot.store import outbox
from bot.store.outbox import Message
from bot.store.session import Database

log = get_log(__name__)

Publish = Callable[[Sequence[Mapping[str, Any]]], None]
"""Hands some payloads of one topic over, all or none; blocks while it does. Raises BrokerUnavailable."""

TOGETHER = 10  # payloads at once: what one worker starts one after the other, well within its task's time


class BrokerUnavailable(Unavailable):
    """The broker does not take messages; they wait in the outbox."""

    code = "broker_unavailable"


async def relay(database: Database, routes: Mapping[str, Publish], *, clock: Clock, policy: Policy) -> int:
    """Deliver what waits; returns how many messages were marked sent. A message that could not be delivered, or whose
    relay died, is seen again after `policy.relay_hide_s`."""
    async with database.read() as session:
        if not await outbox.any_waiting(session, now=clock.now()):
            return 0
    async with database.write() as session:
        taken = await outbox.take(session, now=clock.now(), hide_s=policy.relay_hide_s, limit=policy.relay_limit)
    return await hand_over(database, taken, routes, clock=clock)


async def hand_over(database: Database, taken: list[Message], routes: Mapping[str, Publish], *, clock: Clock) -> int:
    """Deliver what was taken; returns how many messages were marked sent."""
    sent = await asyncio.to_thread(_deliver, taken, routes)
    async with database.write() as session:
        await outbox.mark_sent(session, sent, now=clock.now())
    return len(sent)


def _deliver(messages: list[Message], routes: Mapping[str, Publish]) -> list[int]:
    """The ids that were handed over. Stops at the first refusal: the rest would only wait for the same time-out."""
    sent: list[int] = []
    for topic, some in _together(messages):
        publish = routes.get(topic)
        try:
            if publish is not None:
                publish([message.payload for message in some])
        except BrokerUnavailable:
            log.warning("the broker takes no messages", waiting=len(messages) - len(sent), tries=some[0].tries)
            break
        sent += [message.id for message in some]
    return sent


def _together(messages: list[Message]) -> Iterator[tuple[str, list[Message]]]:
    """Neighbours of one topic, so many at once."""
    for topic, group in groupby(messages, key=lambda message: message.topic):
        of_topic = list(group)
        yield from ((topic, of_topic[start : start + TOGETHER]) for start in range(0, len(of_topic), TOGETHER))
