"""The shipped scene, and scenes played at a table that is a recording and a clock."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.library import SHIPPED
from bot.rehearsal.measure import Span
from bot.rehearsal.recording import Recording
from bot.rehearsal.scene import ASIDE, ASK, GOODBYE, INTERRUPTION, JOIN, BadScene, Played, play, read_scene
from bot.rehearsal.script import MicrophoneSilent, Patience

RATE_HZ = 24_000
LINE_S = 2.0
ANSWER_S = 6.0
PATIENCE = Patience(settle_s=5.0, notice_s=5.0, answer_s=5.0, farewell_s=4.0)
SCENE = read_scene(SHIPPED / "scene-table.json")


@dataclass
class FakeTable:
    """A clock that moves when someone sleeps, and a bot that is heard after lines for which `answers` says when."""

    answers: Callable[[str], float | None]
    stops: bool = True  # for whoever interrupts
    mute: str = ""
    ears: Recording = field(default_factory=lambda: Recording(RATE_HZ))
    said: list[tuple[str, str]] = field(default_factory=list)
    bot: list[Span] = field(default_factory=list)
    now_s: float = 1000.0
    messages: int = 1

    def monotonic_s(self) -> float:
        return self.now_s

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        first, self.now_s = round(self.now_s * RATE_HZ), self.now_s + seconds
        at_s = np.arange(first, round(self.now_s * RATE_HZ)) / RATE_HZ
        loud = np.zeros(len(at_s), bool)
        for span in self.bot:
            loud |= (at_s >= span.start_s) & (at_s < span.end_s)
        self.ears.add(np.where(loud, 6000, 0).astype(np.int16), arrived_s=self.now_s)

    async def say(self, who: str, text: str) -> Span | None:
        self.said.append((who, text))
        begun = Span(start_s=self.now_s, end_s=self.now_s + LINE_S)
        if "stop you" in text and self.stops:
            self.bot[-1] = replace(self.bot[-1], end_s=begun.start_s + 0.6)
        self.speaks(begun.end_s, self.answers(text))
        await self.sleep(LINE_S + 0.3)
        return None if who == self.mute else begun

    async def admit(self, who: str) -> None:
        self.messages += 1
        self.speaks(self.now_s, self.answers(who))
        await self.sleep(0.5)

    async def written(self, who: str) -> int:
        return self.messages

    def speaks(self, from_s: float, after_s: float | None) -> None:
        if after_s is not None:
            self.bot.append(Span(start_s=from_s + after_s, end_s=from_s + after_s + ANSWER_S))


def polite(said: str) -> float | None:
    return 1.0 if "Iris" in said or said == "Carl" else None


async def played(table: FakeTable) -> Played:
    table.speaks(table.now_s, 0.5)  # its line about itself
    return await play(SCENE, table, clock=table, patience=PATIENCE)


def test_the_shipped_scene_has_all_that_a_table_is_about() -> None:
    assert [step.do for step in SCENE.steps] == [ASIDE, ASIDE, ASK, JOIN, ASIDE, ASK, GOODBYE]
    assert [role.name for role in SCENE.people if role.late] == ["Carl"]
    asked = [step.text for step in SCENE.steps if step.do in (ASK, GOODBYE)]
    assert all("Iris" in text for text in asked)
    aside = [one.text for step in SCENE.steps for one in (step, *step.over) if one.do not in (ASK, GOODBYE, JOIN)]
    assert not any("Iris" in text for text in aside)
    assert len({role.voice for role in SCENE.people}) == 3


async def test_a_scene_is_played_in_order_and_takes_less_than_a_minute_and_a_half() -> None:
    table = FakeTable(polite)
    told = await played(table)
    said = [(step.who, step.text) for step in SCENE.steps if step.text]
    assert [one for one in table.said if one in said] == said
    assert told.notice is not None and told.ended_s - told.began_s < 90
    answered = {act.step.text: act.answered is not None for act in told.acts if act.step.do != ASIDE}
    assert all(answered.values()) and told.acts[3].written == 1


async def test_nods_and_interruptions_fall_into_the_answer() -> None:
    told = await played(FakeTable(polite))
    for act in told.acts:
        for over in act.over:
            assert act.answered is not None
            assert over.said.start_s == pytest.approx(act.answered.start_s + over.over.after_s, abs=0.3)
    cut = next(act for act in told.acts if any(over.over.do == INTERRUPTION for over in act.over))
    assert cut.answered is not None and cut.answered.seconds == pytest.approx(2.6, abs=0.3)


async def test_what_is_not_answered_is_given_up_and_nothing_is_said_over_it() -> None:
    told = await played(FakeTable(lambda text: None))
    assert [act.answered for act in told.acts] == [None] * 7
    assert not any(act.over for act in told.acts)


async def test_a_dead_microphone_ends_the_scene() -> None:
    with pytest.raises(MicrophoneSilent, match="Ben"):
        await played(FakeTable(polite, mute="Ben"))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"people": []}, "nobody is there"),
        ({"people": [{"name": "A b", "voice": "slt"}]}, "nobody can have the name"),
        ({"people": [{"name": "Ada", "voice": "nobody"}]}, "no voice 'nobody'"),
        ({"steps": [{"do": "dance", "who": "Ada"}]}, "nothing is known of 'dance'"),
        ({"steps": [{"do": "aside", "who": "Eve"}]}, "'Eve' is not at the table"),
        ({"steps": [{"do": "join", "who": "Ada"}]}, "'Ada' is not late"),
        ({"steps": [{"say": "x"}]}, "is no scene"),
        ({"steps": 3}, "is no scene"),
    ],
)
def test_a_scene_that_cannot_be_played_says_why(tmp_path: Path, change: dict[str, Any], complaint: str) -> None:
    good = {"people": [{"name": "Ada", "voice": "slt"}], "steps": [{"do": "aside", "who": "Ada", "text": "x"}]}
    path = tmp_path / "scene.json"
    path.write_text(json.dumps({**good, **change}))
    with pytest.raises(BadScene, match=complaint):
        read_scene(path)
