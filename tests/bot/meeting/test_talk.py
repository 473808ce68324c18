"""The talk on the real turn machine, bridge and device thread; the meeting around them is in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from bot.clock import RealClock
from bot.meeting.bridge import Bridge
from bot.meeting.parts import Parts
from bot.meeting.stay import Roster, Stay
from bot.meeting.talk import Talk
from tests.bot.meeting.talk_doubles import (
    MemoryConnector,
    MemoryRecorder,
    PlainSession,
    ScriptedEars,
    ToldMind,
    ToneVoice,
)
from tests.polling import eventually


@dataclass
class Room:
    talk: Talk
    ears: ScriptedEars
    mind: ToldMind
    recorder: MemoryRecorder
    roster: Roster
    stay: Stay
    connector: MemoryConnector


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    connector, ears, mind = MemoryConnector(), ScriptedEars(), ToldMind(answers=["One two three four|five six."])
    parts: Any = Parts(connector=connector, session=PlainSession(), voice=ToneVoice(), ears=ears)
    bridge = Bridge(connector, parts.session, ears)  # type: ignore[arg-type]
    recorder, roster, stay = MemoryRecorder(), Roster(RealClock()), Stay()
    iris: Any = SimpleNamespace(name="Iris", aliases=(), greeting="")
    talk = Talk(bridge, parts, mind, {}, iris, recorder, roster, stay)  # type: ignore[arg-type]
    bridge.start()
    tasks = [asyncio.create_task(bridge.pump()), asyncio.create_task(talk.run())]
    roster.joined("p1", "Alex", is_self=False)
    talk.people_changed()
    yield Room(talk, ears, mind, recorder, roster, stay, connector)
    await talk.close()
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    bridge.close()


async def test_an_answer_is_heard_whole_and_kept_with_its_times(room: Room) -> None:
    room.ears.begins("p1")
    room.ears.said("p1", "what about soil")
    await eventually(lambda: room.recorder.turns)
    turn = room.recorder.turns[0]
    assert turn["answer_heard"] == "One two three four five six." and not turn["interrupted"]
    assert turn["passages"] == [{"id": "soil.md#1"}]
    assert turn["overhead_ms"] >= 0 and turn["wait_for_frame_ms"] >= 0 and turn["decision"] == "answer"
    assert sum(turn["stages_ms"].values()) == pytest.approx(turn["latency_device_ms"], abs=1.0)
    assert [segment["own"] for segment in room.recorder.segments] == [False, True]


async def test_what_is_cut_is_kept_as_far_as_it_was_heard(room: Room) -> None:
    room.mind.answers = [" ".join(f"word{n}" for n in range(60))]
    room.ears.begins("p1")
    room.ears.said("p1", "what about soil")
    await eventually(lambda: any(step.any() for step in room.connector.microphone.sound))
    room.ears.begins("p1")
    await eventually(lambda: room.recorder.turns)
    turn = room.recorder.turns[0]
    assert turn["interrupted"] and turn["answer"].startswith(turn["answer_heard"])
    assert 0 < len(turn["answer_heard"]) < len(turn["answer"])
    own = room.recorder.segments[-1]
    assert own["own"] and own["cut"] and own["text"] == turn["answer_heard"]


async def test_the_notice_is_spoken_written_and_recorded(room: Room) -> None:
    await room.talk.give_notice()
    await eventually(lambda: [kind for kind, _ in room.recorder.notes if kind == "disclosure.spoken"])
    assert "AI assistant" in room.connector.written[0]
    spoken = dict(room.recorder.notes)["disclosure.spoken"]
    assert spoken == {"text": "Hello, I'm Iris, an AI assistant.", "cut": False}


async def test_in_company_the_bot_answers_only_when_it_is_meant(room: Room) -> None:
    room.roster.joined("p2", "Sam", is_self=False)
    room.talk.people_changed()
    room.ears.begins("p2")
    room.ears.said("p2", "what do you think about the budget")
    room.ears.begins("p1")
    room.ears.said("p1", "Iris what about soil")
    await eventually(lambda: room.recorder.turns)
    assert [question for question, _ in room.mind.asked] == ["Iris what about soil"]
    assert [(one["decision"], one["because"], one["speaker"]) for one in room.recorder.remarks] == [
        ("ignore", "not_addressed", "p2")
    ]
    _, history = room.mind.asked[0]
    assert [said.text for said in history] == ["what do you think about the budget"]


async def test_a_line_that_must_be_said_cuts_the_answer_and_comes_after_it(room: Room) -> None:
    room.mind.answers = [" ".join(f"word{n}" for n in range(60))]
    room.ears.begins("p1")
    room.ears.said("p1", "what about soil")
    await eventually(lambda: sum(bool(step.any()) for step in room.connector.microphone.sound) > 100)
    await room.talk.say_goodbye()
    own = [segment for segment in room.recorder.segments if segment["own"]]
    assert [segment["cut"] for segment in own] == [True, False]
    assert own[0]["end_s"] <= own[1]["start_s"]


async def test_goodbye_is_answered_and_ends_the_stay(room: Room) -> None:
    room.ears.begins("p1")
    room.ears.said("p1", "goodbye Iris")
    await asyncio.wait_for(room.stay.over(), 10)
    assert room.stay.reason == "said_goodbye"
    assert room.recorder.turns[0]["kind"] == "goodbye" and room.recorder.turns[0]["answer_heard"]
