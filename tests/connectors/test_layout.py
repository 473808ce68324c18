"""Where pictures stand: told when they have come to rest somewhere else, and at no other time."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.base import Capabilities, Layout, Spot
from connectors.kit.web.classifier import Person, Sighting
from connectors.kit.web.layout import LITTLE
from connectors.kit.web.look import sighting_of
from connectors.kit.web.watch import Watcher

LEFT, RIGHT = (-0.5, 0.0), (0.5, 0.0)


def person(spot: Spot | None, *, is_self: bool = False) -> Person:
    return Person(name="Ada", is_self=is_self, speaking=False, spot=spot)


def told(watcher: Watcher, *looks: dict[str, Person]) -> list[Layout]:
    events = [event for number, people in enumerate(looks) for event in watcher.look(Sighting(people=people), number)]
    return [event for event in events if isinstance(event, Layout)]


def seen(*tiles: dict[str, Any]) -> dict[str, Person]:
    whole = [{"id": "2", "name": "Ada", "is_self": False, "speaking": False, "sharing": False, **one} for one in tiles]
    read = {"phrases": [], "title": "", "shown": {}, "people": whole, "messages": [], "ways": {}}
    return sighting_of(read, frozenset()).people


def test_it_is_told_once_and_again_when_it_has_changed_and_rests() -> None:
    watcher = Watcher(layout=True)
    pair = {"1": person(LEFT, is_self=True), "2": person(RIGHT)}
    moved = {**pair, "2": person((0.5, 2 * LITTLE))}
    flying = [{**pair, "2": person((at / 10, 0.0))} for at in range(3)]
    assert told(watcher, pair, pair, pair) == [Layout(at_s=1, others={"2": RIGHT}, own=LEFT)]
    assert told(watcher, *flying, moved, moved, moved) == [Layout(at_s=4, others={"2": (0.5, 2 * LITTLE)}, own=LEFT)]
    assert told(watcher, {**pair, "2": person((0.5, LITTLE * 1.5))}, moved) == [], "that is little"
    assert told(watcher, {"1": pair["1"]}, moved, moved) == [], "a tile that is drawn anew has not moved"


def test_who_comes_and_goes_changes_it_and_out_of_the_call_nobody_stands_anywhere() -> None:
    watcher = Watcher(layout=True)
    alone, pair = {"1": person(LEFT, is_self=True)}, {"1": person(LEFT, is_self=True), "2": person(RIGHT)}
    assert [one.others for one in told(watcher, alone, alone, pair, pair, alone, alone)] == [{}, {"2": RIGHT}, {}]
    gone = [event for event in watcher.out_of_the_call(9.0) if isinstance(event, Layout)]
    assert gone == [Layout(at_s=9.0, others={})] and not list(watcher.out_of_the_call(9.1))


def test_a_platform_whose_layout_is_not_known_tells_none() -> None:
    people = {"2": person(RIGHT)}
    assert told(Watcher(), people, people) == [] and not Capabilities().layout


def test_a_page_that_does_not_mark_our_picture_leaves_it_open() -> None:
    people = {"2": person(RIGHT), "3": person(None)}
    assert told(Watcher(layout=True), people, people) == [Layout(at_s=1, others={"2": RIGHT}, own=None)]


@pytest.mark.parametrize(
    ("read", "spot"),
    [
        ([0.5, -0.25], (0.5, -0.25)),
        ([1, -7.5], (1.0, -1.0)),
        ([float("inf"), 0], None),
        ([float("nan"), 0.0], None),
        (["0", "0"], None),
        ([0.1], None),
        ("here", None),
        (None, None),
    ],
)
def test_a_spot_is_in_the_window_whatever_the_page_says(read: object, spot: Spot | None) -> None:
    assert seen({"spot": read})["2"].spot == spot


@pytest.mark.parametrize("order", [1, -1])
def test_who_shares_a_screen_stands_where_their_own_picture_does(order: int) -> None:
    tiles = [{"spot": list(LEFT), "sharing": True}, {"spot": list(RIGHT)}]
    assert seen(*tiles[::order])["2"].spot == RIGHT and seen(tiles[0])["2"].spot == LEFT
    assert seen(*tiles, tiles[0])["2"].spot == RIGHT
