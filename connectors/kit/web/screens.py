"""A platform's page as data: which screens there are, by what each is known, what its controls are called.

Read from the platform's `selectors.toml`, dated, each text with its language and its source:

    [controls.join]                       # ordered: the first that is seen is taken, and counted
    find = ["#join", { css = "button", says = "Ask to join" }, { css = "button", says = "OK", about = "A notice" }]
    source = "vexa"

    [marks.tile]                          # of people and their words, ordered as well
    find = ["[data-participant-id]"]
    attribute = "data-participant-id"     # whose it is
    source = "vexa"

    [[screens]]
    name = "denied"
    place = "refused"
    refusal = "request_denied"
    missing = ["de"]                      # languages whose words are not known: nothing is made up
    rules = [{ proof = "text", language = "en", says = ["Someone denied"], source = "vexa" }]

    [never]                               # refusals it has no screen for, and why
    sdk_required = "there is no SDK for guests"

Knows no browser and no platform.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Any

from connectors.base import Refusal

LANGUAGES = ("en", "de", "fr", "es", "pt", "ja")
FILE = "selectors.toml"
_REFUSALS = {refusal.value: refusal for refusal in Refusal}


class Place(StrEnum):
    """Where on its way a page is."""

    DOOR = "door"  # a name can be given, or the button to join pressed
    LOBBY = "lobby"
    CALL = "call"
    REFUSED = "refused"
    REMOVED = "removed"
    ENDED = "ended"
    LEFT = "left"
    LOST = "lost"


class Proof(IntEnum):
    """What a rule goes by, the surest first: in this order rules are asked."""

    NETWORK = 0  # the platform told the page so
    ID = 1  # a stable id the platform gives that screen alone
    STRUCTURE = 2  # what is there and what is not
    TEXT = 3  # its words, in one language
    HINT = 4  # says something only where nothing else does


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    url: str
    read_on: date


@dataclass(frozen=True, kw_only=True, slots=True)
class Find:
    """One way to find a control. `says`: its words begin so, without regard to case and spaces. `about`: so begins what
    the window around it says, for a button whose own words may stand under anything."""

    css: str
    says: str = ""
    about: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Control:
    name: str
    find: tuple[Find, ...]
    source: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """Where a page shows people or their words. `attribute`: the one that carries an id, or our own name."""

    find: tuple[str, ...]  # CSS, ordered
    attribute: str = ""
    source: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """All of it has to hold: `says` begin some element's text each (short ones of an end are a sentence of it),
    `shows` are controls that are seen, `told` is what the network said, `title` begins the page's."""

    id: str
    place: Place
    refusal: Refusal | None
    proof: Proof
    says: tuple[str, ...] = ()
    shows: tuple[str, ...] = ()
    told: str = ""
    title: str = ""
    language: str = ""
    source: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Screens:
    """`rules` in the order they are asked. `missing`: by screen, the languages whose words are not known. `advice`:
    what a host of this platform must change, by refusal. `never`: why the page cannot show a refusal."""

    platform: str
    read_on: date
    sources: Mapping[str, Source]
    controls: Mapping[str, Control]
    marks: Mapping[str, Mark] = field(default_factory=dict)
    rules: tuple[Rule, ...]
    missing: Mapping[str, frozenset[str]]
    advice: Mapping[Refusal, str]
    never: Mapping[Refusal, str]
    hits: Counter[str] = field(default_factory=Counter, compare=False)

    def hit(self, name: str) -> None:
        """A rule or a control served. Counted under `PLATFORM.NAME`."""
        self.hits[f"{self.platform}.{name}"] += 1


def load(folder: Path) -> Screens:
    """The `selectors.toml` in a platform's folder. Raises ValueError, KeyError when it is no such table."""
    read = tomllib.loads((folder / FILE).read_text("utf-8"))
    rules = [rule for screen in read["screens"] for rule in _rules(screen)]
    return Screens(
        platform=read["platform"],
        read_on=read["read_on"],
        sources={name: Source(**one) for name, one in read["sources"].items()},
        controls={name: _control(name, one) for name, one in read["controls"].items()},
        marks={name: Mark(**{**one, "find": tuple(one["find"])}) for name, one in read["marks"].items()},
        rules=tuple(sorted(rules, key=lambda rule: rule.proof)),
        missing={screen["name"]: frozenset(screen.get("missing", ())) for screen in read["screens"]},
        advice={_REFUSALS[code]: text for code, text in read.get("advice", {}).items()},
        never={_REFUSALS[code]: why for code, why in read["never"].items()},
    )


def normal(text: str) -> str:
    """As texts are compared: case, spaces and the shape of apostrophes do not matter."""
    return " ".join(re.sub("[\u2018\u2019\u02bc\u00b4`]", "'", text).lower().split())


def _control(name: str, read: dict[str, Any]) -> Control:
    found = tuple(Find(css=one) if isinstance(one, str) else Find(**one) for one in read["find"])
    return Control(name=name, find=found, source=read["source"])


def _rules(screen: dict[str, Any]) -> list[Rule]:
    refusal = _REFUSALS[screen["refusal"]] if "refusal" in screen else None
    return [
        Rule(
            id=f"{screen['name']}.{one['proof']}" + (f".{one['language']}" if "language" in one else "") + _nth(number),
            place=Place(screen["place"]),
            refusal=refusal,
            proof=Proof[one["proof"].upper()],
            says=tuple(normal(text) for text in one.get("says", ())),
            shows=tuple(one.get("shows", ())),
            told=one.get("told", ""),
            title=normal(one.get("title", "")),
            language=one.get("language", ""),
            source=one["source"],
        )
        for number, one in enumerate(screen["rules"])
    ]


def _nth(number: int) -> str:
    return f".{number + 1}" if number else ""
