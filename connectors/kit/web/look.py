"""One look at a page: `look.js` reads it, here it becomes a `Sighting`. Knows how to ask, not what it means."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from connectors.base import Spot
from connectors.kit.web.classifier import Message, Person, Sighting
from connectors.kit.web.screens import Mark, Place, Screens, normal
from connectors.kit.words import NAME_CHARACTERS, plain, whole

_HERE = Path(__file__).parent
PAGE_JS = (_HERE / "page.js").read_text("utf-8")
LOOK_JS = f"(given) => {{ const page = {PAGE_JS}; return ({(_HERE / 'look.js').read_text('utf-8')})(given, page); }}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Roster:
    """Where a platform's page shows who is there and what they wrote; `attribute` of `tile` and `message` is an id, of
    `own`, which is our own tile or in it, our name. `peoples_words`: what else participants may have written, which no
    rule ever reads. `notices`: what is read even in a call, where only the platform speaks. A page that marks no
    speakers, shares or messages has none; a message without a sender is ours too."""

    tile: Mark
    name: Mark
    own: Mark
    peoples_words: Mark
    speaking: Mark | None = None
    sharing: Mark | None = None
    message: Mark | None = None
    sender: Mark | None = None
    own_message: Mark | None = None
    notices: Mark | None = None


def roster_of(screens: Screens) -> Roster:
    """As the platform's data has it. Raises TypeError for a mark there is no use for, or one that is missing."""
    return Roster(**screens.marks)


class Served:
    """Counts the ways by which a page is read: each when it begins to serve, not again at every look."""

    def __init__(self, screens: Screens) -> None:
        self._screens = screens
        self._ways: dict[str, int] = {}

    def take(self, ways: Mapping[str, int]) -> None:
        for name, at in ways.items():
            if self._ways.get(name) != at:
                self._ways[name] = at
                self._screens.hit(f"{name}.{at + 1}")


def given(
    screens: Screens, roster: Roster, least: Mapping[str, tuple[int, int]], after_message: str, *, joined: bool
) -> dict[str, Any]:
    """What `look.js` is asked with. `after_message`: the one told last, or "". `least`: controls that count only from a
    size on, width and height in pixels."""
    controls = {
        name: {
            "find": [
                {"css": find.css, "says": normal(find.says), "about": normal(find.about)} for find in control.find
            ],
            "least": dict(zip(("width", "height"), least.get(name, (0, 0)), strict=True)),
        }
        for name, control in screens.controls.items()
    }
    calls = [list(rule.shows) for rule in screens.rules if rule.place is Place.CALL]
    asked = {"controls": controls, "calls": calls, "roster": asdict(roster)}
    return {**asked, "afterMessage": after_message, "joined": joined}


def sighting_of(read: dict[str, Any], told: frozenset[str]) -> Sighting:
    return Sighting(
        phrases=tuple(normal(str(phrase)) for phrase in read["phrases"]),
        title=normal(str(read["title"])),
        shown=frozenset(str(name) for name in read["shown"]),
        told=told,
        people=_people(read["people"]),
        tiles=len(read["people"]),
        unnamed=_unnamed(read["people"]),
        ways={**read["shown"], **{f"people.{mark}": at for mark, at in read["ways"].items()}},
        messages=tuple(_message(one) for one in read["messages"]),
        loaded=float(read.get("loaded", 0.0)),
    )


def _people(read: list[dict[str, Any]]) -> dict[str, Person]:
    """By id. Whoever has several tiles, as who shares a screen may, is called what the first with a name says, and
    stands where the first that shares nothing does."""
    people: dict[str, Person] = {}
    for one in read:
        if one["id"]:
            person, participant = _person(one), whole(str(one["id"]))
            was = people.get(participant, Person(name="", is_self=False, speaking=False))
            spots = (was.spot, person.spot) if person.sharing or not was.sharing else (person.spot, was.spot)
            people[participant] = Person(
                name=was.name or person.name,
                is_self=was.is_self or person.is_self,
                speaking=was.speaking or person.speaking,
                sharing=was.sharing or person.sharing,
                spot=spots[0] or spots[1],
            )
    return people


def _unnamed(people: list[dict[str, Any]]) -> int:
    """How many of others have no id. A page that marks no tile as ours shows ours all the same."""
    ours_is_marked = any(one["is_self"] for one in people)
    without = sum(not one["id"] and not one["is_self"] for one in people)
    return max(0, without - (not ours_is_marked))


def _person(one: dict[str, Any]) -> Person:
    return Person(
        name=plain(str(one["name"]), NAME_CHARACTERS),
        is_self=bool(one["is_self"]),
        speaking=bool(one["speaking"]),
        sharing=bool(one["sharing"]),
        spot=_spot(one.get("spot")),
    )


def _spot(read: Any) -> Spot | None:
    """Beyond the window's edge is at its edge: a page that is scrolled goes on there."""
    if not isinstance(read, list) or not all(isinstance(at, (int, float)) and math.isfinite(at) for at in read):
        return None
    spot = tuple(min(1.0, max(-1.0, float(at))) for at in read)
    return spot if len(spot) == 2 else None


def _message(one: dict[str, Any]) -> Message:
    sender = plain(str(one["sender"]), NAME_CHARACTERS)
    return Message(id=str(one["id"]), sender=sender, text=plain(str(one["text"])))
