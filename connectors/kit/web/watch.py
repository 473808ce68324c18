"""What changed in a call between two looks at its page. Pure: knows no browser and no clock but the time it is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from connectors.base import (
    ChatMessage,
    Event,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantRenamed,
    ScreenShared,
    Speaking,
    UnnamedPeople,
)
from connectors.kit.web.chat import Chat
from connectors.kit.web.classifier import Person, Sighting
from connectors.kit.web.layout import Spotter

STANDS_S = 1.0  # so long has a number of people to be seen: pages draw them one by one
CHAT_BOX = "chat_box"  # the control that is seen where a chat is open


class Watcher:
    """Keeps what was last told; `look` gives the events that bring a listener up to date. `layout`: also of where
    pictures stand."""

    def __init__(self, *, layout: bool = False) -> None:
        self._spotter = Spotter() if layout else None
        self._people: dict[str, Person] = {}
        self._unnamed = 0
        self._counted: tuple[int, float] | None = None  # another number, and since when it is seen
        self._chat = Chat()

    @property
    def last_message(self) -> str:
        """The id of the last one known; "" before the first."""
        return self._chat.last

    def catches_up(self, seen: Sighting, at_s: float) -> bool:
        """Takes note of what was written before; False while more of it may come."""
        self._chat.take(seen.messages, at_s, is_open=CHAT_BOX in seen.shown)
        return self._chat.is_read

    def out_of_the_call(self, at_s: float) -> Iterator[Event]:
        """Nobody is there, and what is written meanwhile is not for us."""
        yield from self.look(Sighting(), at_s)
        if self._spotter is not None:
            yield from self._spotter.out_of_the_call(at_s)
        if self._unnamed:
            self._unnamed, self._counted = 0, None
            yield UnnamedPeople(at_s=at_s, others=0)
        self._chat.begins_anew()

    def look(self, seen: Sighting, at_s: float) -> Iterator[Event]:
        before = self._people
        self._people = {one: _still_named(person, before.get(one)) for one, person in seen.people.items()}
        for participant, person in self._people.items():
            was = before.get(participant)
            if was is None:
                yield ParticipantJoined(at_s=at_s, participant=participant, name=person.name, is_self=person.is_self)
            elif person.name != was.name:
                yield ParticipantRenamed(at_s=at_s, participant=participant, name=person.name)
            if person.speaking != (was is not None and was.speaking):
                yield Speaking(at_s=at_s, participant=participant, active=person.speaking)
            if person.sharing != (was is not None and was.sharing):
                yield ScreenShared(at_s=at_s, participant=participant, active=person.sharing)
        for message in self._chat.take(seen.messages, at_s, is_open=CHAT_BOX in seen.shown):
            writer = self._only(message.sender)
            yield ChatMessage(at_s=at_s, participant=writer, name=message.sender, text=message.text)
        for participant, person in before.items():
            if participant not in self._people:
                if person.speaking:
                    yield Speaking(at_s=at_s, participant=participant, active=False)
                if person.sharing:
                    yield ScreenShared(at_s=at_s, participant=participant, active=False)
                yield ParticipantLeft(at_s=at_s, participant=participant)
        yield from self._count(seen.unnamed, at_s)
        if self._spotter is not None:
            yield from self._spotter.look(seen.people, at_s)

    def _count(self, others: int, at_s: float) -> Iterator[UnnamedPeople]:
        if others == self._unnamed:
            self._counted = None
        elif self._counted is None or self._counted[0] != others:
            self._counted = (others, at_s)
        elif at_s - self._counted[1] >= STANDS_S:
            self._unnamed, self._counted = others, None
            yield UnnamedPeople(at_s=at_s, others=others)

    def _only(self, name: str) -> str | None:
        """The participant of that name, when there is exactly one."""
        found = [participant for participant, person in self._people.items() if person.name == name]
        return found[0] if len(found) == 1 else None


def _still_named(person: Person, was: Person | None) -> Person:
    """A tile that is drawn anew has no name for a moment: theirs stays."""
    return replace(person, name=was.name) if was is not None and not person.name else person
