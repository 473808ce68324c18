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
from bot.hearing.base import SpeechEnded, SpeechStarted, Utterance
from bot.meeting.bridge import Bridge
from bot.meeting.parts import Parts
from bot.meeting.stay import Roster, Stay
from bot.meeting.talk import Talk
from bot.meeting.watch import fall_silent, follow
from connectors.base import ChatMessage, DeviceFailed, ParticipantRenamed, Speaking
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


async def test_what_another_bot_of_ours_says_is_written_down_and_not_answered(room: Room) -> None:
    room.roster.joined("b2", "Max (AI)", is_self=False)
    room.roster.bots_are({"Max (AI)": 1})
    room.ears.begins("b2")
    room.ears.said("b2", "iris how do i grow garlic")
    await eventually(lambda: room.recorder.segments)
    room.talk.chat(ChatMessage(at_s=1.0, participant="b2", name="Max (AI)", text="Iris is here too"))
    room.talk.chat(ChatMessage(at_s=1.0, participant=None, name="Max (AI)", text="Iris is here too"))
    room.ears.begins("p1")
    room.ears.said("p1", "iris what about soil")
    await eventually(lambda: room.recorder.turns)
    assert [question for question, _ in room.mind.asked] == ["iris what about soil"]
    assert room.recorder.segments[0]["text"] == "iris how do i grow garlic"


async def test_late_words_carry_the_times_of_their_own_stretch(room: Room) -> None:
    began_s, told = room.connector.timeline_start_s, room.ears.queue
    for start, late_s in ((0, 0.01), (24_000, 0.1)):
        told.put_nowait(SpeechStarted(stream="p1", start_sample=start))
        decided, arrived_s = start + 20_000, began_s + (start + 20_000) / 16_000 + late_s
        ended = SpeechEnded(
            stream="p1", start_sample=start, end_sample=start + 16_000, decided_sample=decided, arrived_s=arrived_s
        )
        told.put_nowait(ended)
    words: dict[str, Any] = {"text": "what about soil", "words": (), "confidence": 0.9, "recognised_s": 0.1}
    told.put_nowait(Utterance(stream="p1", start_sample=0, end_sample=16_000, **words))
    await eventually(lambda: room.recorder.turns)
    assert room.recorder.turns[0]["t0_s"] == 1.0 and room.recorder.turns[0]["arrival_ms"] == pytest.approx(10.0)


async def test_who_writes_without_an_id_is_nobody_known_and_no_name_is_taken_for_one(room: Room) -> None:
    room.talk.chat(ChatMessage(at_s=1.0, participant=None, name="Alex Doe", text="what about soil"))
    await eventually(lambda: room.recorder.turns)
    kept = [room.recorder.turns[0]["speaker"], dict(room.recorder.notes)["chat.message"]["speaker_id"]]
    assert kept == ["", ""]


async def test_what_is_cut_is_kept_as_far_as_it_was_heard(room: Room) -> None:
    room.mind.answers = [" ".join(f"word{n}" for n in range(120))]
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


def loud_steps(room: Room) -> int:
    return sum(bool(step.any()) for step in room.connector.microphone.sound)


async def speaking(room: Room, answer: str, *, steps: int = 60) -> None:
    """The bot is heard saying `answer`, for as many steps of ten milliseconds."""
    room.mind.answers = [answer]
    room.ears.begins("p1")
    room.ears.said("p1", "what about soil")
    await eventually(lambda: loud_steps(room) > steps)


async def test_an_interruption_is_recorded_with_who_and_when_it_was_silent(room: Room) -> None:
    await speaking(room, " ".join(f"word{n}" for n in range(120)))
    room.ears.begins("p1")
    room.ears.goes_on("p1", 0.6, text="so about the")
    await eventually(lambda: room.recorder.turns)
    cut = room.recorder.turns[0]["interruption"]
    assert cut["by"] == "p1" and cut["onset_s"] == 0.0 and cut["decided_s"] <= cut["silent_s"]
    assert cut["onset_to_silence_ms"] >= cut["decided_to_silence_ms"] >= 0


