"""Notices at work on a virtual clock: who is told what, when, and what is kept as evidence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.meeting.bridge import Heard
from bot.meeting.disclosure import Disclosure
from connectors.base import Capabilities, NotSupported
from tests.bot.clocks import HandClock
from tests.bot.meeting.talk_doubles import MemoryConnector, MemoryRecorder

GREETING = "Hello, I'm Iris, an AI assistant."
WELCOME = "Welcome. I'm Iris, an AI assistant, and I keep a transcript."


class Mouth:
    """Says notices at once; `cuts` says how many words of the next ones are heard."""

    def __init__(self) -> None:
        self.quiet = True
        self.said: list[str] = []
        self.cuts: list[int] = []

    async def notify(self, text: str) -> Heard | None:
        self.said.append(text)
        words = text.split()
        heard = words[: self.cuts.pop(0)] if self.cuts else words
        return Heard(text=" ".join(heard), cut=heard != words, first_audible_s=0.0, last_heard_s=1.0, offset_ms=None)


class Chat(MemoryConnector):
    def __init__(self) -> None:
        super().__init__()
        self.failures = 0

    async def say_in_chat(self, text: str) -> None:
        if self.failures:
            self.failures -= 1
            raise NotSupported
        await super().say_in_chat(text)


class Stage:
    def __init__(self, *, chat: bool = True) -> None:
        self.clock, self.mouth, self.chat, self.recorder = HandClock(), Mouth(), Chat(), MemoryRecorder()
        self.chat.capabilities = Capabilities(chat=chat, participant_audio=True, participant_names=True)
        parts: Any = (self.chat, self.mouth, self.recorder, self.clock)
        self.disclosure = Disclosure(*parts, name="Iris", greeting="")

    async def passes(self, seconds: float) -> None:
        for _ in range(round(seconds)):
            self.clock.advance(1.0)
            for _ in range(10):
                await asyncio.sleep(0)

    def kept(self, kind: str) -> list[dict[str, Any]]:
        return [data for each, data in self.recorder.notes if each == kind]


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    running = asyncio.create_task(stage.disclosure.run())
    yield stage
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_nobody_is_told_before_someone_is_there(stage: Stage) -> None:
    await stage.passes(5)
    assert not stage.mouth.said and not stage.chat.written
    stage.disclosure.joined("p1", "Ada")
    stage.disclosure.joined("p2", "Bo")
    await stage.passes(2)
    assert stage.mouth.said == [GREETING] and len(stage.chat.written) == 1
    assert stage.kept("disclosure.spoken") == [{"to": ["p1", "p2"], "text": GREETING, "cut": False}]
    assert stage.kept("disclosure.written")[0]["to"] == ["p1", "p2"]


async def test_a_late_joiner_is_told_in_the_chat_and_by_voice_when_it_is_quiet(stage: Stage) -> None:
    stage.disclosure.joined("p1", "Ada")
    await stage.passes(70)
    stage.mouth.quiet = False
    stage.disclosure.joined("p2", "Bo")
    await stage.passes(10)
    assert len(stage.chat.written) == 2 and stage.mouth.said == [GREETING]
    stage.mouth.quiet = True
    await stage.passes(1)
    assert stage.mouth.said == [GREETING, WELCOME]
    assert stage.kept("disclosure.spoken")[-1] == {"to": ["p2"], "text": WELCOME, "cut": False}
    await stage.passes(200)
    assert len(stage.mouth.said) == 2 and len(stage.chat.written) == 2


@pytest.mark.parametrize(("chat", "said"), [(True, [GREETING]), (False, [GREETING, WELCOME])])
async def test_only_who_can_be_told_in_no_other_way_is_told_into_the_talk(chat: bool, said: list[str]) -> None:
    stage = Stage(chat=chat)
    running = asyncio.create_task(stage.disclosure.run())
    stage.disclosure.joined("p1", "Ada")
    await stage.passes(70)
    stage.mouth.quiet = False
    stage.disclosure.joined("p2", "Bo")
    await stage.passes(80)
    assert stage.mouth.said == [GREETING]
    await stage.passes(20)
    assert stage.mouth.said == said
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_greeting_that_was_cut_is_evidence_and_is_said_again_in_full(stage: Stage) -> None:
    stage.mouth.cuts = [2]
    stage.disclosure.joined("p1", "Ada")
    await stage.passes(10)
    assert [(one["text"], one["cut"]) for one in stage.kept("disclosure.spoken")] == [
        ("Hello, I'm", True),
        (GREETING, False),
    ]


async def test_a_chat_that_fails_is_tried_again(stage: Stage) -> None:
    stage.chat.failures = 1
    stage.disclosure.joined("p1", "Ada")
    await stage.passes(10)
    assert stage.kept("disclosure.delayed") == [{"way": "written", "why": "not_supported", "to": ["p1"]}]
    assert len(stage.chat.written) == 1 and stage.kept("disclosure.written")[0]["to"] == ["p1"]


async def test_a_notice_that_was_said_while_no_sound_left_is_said_again(stage: Stage) -> None:
    stage.disclosure.sounds(False)
    stage.disclosure.joined("p1", "Ada")
    await stage.passes(2)
    assert stage.mouth.said == [GREETING] and not stage.kept("disclosure.spoken")
    assert stage.kept("disclosure.delayed") == [{"way": "spoken", "why": "muted", "to": ["p1"]}]
    stage.disclosure.sounds(True)
    await stage.passes(5)
    assert stage.kept("disclosure.spoken") == [{"to": ["p1"], "text": GREETING, "cut": False}]


async def test_people_whom_nothing_reached_are_an_event(stage: Stage) -> None:
    stage.chat.failures = 99
    stage.mouth.cuts = [0] * 99
    stage.disclosure.joined("p1", "Ada")
    await stage.passes(120)
    assert stage.kept("disclosure.failed") == [{"to": ["p1"]}]
    assert not stage.kept("disclosure.spoken") and len(stage.mouth.said) == 4


async def test_people_without_a_name_are_told_by_number_and_none_of_them_twice(stage: Stage) -> None:
    stage.disclosure.others_are(2)
    await stage.passes(70)
    assert stage.mouth.said == [GREETING] and stage.kept("disclosure.written")[0]["to"] == ["unnamed-1", "unnamed-2"]
    for others in (1, 2, 1, 2):
        stage.disclosure.others_are(others)
        await stage.passes(70)
    assert stage.mouth.said == [GREETING] and len(stage.chat.written) == 1
    stage.disclosure.others_are(3)
    await stage.passes(70)
    assert stage.kept("disclosure.written")[-1]["to"] == ["unnamed-3"]
    stage.disclosure.others_are(0)
    stage.disclosure.others_are(1)
    await stage.passes(70)
    assert stage.kept("disclosure.written")[-1]["to"] == ["unnamed-4"] and stage.mouth.said[1:] == [WELCOME, WELCOME]


async def test_who_is_told_is_not_told_again_for_another_name(stage: Stage) -> None:
    stage.disclosure.joined("p1", "")
    await stage.passes(70)
    stage.disclosure.renamed("p1", "Ada")
    stage.disclosure.renamed("nobody", "Ben")
    await stage.passes(70)
    assert stage.mouth.said == [GREETING] and len(stage.chat.written) == 1


async def test_who_comes_back_and_whose_name_comes_late_is_not_told_again(stage: Stage) -> None:
    stage.disclosure.joined("p1", "Ada")
    stage.disclosure.joined("p2", "Ben")
    await stage.passes(70)
    stage.disclosure.left("p1")
    stage.disclosure.joined("p9", "")
    await stage.passes(1)
    stage.disclosure.renamed("p9", "Ada")
    await stage.passes(70)
    assert stage.mouth.said == [GREETING] and len(stage.chat.written) == 1
