"""Counters of the installation: what `bot.domain.figures` names, added to in the transaction of what is counted.

So a count is neither lost nor doubled by a crash, survives restarts and the deletion of what was counted, and every API
process shows the same. A figure is spread over shards, chosen by bot, so that bots seldom wait for each other's row.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

import sqlalchemy as sa

from bot.domain.figures import FIGURES, Observation, bucket
from bot.domain.lifecycle import TERMINAL, BotState
from bot.store import tables
from bot.store.session import Session, insert

SHARDS = 16
_SUM = "sum"  # a histogram's sum stands beside its buckets; a counter has no bucket
_WHOLE = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """One series of a figure. `buckets` by upper bound, each with what fell into it alone."""

    value: float = 0.0  # of a counter
    total: float = 0.0  # of a histogram: the sum of all values
    buckets: Mapping[str, int] = field(default_factory=dict)


Counted = Mapping[str, Mapping[tuple[str, ...], Series]]  # by figure, by labels


async def add(session: Session, observations: Iterable[Observation], *, shard_of: str) -> None:
    """Count them; `shard_of` is the bot that saw them. Rows are taken in one order, so that writers never hold each
    other up in a ring."""
    added: dict[tuple[str, str, str], float] = defaultdict(float)
    for observation in observations:
        figure = FIGURES[observation.figure]
        labels = json.dumps(observation.labels)
        if figure.bounds:
            added[figure.name, labels, bucket(figure, observation.value)] += 1
            added[figure.name, labels, _SUM] += observation.value
        else:
            added[figure.name, labels, _WHOLE] += observation.value
    if not added:
        return
    shard = UUID(shard_of).int % SHARDS
    rows = [
        {"figure": figure, "labels": labels, "part": part, "shard": shard, "value": value}
        for (figure, labels, part), value in sorted(added.items())
    ]
    table = tables.counters
    statement = insert(session, table)
    statement = statement.on_conflict_do_update(
        index_elements=["figure", "labels", "part", "shard"],
        set_={"value": table.c.value + statement.excluded.value},
    )
    await session.execute(statement, rows)


async def read(session: Session) -> Counted:
    """All of them."""
    table = tables.counters
    columns = (table.c.figure, table.c.labels, table.c.part)
    rows = await session.execute(sa.select(*columns, sa.func.sum(table.c.value).label("value")).group_by(*columns))
    parts: dict[str, dict[tuple[str, ...], dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        parts[row.figure][tuple(json.loads(row.labels))][row.part] = row.value
    return {
        figure: {labels: _series(found) for labels, found in of_figure.items()} for figure, of_figure in parts.items()
    }


async def bots_by_state(session: Session) -> dict[BotState, int]:
    """Of the states that do not last; the final ones are counted as they are reached."""
    passing = sorted(state for state in BotState if state not in TERMINAL)
    table = tables.bots
    query = sa.select(table.c.state, sa.func.count().label("bots")).where(table.c.state.in_(passing))
    found = {BotState(row.state): row.bots for row in await session.execute(query.group_by(table.c.state))}
    return {state: found.get(state, 0) for state in passing}


def _series(parts: Mapping[str, float]) -> Series:
    buckets = {part: round(value) for part, value in parts.items() if part not in (_SUM, _WHOLE)}
    return Series(value=parts.get(_WHOLE, 0.0), total=parts.get(_SUM, 0.0), buckets=buckets)
