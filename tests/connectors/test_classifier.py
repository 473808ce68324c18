"""From what a page shows to what it means: the order of proofs, and how many looks have to agree."""

from __future__ import annotations

from datetime import date

import pytest

from connectors.base import Refusal
from connectors.kit.web.classifier import LOOKS, NEEDED, Settled, Verdict, classify, sighting
from connectors.kit.web.screens import Place, Proof, Rule, Screens


def rule(name: str, place: Place, proof: Proof, refusal: Refusal | None = None, **holds: object) -> Rule:
    return Rule(id=name, place=place, proof=proof, refusal=refusal, source="test", **holds)  # type: ignore[arg-type]


RULES = (
    rule("told", Place.REFUSED, Proof.NETWORK, Refusal.DENIED, told="denied"),
    rule("lobby", Place.LOBBY, Proof.TEXT, says=("someone will let you in",)),
    rule("end screen", Place.ENDED, Proof.ID, shows=("end",)),
    rule("call", Place.CALL, Proof.ID, shows=("leave",)),
    rule("full", Place.REFUSED, Proof.TEXT, Refusal.FULL, says=("the meeting is full",)),
    rule("failed", Place.REFUSED, Proof.TEXT, Refusal.PLATFORM_ERROR, says=("unable to connect",)),
    rule("over", Place.ENDED, Proof.TEXT, says=("the host ended the meeting",)),
    rule("captcha", Place.REFUSED, Proof.HINT, Refusal.CAPTCHA, shows=("captcha",)),
    rule("door", Place.DOOR, Proof.HINT, shows=("join",)),
)
SCREENS = Screens(
    platform="test",
    read_on=date(2026, 11, 21),
    sources={},
    controls={},
    rules=tuple(sorted(RULES, key=lambda one: one.proof)),
    missing={},
    never={},
    advice={},
)


@pytest.mark.parametrize(
    ("words", "shown", "told", "rule"),
    [
        ((), {"leave"}, set(), "call"),
        (("Someone will let you in",), {"leave"}, set(), "lobby"),
        (("Someone will let you in",), set(), {"denied"}, "told"),
        (("The meeting is full",), {"captcha"}, set(), "full"),
        ((), {"captcha"}, set(), "captcha"),
        ((), {"end", "leave"}, set(), "end screen"),
        (("The meeting is full",), {"leave"}, set(), "call"),
        (("Someone will let you in", "The meeting is full"), {"leave"}, set(), "full"),
        (("Someone will let you in", "Unable to connect"), {"leave", "captcha", "join"}, set(), "lobby"),
        (("Unable to connect. Try again",), {"captcha"}, set(), "failed"),
        (("Unable to connect: incident 4711",), {"captcha"}, set(), "captcha"),
        (("The host ended the meeting",), {"captcha"}, set(), "over"),
        (("The host ended the meeting",), {"join"}, set(), "door"),
        (("The meeting is full",), {"join"}, set(), "full"),
    ],
)
def test_the_surest_proof_decides_and_a_lobby_is_never_a_call(
    words: tuple[str, ...], shown: set[str], told: set[str], rule: str
) -> None:
    verdict = classify(SCREENS, sighting(*words, shown=frozenset(shown), told=frozenset(told)))
    assert verdict is not None and verdict.rule == rule


def verdict(place: Place, proof: Proof = Proof.TEXT) -> Verdict:
    return Verdict(place=place, refusal=None, proof=proof, rule=place.value)


def test_words_count_when_enough_of_the_last_looks_agree() -> None:
    settled, told = Settled(), verdict(Place.ENDED)
    looks = [told, None, told, verdict(Place.CALL), told, told]
    assert [settled.take(look) for look in looks] == [None, None, None, None, None, told]


def test_what_the_network_says_counts_at_once() -> None:
    told = verdict(Place.REFUSED, Proof.NETWORK)
    assert Settled().take(told) == told


def test_a_page_between_two_screens_settles_on_neither() -> None:
    settled = Settled()
    looks = [verdict(Place.LOBBY), verdict(Place.CALL)] * LOOKS
    assert not any(settled.take(look) for look in looks)


def test_every_proof_can_be_reached() -> None:
    assert set(NEEDED) == set(Proof) and all(0 < looks <= LOOKS for looks in NEEDED.values())
