"""The rules of a page against the simulator's own texts, which were written from the same facts but not from them."""

from __future__ import annotations

import pytest

from connectors.base import Refusal
from connectors.kit.web.classifier import Sighting, Verdict, classify, sighting
from connectors.kit.web.screens import Place
from connectors.meet.admission import SCREENS
from connectors.simulator.screens import ENDINGS, REFUSALS, TEXTS, Notice


def shown(notice: Notice) -> Verdict | None:
    captcha = frozenset({"captcha"}) if notice.captcha else frozenset[str]()
    return classify(SCREENS, sighting(notice.heading, notice.text, TEXTS["home"], shown=captcha))


TOLD_BY_WORDS = [one for one in REFUSALS if one is not Refusal.PAGE_NOT_UNDERSTOOD and not REFUSALS[one].marks]


@pytest.mark.parametrize("refusal", TOLD_BY_WORDS)
def test_each_refusal_the_simulator_stages_is_known(refusal: Refusal) -> None:
    verdict = shown(REFUSALS[refusal])
    assert verdict is not None and verdict.refusal is refusal


def test_a_new_screen_is_not_guessed() -> None:
    assert shown(REFUSALS[Refusal.PAGE_NOT_UNDERSTOOD]) is None


@pytest.mark.parametrize("ending", [one for one in ENDINGS if not ENDINGS[one].marks])
def test_each_ending_is_known(ending: str) -> None:
    verdict = shown(ENDINGS[ending])
    assert verdict is not None and verdict.place == ending


@pytest.mark.parametrize(
    ("said", "place"),
    [
        (("This video call is being recorded", "Ready to join?", "Sign in"), Place.LOBBY),
        (("You can't join this video call",), Place.REFUSED),
    ],
)
def test_a_lobby_is_no_call_whatever_the_page_shows_and_ends_with_a_refusal_alone(
    said: tuple[str, ...], place: Place
) -> None:
    everything = frozenset({"leave", "tile", "captions", "chat_open", "people", "join", "captcha"})
    verdict = classify(SCREENS, sighting(*said, TEXTS["lobby"], shown=everything))
    assert verdict is not None and verdict.place is place


def test_a_button_called_sign_in_is_no_refusal() -> None:
    assert classify(SCREENS, sighting("Ready to join?", "Sign in")) is None


def test_apostrophes_case_and_spaces_do_not_matter() -> None:
    verdict = classify(SCREENS, sighting("YOU’VE   been removed\nfrom the meeting"))
    assert verdict is not None and verdict.place is Place.REMOVED


def test_a_captcha_counts_only_where_no_words_say_more() -> None:
    captcha = frozenset({"captcha"})
    told, silent = (
        classify(SCREENS, sighting("The meeting is full", shown=captcha)),
        classify(SCREENS, sighting(shown=captcha)),
    )
    assert told is not None and told.refusal is Refusal.FULL
    assert silent is not None and silent.refusal is Refusal.CAPTCHA


@pytest.mark.parametrize("bar", ["chat_open", "people", "captions"])
def test_a_call_needs_people_and_a_bar_as_well_as_the_button_to_leave(bar: str) -> None:
    verdict = classify(SCREENS, Sighting(shown=frozenset({"leave", "tile", bar})))
    assert verdict is not None and verdict.place is Place.CALL
    assert classify(SCREENS, Sighting(shown=frozenset({"leave", bar}))) is None
    assert classify(SCREENS, Sighting(shown=frozenset({"tile", bar}))) is None
