"""What happens in a simulated meeting, without a network: pages are lists that collect what they are told."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.base import Refusal
from connectors.simulator.rooms import CHAT_LIMIT, NAME_LIMIT, Policy, Room, Seat
from connectors.simulator.screens import ENDINGS, REFUSALS, Moment


def enter(room: Room, name: str) -> tuple[Seat, list[dict[str, Any]]]:
    told: list[dict[str, Any]] = []
    seat = room.open(told.append)
    room.knock(seat, name, {"camera": True, "microphone": True})
    return seat, told


def kinds(told: list[dict[str, Any]]) -> list[str]:
    return [message["type"] for message in told]


def test_who_knocks_waits_until_the_host_admits() -> None:
    room = Room("abc-defg-hij", Policy(lobby=True))
    seat, told = enter(room, "Ada")
    assert kinds(told) == ["prejoin", "lobby"] and room.knocks() == [seat]
    assert room.admit("Ada")
    assert kinds(told)[-1] == "call" and room.people() == [seat]
    assert not room.admit("Ada"), "nobody knocks any more"


def test_a_denied_knock_sees_the_screen_of_a_denial() -> None:
    room = Room("abc-defg-hij", Policy(lobby=True))
    seat, told = enter(room, "Ada")
    assert room.deny(seat.id)
    assert told[-1]["text"] == REFUSALS[Refusal.DENIED].text and not room.people()


def test_a_knock_nobody_answers_ends_and_an_admitted_one_does_not() -> None:
    room = Room("abc-defg-hij", Policy(lobby=True))
    ada, ada_told = enter(room, "Ada")
    ben, ben_told = enter(room, "Ben")
    room.admit("Ben")
    room.wait_no_longer(ada)
    room.wait_no_longer(ben)
    assert ada_told[-1]["screen"] == Refusal.LOBBY_TIMEOUT
    assert kinds(ben_told)[-1] == "call" and room.people() == [ben]


def test_who_comes_late_sees_everyone_and_what_was_written() -> None:
    room = Room("abc-defg-hij", Policy(lobby=False))
    ada, ada_told = enter(room, "Ada")
    room.chat(ada, "hello <b>you</b>")
    _, told = enter(room, "Ben")
    call = told[-1]
    assert [one["name"] for one in call["participants"]] == ["Ada"]
    assert call["chat"][0]["text"] == "hello <b>you</b>"
    assert ada_told[-1]["type"] == "joined" and ada_told[-1]["participant"]["name"] == "Ben"


def test_a_page_that_is_gone_has_left_for_everyone() -> None:
    room = Room("abc-defg-hij", Policy(lobby=False))
    ada, _ = enter(room, "Ada")
    _, told = enter(room, "Ben")
    room.close(ada)
    assert told[-1] == {"type": "left", "id": ada.id}


def test_removal_and_the_end_show_different_screens() -> None:
    room = Room("abc-defg-hij", Policy(lobby=False))
    _, ada = enter(room, "Ada")
    _, ben = enter(room, "Ben")
    assert room.remove("Ada")
    room.end()
    assert ada[-1]["heading"] == ENDINGS["removed"].heading
    assert ben[-1]["heading"] == ENDINGS["ended"].heading
    _, late = enter(room, "Cy")
    assert late[0]["screen"] == Refusal.ENDED


def test_a_full_meeting_takes_nobody_even_when_the_host_admits() -> None:
    room = Room("abc-defg-hij", Policy(lobby=True, capacity=1))
    enter(room, "Ada")
    _, told = enter(room, "Ben")
    room.admit("Ada")
    room.admit("Ben")
    assert told[-1]["screen"] == Refusal.FULL and len(room.people()) == 1


@pytest.mark.parametrize("refusal", REFUSALS)
def test_each_scripted_refusal_is_shown_at_its_moment(refusal: Refusal) -> None:
    room = Room("abc-defg-hij", Policy(refuse=refusal))
    told: list[dict[str, Any]] = []
    seat = room.open(told.append)
    at_once = REFUSALS[refusal].moment is Moment.OPEN
    assert kinds(told) == (["notice"] if at_once else ["prejoin"])
    room.knock(seat, "Ada", {})
    assert told[-1]["screen"] == refusal and not room.people() and not room.knocks()


def test_names_and_messages_are_bounded() -> None:
    room = Room("abc-defg-hij", Policy(lobby=False))
    seat, told = enter(room, "  A  d a" + "x" * 200)
    room.chat(seat, "y" * 5000)
    room.chat(seat, "   ")
    assert seat.name.startswith("A d ax") and len(seat.name) == NAME_LIMIT
    assert [len(one["text"]) for one in told if one["type"] == "chat"] == [CHAT_LIMIT]


def test_signals_pass_only_between_people_in_the_call() -> None:
    room = Room("abc-defg-hij", Policy(lobby=True))
    ada, ada_told = enter(room, "Ada")
    ben, ben_told = enter(room, "Ben")
    room.admit("Ada")
    room.signal(ada, ben.id, {"candidate": 1})
    assert "signal" not in kinds(ben_told), "Ben is in the lobby"
    room.admit("Ben")
    room.signal(ben, ada.id, {"candidate": 2})
    assert ada_told[-1] == {"type": "signal", "from": ben.id, "body": {"candidate": 2}}


def test_a_change_is_told_once_and_to_the_host_too() -> None:
    room = Room("abc-defg-hij", Policy(lobby=False))
    seen: list[dict[str, Any]] = []
    ada, told = enter(room, "Ada")
    room.watch(seen.append)
    for _ in range(2):
        room.update(ada, {"speaking": True, "name": "somebody else", "unknown": 1})
    assert kinds(told).count("state") == 1 and told[-1]["speaking"] and told[-1]["name"] == "Ada"
    assert seen[-1]["people"][0]["speaking"]
