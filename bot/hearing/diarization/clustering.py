"""Whose voice is it, heard before or new? Online clustering of voice embeddings; knows no sound, no time, no model.

An item is one turn of one speaker. It may be seen several times while it grows, and gets a label ("A", "B", ...) that
holds for the meeting. Items seen side by side are different people, whatever their embeddings say. What turns out wrong
is told as a change of an older item: clusters that grew together are merged, items nearer to another voice move over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

Vector = NDArray[np.float64]

FORBIDDEN = 1e6
LAST_RESORT = 2.5  # above any distance: taken only where everything else is forbidden
SURE_BY = 0.1  # a lead of this distance over the next voice is a confidence of 0.73


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """Distances are cosine: 0 the same, 1 unrelated. The values suit embeddings that lie about 0.2 from their own
    voice's centre and 0.7 or more from another's, as those of ResNets trained on VoxCeleb."""

    birth_distance: float = 0.6  # farther than this from every known voice: a new one
    birth_speech_s: float = 0.7  # with less speech than this only where no known voice is possible
    update_speech_s: float = 0.6  # with less speech than this a turn does not move its voice's centre
    full_weight_s: float = 4.0  # more speech than this weighs no more
    merge_distance: float = 0.3  # nearer centres than this are one voice
    stay_distance: float = 0.1  # what a turn's own or expected label is ahead by while it grows
    move_distance: float = 0.03  # later, a turn moves to a voice that is nearer by this
    max_speakers: int = 20
    kept_items: int = 256  # older ones keep their label for good


@dataclass(frozen=True, kw_only=True, slots=True)
class Sighting:
    """`embedding` None: known to be there at the same time, nothing new heard of it. `expected`: the label this turn
    would have if nothing else were known."""

    item: int
    embedding: Vector | None = None
    speech_s: float = 0.0
    expected: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Labelled:
    item: int
    label: str
    confidence: float


@dataclass(slots=True, eq=False)
class _Item:
    total: Vector  # sum of its embeddings, each times its seconds of speech
    unit: Vector  # of length 1
    speech_s: float = 0.0
    label: str | None = None
    expected: str | None = None
    apart_from: set[int] = field(default_factory=set)

    @property
    def shown(self) -> str | None:
        return self.label or self.expected


class OnlineClusters:
    def __init__(self, rules: Rules | None = None) -> None:
        self._rules = rules or Rules()
        self._items: dict[int, _Item] = {}
        self._settled: dict[str, Vector] = {}  # what forgotten items have left to their voice's centre
        self._born = 0

    @property
    def labels(self) -> list[str]:
        """Voices that still stand, oldest first."""
        used = {item.shown for item in self._items.values() if item.shown} | self._settled.keys()
        return sorted(used, key=_age)

    def label_of(self, item: int) -> str | None:
        return self._items[item].shown if item in self._items else None

    def observe(self, sightings: Sequence[Sighting]) -> list[Labelled]:
        """What is seen at one time: all of it different voices. Returns every item whose label is new or has changed,
        older ones too."""
        before = {number: item.shown for number, item in self._items.items()}
        seen = [self._take(sighting) for sighting in sightings]
        numbers = [sighting.item for sighting in sightings]
        for number, item in zip(numbers, seen, strict=True):
            item.apart_from.update(other for other in numbers if other != number)
        fresh = {sighting.item for sighting in sightings if sighting.embedding is not None}
        self._assign([item for item in seen if item.speech_s > 0.0], [self._items[number] for number in fresh])
        self._merge()
        self._look_again()
        changed = [number for number, item in self._items.items() if item.shown and item.shown != before.get(number)]
        told = [self._labelled(number) for number in changed]
        self._forget()
        return told

    def confidence_of(self, item: int) -> float:
        return self._labelled(item).confidence

    def _take(self, sighting: Sighting) -> _Item:
        item = self._items.get(sighting.item)
        if item is None:
            item = self._items[sighting.item] = _Item(total=np.zeros(0), unit=np.zeros(0))
        if sighting.embedding is not None:
            part = sighting.speech_s * _unit(np.asarray(sighting.embedding, np.float64))
            item.total = item.total + part if item.total.size else part
            item.unit = _unit(item.total)
            item.speech_s += sighting.speech_s
        if sighting.expected is not None:
            item.expected = sighting.expected
        return item

    def _assign(self, seen: list[_Item], fresh: list[_Item]) -> None:
        """Each to the nearest voice or, if it is freshly heard, a new one, no two to the same: an assignment."""
        if not seen:
            return
        centres = self._centres(without=seen)
        labels = list(centres)
        room = self._rules.max_speakers - len(self.labels)
        costs = np.full((len(seen), len(labels) + len(seen)), FORBIDDEN)
        for row, item in enumerate(seen):
            taken = self._taken(item, but=seen)
            for column, label in enumerate(labels):
                if label not in taken:
                    costs[row, column] = _distance(item, centres[label])
                    if label in (item.label, item.expected):
                        costs[row, column] -= self._rules.stay_distance
            costs[row, len(labels) + row] = self._birth_cost(item, room, item in fresh)
        rows, columns = linear_sum_assignment(costs)
        for row, column in zip(rows, columns, strict=True):
            if column < len(labels) and costs[row, column] < FORBIDDEN:
                self._join(seen[row], labels[column])
            elif (
                column >= len(labels) and seen[row] in fresh and not self._alone(seen[row]) and (room > 0 or not labels)
            ):
                seen[row].label = self._birth()
                room -= 1

    def _may_be_new(self, item: _Item, room: int, fresh: list[_Item]) -> bool:
        return item in fresh and room > 0 and not self._alone(item)

    def _birth_cost(self, item: _Item, room: int, fresh: bool) -> float:
        if self._alone(item):  # its voice has nobody else: to stay is to be born again
            return self._rules.birth_distance
        if room <= 0 or not fresh or item.speech_s < self._rules.birth_speech_s:
            return LAST_RESORT
        return self._rules.birth_distance

    def _join(self, item: _Item, label: str) -> None:
        """A voice that was this item alone ends with it; the older of the two labels remains."""
        if self._alone(item) and item.label is not None and _age(item.label) < _age(label):
            self._rename(label, item.label)
        else:
            item.label = label

    def _birth(self) -> str:
        self._born += 1
        return _letters(self._born)

    def _alone(self, item: _Item) -> bool:
        others = any(other is not item and other.label == item.label for other in self._items.values())
        return item.label is not None and item.label not in self._settled and not others

    def _taken(self, item: _Item, *, but: Sequence[_Item] = ()) -> set[str | None]:
        """Labels of those this one was seen beside; those that are being decided with it take care of themselves."""
        apart = (self._items[number] for number in item.apart_from if number in self._items)
        return {other.shown for other in apart if not any(other is one for one in but)}

    def _merge(self) -> None:
        """The younger of two voices that have grown into each other joins the older."""
        while (pair := self._nearest_pair()) is not None:
            older, younger = pair
            self._rename(younger, older)

    def _rename(self, label: str, into: str) -> None:
        for item in self._items.values():
            if item.label == label:
                item.label = into
            if item.expected == label:
                item.expected = into
        if label in self._settled:
            self._settled[into] = self._settled.get(into, 0.0) + self._settled.pop(label)

    def _nearest_pair(self) -> tuple[str, str] | None:
        centres = self._centres()
        if len(centres) < 2:
            return None
        labels = list(centres)
        units = np.stack([_unit(centres[label]) for label in labels])
        distances = 1.0 - units @ units.T + np.eye(len(labels)) * FORBIDDEN
        for first, second in zip(*np.unravel_index(np.argsort(distances, axis=None), distances.shape), strict=True):
            if distances[first, second] >= self._rules.merge_distance:
                return None
            if first < second and not self._seen_apart(labels[first], labels[second]):
                return labels[first], labels[second]
        return None

    def _seen_apart(self, one: str, other: str) -> bool:
        return any(item.shown == one and other in self._taken(item) for item in self._items.values())

    def _look_again(self) -> None:
        """An item that is now nearer to another voice than to the rest of its own; one at a time."""
        centres = self._centres()
        heard = self._heard()
        if len(centres) < 2 or not heard:
            return
        labels = list(centres)
        sums, weights = np.stack(list(centres.values())), self._weights(heard)
        lengths = np.linalg.norm(sums, axis=1)
        along = np.stack([item.unit for item in heard]) @ sums.T  # items x voices
        columns = np.array([labels.index(item.label or "") for item in heard])
        rows = np.arange(len(heard))
        own_along = along[rows, columns] - weights  # of the voice without this item
        own_length = np.sqrt(np.maximum(lengths[columns] ** 2 - 2 * weights * along[rows, columns] + weights**2, 0.0))
        own = np.where(own_length > 1e-6, 1.0 - own_along / np.maximum(own_length, 1e-6), self._rules.birth_distance)
        others = 1.0 - along / lengths
        others[rows, columns] = FORBIDDEN
        near = others.argmin(axis=1)
        for row in np.flatnonzero(others[rows, near] + self._rules.move_distance < own):
            if labels[near[row]] not in self._taken(heard[row]):
                self._join(heard[row], labels[near[row]])
                return

    def _heard(self) -> list[_Item]:
        return [item for item in self._items.values() if item.label is not None and item.speech_s > 0.0]

    def _weights(self, heard: Sequence[_Item]) -> Vector:
        """What each item weighs in its voice's centre. Short turns do not count where there are longer ones."""
        least_s, most_s = self._rules.update_speech_s, self._rules.full_weight_s
        long = {item.label for item in heard if item.speech_s >= least_s} | self._settled.keys()
        counts = (item.speech_s >= least_s or item.label not in long for item in heard)
        return np.array([min(item.speech_s, most_s) * one for item, one in zip(heard, counts, strict=True)])

    def _centres(self, without: Sequence[_Item] = ()) -> dict[str, Vector]:
        """Sums of what each voice's turns sound like, oldest voice first."""
        left_out = {id(item) for item in without}
        heard = [item for item in self._heard() if id(item) not in left_out]
        sums: dict[str, Vector] = dict(self._settled)
        if heard:
            labels = sorted({item.label for item in heard if item.label})
            column = {label: number for number, label in enumerate(labels)}
            shares = np.zeros((len(labels), len(heard)))
            shares[[column[item.label or ""] for item in heard], range(len(heard))] = self._weights(heard)
            for label, part in zip(labels, shares @ np.stack([item.unit for item in heard]), strict=True):
                sums[label] = sums[label] + part if label in sums else part
        return {label: sums[label] for label in sorted(sums, key=_age)}

    def _labelled(self, number: int) -> Labelled:
        """Confidence: how far the next voice (or a stranger) is behind, less for very short turns."""
        item = self._items[number]
        label = item.shown or ""
        if item.speech_s == 0.0:
            return Labelled(item=number, label=label, confidence=0.5)  # only expected
        centres = self._centres(without=[item])
        taken = self._taken(item)
        distances = {name: _distance(item, centre) for name, centre in centres.items() if name not in taken}
        own = distances.pop(label, self._rules.birth_distance / 2)
        lead = min([*distances.values(), self._rules.birth_distance + 0.2]) - own
        enough = min(1.0, item.speech_s / self._rules.birth_speech_s)
        return Labelled(item=number, label=label, confidence=float(enough / (1.0 + np.exp(-lead / SURE_BY))))

    def _forget(self) -> None:
        while len(self._items) > self._rules.kept_items:
            number = next(iter(self._items))
            item = self._items.pop(number)
            if item.label is not None and item.speech_s >= self._rules.update_speech_s:
                held = self._settled.get(item.label)
                part = min(item.speech_s, self._rules.full_weight_s) * item.unit
                self._settled[item.label] = part if held is None else held + part
            for other in item.apart_from & self._items.keys():
                self._items[other].apart_from.discard(number)


def _unit(vector: Vector) -> Vector:
    return vector / max(float(np.linalg.norm(vector)), 1e-12)


def _distance(item: _Item, centre: Vector) -> float:
    return float(1.0 - item.unit @ _unit(centre))


def _age(label: str) -> tuple[int, str]:
    return len(label), label


def _letters(number: int) -> str:
    """1: A, 26: Z, 27: AA."""
    text = ""
    while number:
        number, digit = divmod(number - 1, 26)
        text = chr(ord("A") + digit) + text
    return text
