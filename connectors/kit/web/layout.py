"""Where everyone's picture stands, told rarely: when it has changed and come to rest. Pure: knows no browser."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from connectors.base import Layout, Spot
from connectors.kit.web.classifier import Person

LITTLE = 0.05  # of a window's half: a panel that opens moves tiles by more, a border by less


@dataclass(frozen=True, kw_only=True, slots=True)
class Spots:
    others: Mapping[str, Spot] = field(default_factory=dict)
    own: Spot | None = None

    def is_like(self, other: Spots) -> bool:
        pairs = [(spot, other.others.get(one)) for one, spot in self.others.items()]
        return self.others.keys() == other.others.keys() and all(_near(*two) for two in [*pairs, (self.own, other.own)])


NOWHERE = Spots()


class Spotter:
    """Keeps what was last told; `look` gives the event that brings a listener up to date."""

    def __init__(self) -> None:
        self._told = NOWHERE
        self._moving: Spots | None = None  # as it was seen last, where that is not what was told

    def look(self, people: Mapping[str, Person], at_s: float) -> Iterator[Layout]:
        """Two looks have to agree: tiles fly to their places."""
        now = spots_of(people)
        before, self._moving = self._moving, None if now.is_like(self._told) else now
        if self._moving is not None and before is not None and now.is_like(before):
            yield self._tell(now, at_s)

    def out_of_the_call(self, at_s: float) -> Iterator[Layout]:
        if self._told != NOWHERE:
            yield self._tell(NOWHERE, at_s)

    def _tell(self, now: Spots, at_s: float) -> Layout:
        self._told, self._moving = now, None
        return Layout(at_s=at_s, others=now.others, own=now.own)


def spots_of(people: Mapping[str, Person]) -> Spots:
    others = {one: person.spot for one, person in people.items() if person.spot is not None and not person.is_self}
    own = next((person.spot for person in people.values() if person.is_self), None)
    return Spots(others=others, own=own)


def _near(one: Spot | None, other: Spot | None) -> bool:
    if one is None or other is None:
        return one is other
    return max(abs(one[0] - other[0]), abs(one[1] - other[1])) <= LITTLE
