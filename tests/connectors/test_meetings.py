"""Which meeting a link opens, without a network: pages are open seats."""

from __future__ import annotations

import itertools

import pytest

from connectors.base import Refusal
from connectors.simulator.meetings import Meetings, SeveralMeetings
from connectors.simulator.rooms import Policy, Room, Seat

CODE = "abc-defg-hij"


SEATS: dict[int, Seat] = {}  # by their room


def enter(room: Room) -> Room:
    SEATS[id(room)] = room.open(lambda message: None)
    return room


def leave(room: Room) -> None:
    room.close(SEATS.pop(id(room)))


def test_a_link_leads_to_the_same_meeting_while_someone_is_in_it() -> None:
    there = Meetings()
    room = enter(there.of_link(CODE, "open", "3"))
    assert there.of_link(CODE, "open", "3.0") is room and there.of_link(CODE, "open", "") is room
    leave(room)
    assert there.of_link(CODE, "open", "3") is not room


def test_what_a_link_says_of_its_meeting_makes_it_another() -> None:
    there = Meetings()
    links = [("removed", "1"), ("removed", "2"), ("ended", "1"), ("meeting_full", "")]
    rooms = [enter(there.of_link(CODE, *link)) for link in links]
    assert len({id(room) for room in rooms}) == len(links)
    assert [there.find(CODE, *link) for link in links] == rooms


def test_a_scenario_is_played_beside_a_meeting_that_was_made_under_its_code() -> None:
    there = Meetings()
    made = there.make(Policy(lobby=True), CODE)
    assert there.of_link(CODE) is made and there.find(CODE) is made
    assert there.of_link(CODE, "open").policy == Policy(lobby=False)
    assert there.of_link(CODE, "opne").policy.refuse is Refusal.NOT_FOUND


def test_a_host_has_to_say_which_of_several_is_meant() -> None:
    there = Meetings()
    first, second = enter(there.of_link(CODE, "lobby")), enter(there.of_link(CODE, "open"))
    with pytest.raises(SeveralMeetings):
        there.find(CODE)
    assert there.find(CODE, "lobby") is first
    leave(first)
    assert there.find(CODE) is second
    leave(second)
    assert there.find(CODE) is second, "of those nobody is in, the last"
    again = enter(there.of_link(CODE, "lobby"))
    leave(again)
    assert there.find(CODE) is again


@pytest.mark.parametrize("words", [("no such scenario",), ("denied",), ()])
def test_a_meeting_nobody_opened_is_not_found(words: tuple[str, ...]) -> None:
    with pytest.raises(KeyError):
        Meetings().find(CODE, *words)


def test_a_full_server_forgets_the_oldest_that_nobody_is_in() -> None:
    there = Meetings(scripted_rooms=3)
    codes = [f"abc-defg-hi{letter}" for letter in "abcdefg"]
    stays, *empty = [enter(there.of_link(code, "open")) for code in codes[:3]]
    for room in empty:
        leave(room)
    for code in codes[3:]:
        assert there.of_link(code, "open").policy.refuse is None
    kept = [code for code in codes if _is_there(there, code)]
    assert kept == [codes[0], *codes[-2:]] and there.of_link(codes[0], "open") is stays


def test_a_server_full_of_people_takes_no_more() -> None:
    there = Meetings(scripted_rooms=2)
    rooms = [enter(there.of_link(CODE, "open", after)) for after in ("1", "2")]
    rooms += [enter(there.of_link(CODE, "removed", after)) for after in ("1",)]
    assert there.of_link(CODE, "ended").policy.refuse is Refusal.PLATFORM_ERROR
    leave(rooms[-1])
    assert there.of_link(CODE, "ended").policy.refuse is None


def test_a_host_is_known_by_the_token_of_the_meeting() -> None:
    there = Meetings()
    rooms = [there.make(Policy(), CODE), enter(there.of_link(CODE, "open")), enter(there.of_link(CODE, "lobby"))]
    assert [there.of_host(CODE, room.host_token) for room in rooms] == rooms
    assert not any(there.of_host(*wrong) for wrong in itertools.product((CODE, "zzz-zzzz-zzz"), ("", "wrong")))


def _is_there(there: Meetings, code: str) -> bool:
    try:
        there.find(code)
    except KeyError:
        return False
    return True
