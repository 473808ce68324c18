"""Who says what in a mixed meeting: at once by the signs, corrected by the voices, on the real pen and database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Self

import numpy as np
import pytest

from bot.clock import RealClock
from bot.hearing.base import RATE_HZ, HeardWord, HearingError, Utterance
from bot.hearing.diarization.base import DiarizationEvent, Frontier, SpeakerSpan, Withdrawn
from bot.meeting.bridge import Bridge
from bot.meeting.record import Recorder
from bot.meeting.speakers import Speakers
from bot.meeting.stay import Roster
from bot.store import transcripts
from connectors.base import AudioChunk, Capabilities, Speaking
from tests.bot.meeting.talk_doubles import MemoryConnector, MemoryRecorder, PlainSession, ScriptedEars
from tests.bot.store.test_bots import claimed


def at(seconds: float) -> int:
    return round(seconds * RATE_HZ)


def utterance(text: str, start_s: float, end_s: float, stream: str = "mix") -> Utterance:
    """Words of equal length."""
    edges = np.linspace(at(start_s), at(end_s), len(text.split()) + 1).astype(int)
    words = tuple(
        HeardWord(start_sample=int(a), end_sample=int(b), text=word, confidence=0.9)
        for word, a, b in zip(text.split(), edges, edges[1:], strict=False)
    )
    return Utterance(
        stream=stream,
        start_sample=at(start_s),
        end_sample=at(end_s),
        text=text,
        words=words,
        confidence=0.9,
        recognised_s=0.1,
    )


def span(number: int, speaker: str, start_s: float, end_s: float, instead: tuple[int, ...] = ()) -> SpeakerSpan:
    return SpeakerSpan(
        span=number,
        speaker=speaker,
        start_sample=at(start_s),
        end_sample=at(end_s),
        confidence=0.9,
        supersedes=instead,
    )


@dataclass
class ScriptedDiarizer:
    """Tells what it is told to; fails when the script ends with an error. `goes_on`: ends only when it is left."""

    script: Sequence[DiarizationEvent | HearingError] = ()
    goes_on: bool = False
    fed: list[int] = field(default_factory=list)

    def feed(self, start_sample: int, pcm: np.ndarray) -> None:
        self.fed.append(start_sample)

    async def events(self) -> AsyncIterator[DiarizationEvent]:
        for event in self.script:
            if isinstance(event, HearingError):
                raise event
            yield event
        if self.goes_on:
            await asyncio.Event().wait()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None: ...


class Table:
    """Ada and Ben in a mixed meeting with the bot."""

    def __init__(self, recorder: Any, *, others: str = "ada ben") -> None:
        self.diarizer = ScriptedDiarizer()
        self.roster = Roster(RealClock())
        self.roster.joined("bot", "Iris (AI)", is_self=True)
        for one in others.split():
            self.roster.joined(one, one.title(), is_self=False)
        self.speakers = Speakers(recorder, self.roster, mixed=True, diarizer=self.diarizer)

    def signs(self, who: str, start_s: float, end_s: float) -> None:
        self.speakers.shows(Speaking(at_s=start_s + 0.5, participant=who, active=True))
        self.speakers.shows(Speaking(at_s=end_s + 1.0, participant=who, active=False))

    def says(self, text: str, start_s: float, end_s: float) -> list[tuple[str, str]]:
        return [(one.stream, one.text) for one in self.speakers.said(utterance(text, start_s, end_s))]

    async def voices(self, *events: DiarizationEvent | HearingError) -> None:
        self.diarizer.script = events
        await self.speakers.run()


class Stored:
    """A table whose recorder is the real one."""

    def __init__(self, store: Any, bot: Any) -> None:
        self._store, self._bot = store, bot
        self.recorder = Recorder(store.database, bot_id=bot.id, attempt=1, clock=RealClock())
        self.table = Table(self.recorder)

    async def transcript(self, *, history: bool = False) -> list[tuple[str, str, str]]:
        writing = asyncio.create_task(self.recorder.run())
        await self.recorder.flush()
        writing.cancel()
        with suppress(asyncio.CancelledError):
            await writing
        async with self._store.database.read() as session:
            found = await transcripts.list(session, self._bot.id, history=history)
        return [(segment.speaker_name, segment.text, segment.source) for _, segment in found]


@pytest.fixture
async def stored(sqlite_store: Any) -> Stored:
    return Stored(sqlite_store, await claimed(sqlite_store))


async def test_a_stream_of_ones_own_needs_no_guess() -> None:
    recorder = MemoryRecorder()
    roster = Roster(RealClock())
    roster.joined("ada", "Ada", is_self=False)
    heard = utterance("hello there", 0, 1, "ada")
    assert Speakers(recorder, roster).said(heard) == [heard]  # type: ignore[arg-type]
    assert recorder.segments[0]["speaker_name"] == "Ada" and recorder.segments[0]["source"] == "platform"
    assert recorder.segments[0]["speaker_confidence"] == 1.0


async def test_the_sign_names_the_speaker_at_once_and_the_voice_only_confirms(stored: Stored) -> None:
    stored.table.signs("ada", 0.0, 4.0)
    assert stored.table.says("one two three", 0.0, 4.0) == [("ada", "one two three")]
    await stored.table.voices(span(1, "A", 0.0, 4.0), Frontier(sample=at(5)))
    assert await stored.transcript(history=True) == [("Ada", "one two three", "platform")]


async def test_a_speaker_nobody_knew_is_named_once_the_voice_is(stored: Stored) -> None:
    stored.table.signs("ada", 0.0, 4.0)
    assert stored.table.says("who is this", 10.0, 12.0) == [("unknown", "who is this")]
    await stored.table.voices(span(1, "A", 0.0, 4.0), span(2, "A", 10.0, 12.0), Frontier(sample=at(13)))
    assert await stored.transcript() == [("Ada", "who is this", "acoustic")]
    assert [name for name, *_ in await stored.transcript(history=True)] == ["Someone", "Ada"]


async def test_a_voice_without_a_participant_is_speaker_a(stored: Stored) -> None:
    stored.table.says("who is this", 10.0, 12.0)
    await stored.table.voices(span(1, "A", 10.0, 12.0), Frontier(sample=at(13)))
    assert await stored.transcript() == [("Speaker A", "who is this", "acoustic")]


async def test_words_of_two_are_parted_when_the_voices_are_known(stored: Stored) -> None:
    stored.table.signs("ada", 0.0, 4.0)
    stored.table.signs("ben", 5.0, 9.0)
    stored.table.says("shall we begin yes let us", 10.0, 13.0)
    await stored.table.voices(
        span(1, "A", 0.0, 4.0),
        span(2, "B", 5.0, 9.0),
        span(3, "A", 10.0, 11.5),
        span(4, "B", 11.5, 13.0),
        Frontier(sample=at(14)),
    )
    assert await stored.transcript() == [("Ada", "shall we begin", "acoustic"), ("Ben", "yes let us", "acoustic")]
    assert len(await stored.transcript(history=True)) == 3


async def test_a_corrected_voice_corrects_what_was_written(stored: Stored) -> None:
    stored.table.signs("ada", 0.0, 4.0)
    stored.table.signs("ben", 5.0, 9.0)
    stored.table.says("that was me", 10.0, 12.0)
    known = (span(1, "A", 0.0, 4.0), span(2, "B", 5.0, 9.0), span(3, "A", 10.0, 12.0), Frontier(sample=at(13)))
    await stored.table.voices(*known, span(4, "B", 10.0, 12.0, (3,)), Frontier(sample=at(14)))
    assert await stored.transcript() == [("Ben", "that was me", "acoustic")]
    assert [name for name, *_ in await stored.transcript(history=True)] == ["Someone", "Ada", "Ben"]


async def test_a_voice_that_turns_out_to_be_nobodys_takes_no_name_away(stored: Stored) -> None:
    stored.table.signs("ada", 10.0, 12.0)
    stored.table.says("that was me", 10.0, 12.0)
    await stored.table.voices(span(1, "A", 10.0, 12.0), Frontier(sample=at(13)), Withdrawn(spans=(1,)))
    assert await stored.transcript(history=True) == [("Ada", "that was me", "platform")]


async def test_without_a_diarizer_the_late_sign_still_names_the_line(stored: Stored) -> None:
    await stored.table.voices(HearingError("gone"))
    stored.table.says("that was me", 10.0, 10.4)
    stored.table.signs("ada", 10.0, 10.6)
    assert await stored.transcript() == [("Ada", "that was me", "platform")]


async def test_the_bots_own_sign_is_no_evidence_and_one_other_is_who_it_must_be() -> None:
    recorder = MemoryRecorder()
    pair, trio = Table(recorder, others="ada"), Table(recorder)
    for table in (pair, trio):
        table.signs("bot", 0.0, 4.0)
    assert pair.says("hello", 1.0, 2.0) == [("ada", "hello")]
    assert trio.says("hello", 1.0, 2.0) == [("unknown", "hello")]


async def test_the_mix_can_be_wanted_and_the_face_looks_at_whom_the_sign_shows() -> None:
    table, connector, ears = Table(MemoryRecorder()), MemoryConnector(), ScriptedEars()
    assert connector.capabilities == Capabilities(chat=True, participant_audio=True, participant_names=True)
    looked: list[tuple[str | None, int]] = []
    session: Any = PlainSession()
    session.listen = lambda pcm, *, speaker_id=None, gaze_xy=None: looked.append((speaker_id, int(pcm[0])))

    async def audio() -> AsyncIterator[AudioChunk]:
        for index, participant in enumerate((None, "ada", None)):
            yield AudioChunk(participant=participant, start_sample=320 * index, pcm=np.full(320, index, np.int16))
            table.speakers.shows(Speaking(at_s=0.01 * index, participant="ben", active=True))

    meeting: Any = SimpleNamespace(
        capabilities=connector.capabilities, microphone=connector.microphone, camera=connector.camera, audio=audio
    )
    table.diarizer.goes_on = True
    telling = asyncio.create_task(table.speakers.run())
    await asyncio.sleep(0)
    await Bridge(meeting, session, ears, speakers=table.speakers).hear()  # type: ignore[arg-type]
    telling.cancel()
    assert looked == [(None, 0), ("ben", 2)] and table.diarizer.fed == [0, 640]
