"""Situations of address as data, played through the real machine on a virtual clock.

A line is [second, who, "says" | "writes", text, outcome], or [second, who, "joins" | "leaves"]; `null` where a person
would accept more than one. The bot's answers begin after a second and last four, unless something ends them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from bot.conversation.turn_events import (
    ChatWritten,
    Effect,
    Event,
    Heard,
    Interrupt,
    Leave,
    PeopleChanged,
    PlaybackBegan,
    PlaybackEnded,
    SayGoodbye,
    Speak,
    SpeechBegan,
    SpeechGoesOn,
    SpeechStopped,
    Think,
    Tick,
)
from bot.conversation.turn_state import State
from bot.conversation.turns import step
from tests.bot.conversation.sentences import without_marks

TICK_S = 0.1
WORD_S = 0.35
PAUSE_S = 0.5  # silence that ends a stretch
WORDS_LATER_S = 0.15
THINKING_S = 1.0
ANSWER_S = 4.0


class Outcome(StrEnum):
    ANSWER = "answer"
    LEAVE = "leave"
    STOP = "stop"  # what was being said or made ends, and nothing is said instead
    NOTHING = "nothing"


@dataclass(frozen=True, kw_only=True)
class Line:
    at_s: float
    who: str
    how: str
    text: str
    expected: Outcome | None


@dataclass
class Score:
    """Lines by what they ask for, and what went wrong: anything but nothing for what was not for us is `false`, and
    another outcome than it asked for of what was is `missed`."""

    lines: Counter[Outcome] = field(default_factory=Counter)
    wrong: dict[Outcome, list[str]] = field(default_factory=lambda: {outcome: [] for outcome in Outcome})

    @property
    def false(self) -> list[str]:
        return self.wrong[Outcome.NOTHING]

    @property
    def missed(self) -> list[str]:
        return [what for outcome, wrong in self.wrong.items() if outcome is not Outcome.NOTHING for what in wrong]

    @property
    def missed_share(self) -> float:
        return len(self.missed) / (self.lines.total() - self.lines[Outcome.NOTHING])

    def share(self, outcome: Outcome) -> float:
        """Of the lines that ask for this: those that went wrong."""
        return len(self.wrong[outcome]) / self.lines[outcome]

    def __str__(self) -> str:
        kinds = ", ".join(f"{outcome} {len(self.wrong[outcome])} of {self.lines[outcome]}" for outcome in Outcome)
        false_share = self.share(Outcome.NOTHING)
        return f"false-speak {false_share:.1%}, missed {self.missed_share:.1%}; wrong of each: {kinds}"


def situations(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(Path(__file__).with_name(f"{name}.json").read_text("utf-8"))
    return found


def score(name: str, *, marks: bool = True) -> Score:
    """`marks`: as written; else what is said comes as recognisers write it."""
    told = Score()
    for situation in situations(name):
        if not marks:
            lines = situation["lines"]
            situation["lines"] = [
                [*one[:3], without_marks(one[3]), one[4]] if "says" in one[2:3] else one for one in lines
            ]
        for line, outcome in play(situation):
            if line.expected is None:
                continue
            told.lines[line.expected] += 1
            if outcome is not line.expected:
                told.wrong[line.expected].append(f"{situation['about']}: {line.who}: {line.text} ({outcome})")
    return told


def play(situation: dict[str, Any]) -> Iterator[tuple[Line, Outcome]]:
    """Each thing said or written, and what the bot made of it."""
    room = _Room(situation["people"], tuple(situation.get("names", ["Iris"])))
    for at_s, who, how, *rest in situation["lines"]:
        room.until(at_s)
        if how in {"joins", "leaves"}:
            room.people_changed(who, how)
            continue
        text, expected = rest
        line = Line(at_s=at_s, who=who, how=how, text=text, expected=Outcome(expected) if expected else None)
        yield line, room.outcome(line)


class _Room:
    def __init__(self, people: list[str], names: tuple[str, ...]) -> None:
        self.state = State(names=names)
        self.people = list(people)
        self.now_s = 0.0
        self.due: list[Event] = []
        self.cut = False  # since the line began
        self._tell_people()

    def people_changed(self, who: str, how: str) -> None:
        self.people.append(who) if how == "joins" else self.people.remove(who)
        self._tell_people()

    def _tell_people(self) -> None:
        self._apply(PeopleChanged(at_s=self.now_s, others=len(self.people), other_names=tuple(self.people)))

    def until(self, at_s: float) -> None:
        while self.now_s < at_s:
            self.now_s += TICK_S
            for event in [one for one in self.due if one.at_s <= self.now_s]:
                self.due.remove(event)
                self._apply(replace(event, at_s=self.now_s))
            self._apply(Tick(at_s=self.now_s))

    def outcome(self, line: Line) -> Outcome:
        self.cut = False
        if line.how == "writes":
            effects = self._apply(ChatWritten(at_s=self.now_s, speaker=line.who, text=line.text))
        else:
            self._speaks(line)
            effects = self._apply(Heard(at_s=self.now_s, speaker=line.who, text=line.text))
        return _outcome(effects, silenced=self.cut and not self.state.busy)

    def _speaks(self, line: Line) -> None:
        began_s, words = self.now_s, line.text.split()
        self._apply(SpeechBegan(at_s=began_s, speaker=line.who))
        for count in range(1, 1 + round(len(words) * WORD_S / 0.1)):
            self.until(began_s + count * 0.1)
            so_far = " ".join(words[: int(count * 0.1 / WORD_S)])
            goes_on = SpeechGoesOn(at_s=self.now_s, speaker=line.who, voiced_s=count * 0.1, silent_s=0.0, text=so_far)
            self._apply(goes_on)
        self.until(self.now_s + PAUSE_S)
        self._apply(SpeechStopped(at_s=self.now_s, speaker=line.who))
        self.until(self.now_s + WORDS_LATER_S)

    def _apply(self, event: Event) -> tuple[Effect, ...]:
        self.state, effects = step(self.state, event)
        for effect in effects:
            if isinstance(effect, Interrupt | Leave):
                self.due, self.cut = [], True
            elif isinstance(effect, Think | SayGoodbye | Speak):
                self.due += [
                    PlaybackBegan(at_s=self.now_s + THINKING_S, epoch=effect.epoch),
                    PlaybackEnded(at_s=self.now_s + THINKING_S + ANSWER_S, epoch=effect.epoch),
                ]
        return effects


def _outcome(effects: tuple[Effect, ...], *, silenced: bool) -> Outcome:
    if any(isinstance(effect, SayGoodbye) for effect in effects):
        return Outcome.LEAVE
    if any(isinstance(effect, Think | Speak) for effect in effects):
        return Outcome.ANSWER
    return Outcome.STOP if silenced else Outcome.NOTHING
