"""A transcript is only ever added to: corrections supersede, and reading gives what holds, on both databases."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
import sqlalchemy as sa

from bot.store import tables, transcripts
from bot.store.transcripts import Segment, UnknownSegment
from tests.bot.store.test_bots import claimed
from tests.bot.stores import Seeded

SAID = Segment(
    speaker_id="unknown",
    speaker_name="Someone",
    text="one two",
    start_ms=0,
    end_ms=900,
    source="acoustic",
    confidence=0.8,
    speaker_confidence=0.0,
)


async def write(store: Seeded, bot_id: str, *segments: Segment) -> None:
    async with store.database.write() as session:
        for segment in segments:
            await transcripts.append(session, bot_id, attempt=1, segment=segment)


async def read(store: Seeded, bot_id: str, **options: object) -> list[tuple[int, str, int | None]]:
    async with store.database.read() as session:
        found = await transcripts.list(session, bot_id, **options)  # type: ignore[arg-type]
    return [(sequence, segment.text, segment.supersedes) for sequence, segment in found]


async def test_a_correction_replaces_what_it_supersedes_and_the_history_keeps_both(store):
    bot = await claimed(store)
    known = replace(SAID, speaker_id="p1", source="platform", speaker_confidence=0.9, supersedes=1)
    await write(store, bot.id, SAID, replace(SAID, text="three"), known)
    assert await read(store, bot.id) == [(2, "three", None), (3, "one two", 1)]
    assert await read(store, bot.id, history=True) == [(1, "one two", None), (2, "three", None), (3, "one two", 1)]
    assert await read(store, bot.id, after=1, limit=1) == [(2, "three", None)]


async def test_one_becomes_two_and_one_again(store):
    bot = await claimed(store)
    await write(store, bot.id, SAID, replace(SAID, text="one", supersedes=1), replace(SAID, text="two", supersedes=1))
    assert await read(store, bot.id) == [(2, "one", 1), (3, "two", 1)]
    await write(store, bot.id, replace(SAID, supersedes=2), replace(SAID, text="", supersedes=3))
    assert await read(store, bot.id) == [(4, "one two", 2)]
    assert len(await read(store, bot.id, history=True)) == 5


async def test_who_reads_on_is_told_what_of_theirs_does_not_hold_and_who_begins_only_what_does(store):
    bot = await claimed(store)
    parts = replace(SAID, text="one", supersedes=1), replace(SAID, text="two", supersedes=1)
    await write(store, bot.id, SAID, *parts, replace(SAID, text="", supersedes=3))
    assert await read(store, bot.id) == [(2, "one", 1)]
    assert await read(store, bot.id, after=1) == [(2, "one", 1), (3, "two", 1), (4, "", 3)]
    assert await read(store, bot.id, after=2) == [(3, "two", 1), (4, "", 3)]
    assert await read(store, bot.id, after=3) == [(4, "", 3)]
    await write(store, bot.id, replace(SAID, text="of late"), replace(SAID, text="", supersedes=5))
    assert await read(store, bot.id, after=4) == [], "they never had it"


@pytest.mark.slow
@pytest.mark.parallel
@pytest.mark.parametrize("seed", range(4))
async def test_who_follows_has_in_the_end_what_holds_wherever_and_whenever_they_read_on(store, seed):
    bot, chance = await claimed(store), random.Random(seed)
    known: list[tuple[int, dict[int, str]]] = [(0, {}), (0, {}), (0, {})]  # of each reader: up to where, and what
    for sequence in range(1, 31):
        corrects = chance.choice([None, chance.randrange(1, sequence)]) if sequence > 1 else None
        text = "" if corrects and chance.random() < 0.4 else f"line {sequence}"
        await write(store, bot.id, replace(SAID, text=text, supersedes=corrects))
        for reader, (after, kept) in enumerate(known):
            if chance.random() < 0.3 or sequence == 30:
                known[reader] = await _read_on(store, bot.id, after, kept, limit=chance.choice([1, 3, 50]))
    holds = {sequence: text for sequence, text, _ in await read(store, bot.id)}
    assert [kept for _, kept in known] == [holds] * 3


async def _read_on(
    store: Seeded, bot_id: str, after: int, kept: dict[int, str], *, limit: int
) -> tuple[int, dict[int, str]]:
    while page := await read(store, bot_id, after=after, limit=limit):
        for sequence, text, corrects in page:
            kept = {one: said for one, said in kept.items() if one != corrects}
            kept |= {sequence: text} if text else {}
            after = sequence
    return after, kept


async def test_a_correction_of_another_bots_words_does_not_reach_them(store):
    one, other = await claimed(store, "aaa-aaaa-aaa"), await claimed(store, "bbb-bbbb-bbb")
    await write(store, one.id, SAID)
    await write(store, other.id, SAID, replace(SAID, text="new", supersedes=1))
    assert await read(store, one.id) == [(1, "one two", None)]


@pytest.mark.parametrize("sequence", [0, 1, 7])
async def test_what_was_never_written_cannot_be_superseded(store, sequence):
    bot = await claimed(store)
    with pytest.raises(UnknownSegment):
        await write(store, bot.id, replace(SAID, supersedes=sequence))
    assert await read(store, bot.id, history=True) == []


async def test_a_version_that_knows_no_corrections_still_writes_rows_that_read_well(store):
    bot = await claimed(store)
    new = {"speaker_confidence", "supersedes"}
    old = {field: getattr(SAID, field) for field in SAID.__slots__ if field not in new}
    row = {"bot_id": bot.id, "workspace_id": store.workspace.id, "attempt": 1, "sequence": 1, **old}
    async with store.database.write() as session:
        await session.execute(sa.insert(tables.transcript_segments).values(**row))
    async with store.database.read() as session:
        assert list(await transcripts.list(session, bot.id)) == [(1, replace(SAID, speaker_confidence=None))]