async def test_an_answer_cut_by_nothing_goes_on_from_the_clause_not_heard_whole(room: Room) -> None:
    clauses = [f"a{n} b{n}" for n in range(60)]
    await speaking(room, "|".join(clauses))
    room.ears.begins("p1")
    room.ears.goes_on("p1", 0.6)
    room.ears.said("p1", "")
    await eventually(lambda: room.recorder.turns)
    loud = loud_steps(room)
    await eventually(lambda: loud_steps(room) > loud + 20)
    room.ears.begins("p1")
    room.ears.goes_on("p1", 0.6)
    await eventually(lambda: len(room.recorder.turns) == 2)
    first, second = room.recorder.turns
    assert first["interrupted"] and second["resumes"] == first["epoch"] and len(room.mind.asked) == 1
    heard = len(first["answer_heard"].split())
    assert second["answer"].split()[0] in {f"a{n}" for n in ((heard - 1) // 2, heard // 2, (heard + 1) // 2)}


async def test_a_nod_makes_the_voice_softer_and_loud_again(room: Room) -> None:
    await speaking(room, " ".join(f"word{n}" for n in range(120)))
    sound = room.connector.microphone.sound
    room.ears.begins("p1")
    room.ears.goes_on("p1", 0.2)
    await eventually(lambda: sound[-1].max() == 1000)
    room.ears.goes_on("p1", 0.3, silent_s=0.3, text="mhm")
    room.ears.said("p1", "mhm")
    await eventually(lambda: sound[-1].max() == 4000)
    assert not room.recorder.turns


@pytest.mark.slow
async def test_what_it_is_the_bot_says_itself_whatever_the_mind(room: Room) -> None:
    room.mind.answers = ["I am as human as you are."]
    room.ears.begins("p1")
    room.ears.said("p1", "Iris, are you a real person?")
    await eventually(lambda: room.recorder.turns)
    assert room.recorder.turns[0]["answer_heard"] == "I'm Iris, an AI assistant, not a human." and not room.mind.asked


@pytest.mark.slow
async def test_a_notice_is_heard_whole_though_people_talk(room: Room) -> None:
    saying = asyncio.create_task(room.talk.notify("I am an AI and I keep a transcript."))
    await eventually(lambda: any(step.any() for step in room.connector.microphone.sound))
    room.ears.begins("p1")
    room.ears.goes_on("p1", 0.9, text="stop stop")
    heard = await saying
    assert heard is not None and not heard.cut


async def test_a_line_that_nobody_heard_anything_of_is_said_again(room: Room) -> None:
    saying = asyncio.create_task(room.talk.say_line("The break is over."))
    await eventually(lambda: not room.talk.quiet)
    room.ears.begins("p1")
    room.ears.goes_on("p1", 0.6, text="so about the")
    room.ears.said("p1", "")
    await saying
    assert "The break is over." in [one["text"] for one in room.recorder.segments if one["own"]]


async def test_a_notice_is_a_turn_of_its_own_and_what_was_heard_of_it_is_told(room: Room) -> None:
    assert room.talk.quiet
    saying = asyncio.create_task(room.talk.notify("I am an AI."))
    await eventually(lambda: not room.talk.quiet)
    heard = await saying
    assert heard is not None and (heard.text, heard.cut) == ("I am an AI.", False)
    assert room.recorder.turns[0]["kind"] == "notice"


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
    room.mind.answers = [" ".join(f"word{n}" for n in range(120))]
    room.ears.begins("p1")
    room.ears.said("p1", "what about soil")
    await eventually(lambda: sum(bool(step.any()) for step in room.connector.microphone.sound) > 100)
    await room.talk.say_goodbye()
    own = [segment for segment in room.recorder.segments if segment["own"]]
    assert [segment["cut"] for segment in own] == [True, False]
    assert own[0]["end_s"] <= own[1]["start_s"]


async def test_goodbye_is_answered_and_ends_the_stay_and_who_said_it_is_kept(room: Room) -> None:
    room.ears.begins("p1")
    room.ears.said("p1", "goodbye Iris")
    await asyncio.wait_for(room.stay.over(), 10)
    assert room.stay.reason == "said_goodbye"
    assert room.recorder.turns[0]["kind"] == "goodbye" and room.recorder.turns[0]["answer_heard"]
    asked = {"by": "participant", "speaker_id": "p1", "pii_name": "Alex", "written": False}
    assert ("asked.leave", asked) in room.recorder.notes


async def test_please_leave_in_the_chat_is_obeyed_too(room: Room) -> None:
    room.talk.chat(ChatMessage(at_s=1.0, participant="p1", name="Alex", text="Iris, please leave"))
    await asyncio.wait_for(room.stay.over(), 10)
    asked = dict(room.recorder.notes)["asked.leave"]
    assert (asked["speaker_id"], asked["written"]) == ("p1", True)


async def test_after_a_kill_nothing_is_said_any_more(room: Room) -> None:
    saying = asyncio.create_task(room.talk.notify("I am an AI and I talk for a long time."))
    await eventually(lambda: not room.talk.quiet)
    connector: Any = room.connector
    killing = asyncio.create_task(fall_silent(room.stay, connector, room.talk, room.recorder))  # type: ignore[arg-type]
    room.stay.end("killed")
    await killing
    heard = await saying
    assert heard is not None and heard.cut and "kill.silent" in dict(room.recorder.notes)
    assert await room.talk.notify("More.") is None


async def test_a_face_whose_consent_ends_gives_way_to_the_neutral_picture_for_good(room: Room) -> None:
    saying = asyncio.create_task(room.talk.notify("I am an AI and I talk for a long time."))
    await eventually(lambda: not room.talk.quiet)
    connector: Any = room.connector
    neutral: list[str] = []
    connector.camera.neutral = lambda: neutral.append("camera")
    connector.microphone.neutral = lambda: neutral.append("microphone")
    taking_off = asyncio.create_task(fall_silent(room.stay, connector, room.talk, room.recorder))  # type: ignore[arg-type]
    room.stay.end("asked_by_user")
    await asyncio.sleep(0)
    assert neutral == []
    room.stay.end("consent_ended")
    await taking_off
    await saying
    assert neutral == ["microphone", "camera"] and "consent.ended" in dict(room.recorder.notes)
    assert await room.talk.notify("More.") is None


async def test_a_microphone_that_fails_leaves_no_face_on_the_camera(room: Room) -> None:
    connector: Any = room.connector
    neutral: list[str] = []

    def fails() -> None:
        raise DeviceFailed("the sound server is gone")

    connector.microphone.neutral, connector.camera.neutral = fails, lambda: neutral.append("camera")
    room.stay.end("consent_ended")
    await fall_silent(room.stay, connector, room.talk, room.recorder)  # type: ignore[arg-type]
    assert neutral == ["camera"]


async def test_in_a_mix_the_question_is_of_whom_the_platform_shows(room: Room) -> None:
    room.talk.speakers.mixed = True
    room.roster.joined("p2", "Sam", is_self=False)
    room.talk.people_changed()
    room.talk.speakers.shows(Speaking(at_s=0.3, participant="p2", active=True))
    room.ears.begins("mix")
    room.ears.said("mix", "Iris what about soil")
    await eventually(lambda: room.recorder.turns)
    assert room.recorder.turns[0]["speaker"] == "p2" and room.recorder.turns[0]["latency_device_ms"] > 0
    assert room.recorder.segments[0]["speaker_name"] == "Sam"


async def test_one_picture_without_a_name_is_no_proof_that_one_person_is_alone_with_us(room: Room) -> None:
    room.roster.left("p1")
    for unnamed, others in ((1, 2), (5, 5), (0, 0)):
        room.roster.others_are(unnamed)
        room.talk.people_changed()
        assert room.talk._state.others == others


async def test_who_is_called_otherwise_is_addressed_and_written_down_so(room: Room) -> None:
    room.roster.joined("p2", "iPhone", is_self=False)
    told: Any = Renaming(ParticipantRenamed(at_s=1.0, participant="p2", name="Grace Hopper"))
    notices: Any = SimpleNamespace(renamed=lambda participant, name: None)
    parts: dict[str, Any] = {"disclosure": notices, "in_lobby": None, "recorder": room.recorder}
    await follow(told, roster=room.roster, stay=room.stay, talk=room.talk, **parts)
    room.ears.begins("p2")
    room.ears.said("p2", "i grow soil")
    await eventually(lambda: room.recorder.segments)
    assert room.recorder.segments[0]["speaker_name"] == "Grace Hopper"
    assert room.talk._state.other_names == ("Alex", "Grace Hopper")


class Renaming(MemoryConnector):
    def __init__(self, *told: ParticipantRenamed) -> None:
        super().__init__()
        self._told = told

    async def events(self) -> AsyncIterator[ParticipantRenamed]:
        for event in self._told:
            yield event
