"""What people in a meeting may say, write or be called, down to the database and back, on each database."""

from __future__ import annotations

import asyncio
import json

import pytest

from bot.clock import RealClock
from bot.meeting.record import Recorder
from bot.store import bots, transcripts, turns
from tests.bot.meeting.test_record import claimed
from tests.bot.stores import Seeded

HOSTILE = {
    "markup": "<script>alert(1)</script>",
    "controls": "bell\x07 escape\x1b[2J null\0 delete\x7f c1\x9b",
    "turning": "\u202egnp.exe\u2066\u200f\u061c",
    "half a pair": "\ud83d and \udc4b",
    "sql": "'; DROP TABLE bots; --",
    "template": "{{7*7}} ${7*7} %s %(x)s {x}",
    "json": '"}], "records": [{"a": "\\u0000',
    "nothing": "",
    "zalgo": "a" + "\u0301" * 5000,
}


def kept(text: str) -> str:
    """What a database gives back: everything but what no database holds."""
    return "".join("\ufffd" if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in text)


async def written_and_read(store: Seeded, texts: list[str]) -> None:
    bot = await claimed(store)
    recorder = Recorder(store.database, bot_id=bot.id, attempt=bot.attempt, clock=RealClock())
    for epoch, text in enumerate(texts):
        recorder.segment(
            speaker_id=text[:200], speaker_name=text[:200], text=text, start_s=1.0, end_s=2.0, source="platform",
            confidence=0.5, own=False,
        )  # fmt: skip
        recorder.note("chat.message", pii_name=text[:200], pii_text=text)
        recorder.turn(epoch, {"question": text, text[:50]: [text[:50], {"deep": text[:50]}]})
    writing = asyncio.create_task(recorder.run())
    await recorder.flush()
    assert not writing.done()
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    async with store.database.read() as session:
        segments = [one for _, one in await transcripts.list(session, bot.id)]
        notes = [one.data for one in await bots.events(session, bot.id) if one.kind == "chat.message"]
        records = [one.record for one in await turns.page(session, bot.id)]
    for read in ([s.text for s in segments], [n["pii_text"] for n in notes], [r["question"] for r in records]):
        assert read == [kept(text) for text in texts]
    names = [(segment.speaker_id, segment.speaker_name) for segment in segments]
    json.dumps([names, *map(dict, notes), *map(dict, records)], ensure_ascii=False).encode()


async def test_no_words_cost_the_bot_its_meeting_or_a_record(store: Seeded) -> None:
    await written_and_read(store, list(HOSTILE.values()))


@pytest.mark.slow
@pytest.mark.parallel
async def test_a_megabyte_of_words_is_kept_whole(store: Seeded) -> None:
    await written_and_read(store, ["x\u00e9\U0001f44b" * 330_000])
