"""What is known of each platform's page, as data: dated, with a source for each, and nothing made up."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from bot.domain.figures import OTHER, word
from connectors.base import Refusal
from connectors.kit.web.admission import ON_THE_WAY_IN
from connectors.kit.web.classifier import Sighting, classify, sighting
from connectors.kit.web.look import Served, roster_of
from connectors.kit.web.screens import LANGUAGES, Place, Proof, Screens
from connectors.simulator.screens import rows
from tests.connectors.platforms import CONNECTORS, FILES, FOLDERS, NO_PAGE, SIMULATED

TO_ZOOM = "to join this meeting or webinar and must use Zoom RTMS"
each = pytest.mark.parametrize("name", CONNECTORS)


def screens(name: str) -> Screens:
    return CONNECTORS[name].ways.screens


@each
def test_each_platform_has_the_same_files(name: str) -> None:
    found = {path.name for path in (FOLDERS / name).iterdir() if path.is_file()}
    assert found >= FILES and {Path(one).suffix for one in found - FILES} <= {".js"}, "a page script may be besides"
    assert screens(name).platform == name


@each
def test_everything_has_a_public_source_and_a_date_or_is_the_replicas(name: str) -> None:
    known = screens(name)
    used = {one.source for one in (*known.rules, *known.controls.values(), *known.marks.values())}
    assert used <= known.sources.keys()
    for source, where in known.sources.items():
        assert where.url.startswith("https://") or source == "replica"
        assert date(2020, 1, 1) < where.read_on <= known.read_on


@each
def test_no_words_are_the_replicas(name: str) -> None:
    assert [rule.id for rule in screens(name).rules if rule.source == "replica" and (rule.says or rule.title)] == []


@each
def test_words_of_a_language_are_known_or_marked_as_missing(name: str) -> None:
    known = screens(name)
    for screen, missing in known.missing.items():
        said = {rule.language for rule in known.rules if rule.id.split(".")[0] == screen and rule.says}
        assert not said & missing and said <= set(LANGUAGES)
        assert not said or said | missing == set(LANGUAGES), f"{screen}: neither known nor missing"


@each
def test_rules_ask_for_what_there_is(name: str) -> None:
    known = screens(name)
    assert len({rule.id for rule in known.rules}) == len(known.rules)
    for rule in known.rules:
        assert set(rule.shows) <= known.controls.keys()
        assert rule.says or rule.shows or rule.told or rule.title, f"{rule.id} holds of every page"
        assert rule.place is Place.LOBBY or (rule.place is Place.REFUSED) == (rule.refusal is not None)
        assert bool(rule.says) == bool(rule.language)


@each
def test_each_refusal_has_a_screen_or_a_reason_to_have_none(name: str) -> None:
    shown = {rule.refusal or ON_THE_WAY_IN.get(rule.place) for rule in screens(name).rules} - {None}
    if CONNECTORS[name].ways.capabilities.lobby:
        shown |= {Refusal.LOBBY_TIMEOUT}  # our own patience ends where the platform's does not
    never = screens(name).never
    assert (shown - NO_PAGE.keys()).isdisjoint(never)
    assert shown | never.keys() | NO_PAGE.keys() == set(Refusal) and all(never.values())


def test_no_refusal_is_without_a_page_that_shows_it() -> None:
    shown = {rule.refusal for name in CONNECTORS for rule in screens(name).rules}
    assert set(Refusal) - shown - NO_PAGE.keys() - {Refusal.LOBBY_TIMEOUT} == set()


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        (("Automated bots aren't allowed to join this meeting",), Refusal.BOTS_BLOCKED),
        (("We detected you may be a bot.",), Refusal.BOTS_BLOCKED),
        ((f"Automated bots aren’t allowed {TO_ZOOM}", "Sign in to join"), Refusal.SDK_REQUIRED),
        (("We detected you may be a bot.", f"Automated bots aren't allowed {TO_ZOOM}."), Refusal.SDK_REQUIRED),
        ((f"We detected you may be a bot. Automated bots aren't allowed {TO_ZOOM}.",), Refusal.SDK_REQUIRED),
    ],
)
def test_zoom_asks_for_its_sdk_only_where_it_says_so(words: tuple[str, ...], refusal: Refusal) -> None:
    verdict = classify(screens("zoom"), sighting(*words, shown=frozenset({"captcha"})))
    assert verdict is not None and verdict.refusal is refusal


@pytest.mark.parametrize(
    ("name", "words"),
    [("meet", "Waiting for the host to join"), ("zoom", "Waiting for the host to start this meeting")],
)
def test_where_one_may_wait_for_the_host_it_is_a_lobby(name: str, words: str) -> None:
    verdict = classify(screens(name), sighting(words, shown=frozenset({"leave", "tile"})))
    assert verdict is not None and (verdict.place, verdict.refusal) == (Place.LOBBY, Refusal.NOT_STARTED)


@pytest.mark.parametrize("name", SIMULATED)
def test_each_refusal_a_page_shows_can_be_simulated(name: str) -> None:
    ours = {Refusal.LOBBY_TIMEOUT}  # some platforms leave it to us how long to wait
    staged = {screen for screen, _ in rows(name)}
    assert set(Refusal) - screens(name).never.keys() - NO_PAGE.keys() - ours <= staged
    assert Refusal.UNREACHABLE not in staged


@each
def test_each_rule_decides_alone_where_nothing_speaks_against_it(name: str) -> None:
    for rule in screens(name).rules:
        told = frozenset({rule.told}) - {""}
        seen = Sighting(phrases=rule.says, shown=frozenset(rule.shows), told=told, title=rule.title)
        verdict = classify(screens(name), seen)
        assert verdict is not None and (verdict.place, verdict.refusal) == (rule.place, rule.refusal), rule.id


@each
def test_what_a_page_was_known_by_can_be_counted(name: str) -> None:
    known = screens(name)
    ways = (*known.controls, *(f"people.{mark}" for mark in known.marks))
    for one in (*(rule.id for rule in known.rules), *(f"{way}.9" for way in ways)):
        assert word(f"{name}.{one}") != OTHER, one


def test_each_way_a_page_is_read_by_is_counted_when_it_begins_to_serve() -> None:
    known = replace(screens("teams"), hits=Counter())
    served, shown = Served(known), {"leave": 2, "people.tile": 1}
    for ways in (shown, shown, {}, shown, {"leave": 0}):
        served.take(ways)
    assert known.hits == {"teams.leave.3": 1, "teams.people.tile.2": 1, "teams.leave.1": 1}


@each
def test_people_are_looked_for_by_data_alone(name: str) -> None:
    """No way of finding them is written in the code beside it."""
    code = [path.read_text("utf-8") for path in (FOLDERS / name).glob("*.py")]
    ways = {css for mark in screens(name).marks.values() for css in mark.find}
    assert ways and [css for css in ways if any(f'"{css}"' in text or f"'{css}'" in text for text in code)] == []
    assert CONNECTORS[name].ways.roster == roster_of(screens(name))


@each
def test_a_call_is_never_proved_by_words(name: str) -> None:
    assert all(rule.proof in (Proof.ID, Proof.STRUCTURE) for rule in screens(name).rules if rule.place is Place.CALL)


LOBBYS = {"leave", "leave_lobby", "tile", "app", "turn_on_microphone", "turn_on_camera"}  # what one may show as well


@pytest.mark.parametrize("name", SIMULATED)
def test_a_lobby_whose_words_nobody_knows_is_no_call_whatever_it_shows(name: str) -> None:
    shown = frozenset(LOBBYS & screens(name).controls.keys())
    verdict = classify(screens(name), Sighting(phrases=("words of another language",), shown=shown))
    assert {"leave", "tile"} <= shown and verdict is None


def test_whoever_is_refused_is_told_what_to_change() -> None:
    without = {refusal for refusal in Refusal if not refusal.advice}
    assert without == {Refusal.PAGE_NOT_UNDERSTOOD}
