"""The table of screens against the simulator's own, which was written from the same facts but not from this table."""

from __future__ import annotations

import pytest

from connectors.base import Refusal
from connectors.meet.screens import SCREENS, Kind, Person, Snapshot, normal, screen_of
from connectors.simulator.screens import ENDINGS, REFUSALS, TEXTS, Notice


def page(*texts: str, captcha: bool = False) -> Snapshot:
    return Snapshot(phrases=tuple(normal(text) for text in texts), captcha=captcha, people={})


def shown(notice: Notice) -> Snapshot:
    return page(notice.heading, notice.text, TEXTS["home"], captcha=notice.captcha)


@pytest.mark.parametrize("refusal", [one for one in REFUSALS if one is not Refusal.PAGE_NOT_UNDERSTOOD])
def test_each_refusal_the_simulator_stages_is_known(refusal: Refusal) -> None:
    screen = screen_of(shown(REFUSALS[refusal]))
    assert screen is not None and screen.refusal is refusal


def test_a_new_screen_is_not_guessed() -> None:
    assert screen_of(shown(REFUSALS[Refusal.PAGE_NOT_UNDERSTOOD])) is None


@pytest.mark.parametrize("ending", ENDINGS)
def test_each_ending_is_known(ending: str) -> None:
    screen = screen_of(shown(ENDINGS[ending]))
    assert screen is not None and screen.kind == ending


def test_a_lobby_is_a_lobby_whatever_else_the_page_says() -> None:
    screen = screen_of(page("You can't join this video call", TEXTS["lobby"]))
    assert screen is not None and screen.kind is Kind.LOBBY


def test_a_button_called_sign_in_is_no_refusal() -> None:
    assert screen_of(page("Ready to join?", "Sign in")) is None


def test_apostrophes_case_and_spaces_do_not_matter() -> None:
    screen = screen_of(page("YOU’VE   been removed\nfrom the meeting"))
    assert screen is not None and screen.kind is Kind.REMOVED


def test_a_captcha_counts_only_where_no_words_say_more() -> None:
    told, silent = screen_of(page("This meeting is locked", captcha=True)), screen_of(page(captcha=True))
    assert told is not None and told.refusal is Refusal.LOCKED
    assert silent is not None and silent.refusal is Refusal.CAPTCHA


def test_every_refusal_row_names_its_refusal_and_only_they_do() -> None:
    assert all((screen.kind is Kind.REFUSED) == (screen.refusal is not None) and screen.says for screen in SCREENS)


def test_a_call_needs_people_as_well_as_the_button_to_leave() -> None:
    ada = Person(name="Ada", is_self=False, speaking=False)
    assert Snapshot(leave=True, people={"1": ada}).in_call
    assert not Snapshot(leave=True, people={}).in_call


def test_each_refusal_has_its_screen_or_a_reason_to_have_none() -> None:
    no_screen = {Refusal.UNREACHABLE: "there is no page", Refusal.PASSCODE_WRONG: "Meet has no passcodes"}
    assert REFUSALS.keys() | no_screen.keys() == set(Refusal)
