"""What a page means: one look at it against a platform's rules. Pure: knows no browser, no platform and no clock.

A page that says anything of a lobby is never a call, nor anything else but what ends the waiting: a refusal or an end,
beside which a lobby's words may stay; not a hint, nor a question for consent, which may come while one waits. Then
rules have their say in the order of their proof, the network's word first.
Where one can still knock, no words are an end: they may be the meeting's name. One look decides nothing that words or
shapes prove: `Settled` waits until enough of the last looks agree.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from connectors.base import Refusal, Spot
from connectors.kit.web.screens import Place, Proof, Rule, Screens, normal

LOOKS = 4  # the last ones that are remembered
NEEDED = {Proof.NETWORK: 1, Proof.ID: 2, Proof.STRUCTURE: 3, Proof.TEXT: 3, Proof.HINT: 3}  # of them agree
SHORT_WORDS = 3  # what is no longer may begin the name of a meeting
SENTENCE_ENDS = ".!?\u2026\u3002"
ENDS = (Place.REMOVED, Place.ENDED, Place.LEFT, Place.LOST)


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    name: str
    is_self: bool
    speaking: bool
    sharing: bool = False  # their screen
    spot: Spot | None = None  # where their picture stands, as `Layout` has it


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    id: str
    sender: str  # empty: our own
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Sighting:
    """What a page shows at one moment. `shown`: the controls that are seen. `told`: what the network has said. `people`
    are those whose tiles have an id, `tiles` counts all, `unnamed` the others without one. `ways`: by which of its ways
    each of all these was found. `loaded`: another number for each page that was loaded."""

    phrases: tuple[str, ...] = ()  # texts of single elements, as `normal` leaves them; never participants' words
    title: str = ""
    shown: frozenset[str] = frozenset()
    told: frozenset[str] = frozenset()
    people: dict[str, Person] = field(default_factory=dict)
    tiles: int = 0
    unnamed: int = 0
    ways: Mapping[str, int] = field(default_factory=dict)
    messages: tuple[Message, ...] = ()
    loaded: float = 0.0

    @property
    def has_others(self) -> bool:
        """Someone is there besides us, named or not."""
        return max(self.tiles, len(self.people)) > 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    place: Place
    refusal: Refusal | None
    proof: Proof
    rule: str

    def agrees(self, other: Verdict | None) -> bool:
        return other is not None and (self.place, self.refusal) == (other.place, other.refusal)


def sighting(*texts: str, shown: frozenset[str] = frozenset(), told: frozenset[str] = frozenset()) -> Sighting:
    """A page that says these words."""
    return Sighting(phrases=tuple(normal(text) for text in texts), shown=shown, told=told)


def classify(screens: Screens, seen: Sighting) -> Verdict | None:
    """None: no rule knows this page."""
    holding = [rule for rule in screens.rules if _holds(rule, seen)]
    if any(rule.place is Place.DOOR for rule in holding):
        holding = [rule for rule in holding if not _may_be_a_name(rule)]
    told = [rule for rule in holding if rule.proof is Proof.NETWORK and rule.place is not Place.CALL]
    waiting = [rule for rule in holding if rule.place is Place.LOBBY]
    answered = [rule for rule in holding if _ends_the_waiting(rule)] if waiting else []
    for rule in (*told, *answered, *waiting, *holding):
        return Verdict(place=rule.place, refusal=rule.refusal, proof=rule.proof, rule=rule.id)
    return None


def _ends_the_waiting(rule: Rule) -> bool:
    over = rule.place in (*ENDS, Place.REFUSED)
    return over and rule.refusal is not Refusal.CONSENT_REQUIRED and rule.proof is not Proof.HINT


def _may_be_a_name(rule: Rule) -> bool:
    """Its words are such as meetings are named after."""
    over = rule.place in ENDS or rule.refusal in (Refusal.ENDED, Refusal.PLATFORM_ERROR)
    return rule.proof is Proof.TEXT and over


def _holds(rule: Rule, seen: Sighting) -> bool:
    begins = _says if _may_be_a_name(rule) else str.startswith
    return (
        (not rule.told or rule.told in seen.told)
        and seen.shown.issuperset(rule.shows)
        and seen.title.startswith(rule.title)
        and all(any(begins(phrase, text) for phrase in seen.phrases) for text in rule.says)
    )


def _says(phrase: str, text: str) -> bool:
    """A text of few words is a sentence of its own, for names begin so too."""
    alone = len(text.split()) > SHORT_WORDS or phrase == text
    return phrase.startswith(text) and (alone or phrase[len(text)] in SENTENCE_ENDS)


class Settled:
    """Takes the verdict of each look; gives back the one that enough of them agree on."""

    def __init__(self) -> None:
        self._last: deque[Verdict | None] = deque(maxlen=LOOKS)

    def take(self, verdict: Verdict | None) -> Verdict | None:
        self._last.append(verdict)
        if verdict is None:
            return None
        agreeing = sum(verdict.agrees(one) for one in self._last)
        return verdict if agreeing >= NEEDED[verdict.proof] else None
