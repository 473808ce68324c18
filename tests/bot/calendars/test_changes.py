"""What becomes of bots when calendars change: the table of changes, and any sequence of them."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.calendars.model import Event, Response
from bot.store import calendar_events
from tests.bot.calendars.changes import CHANGES, MEANWHILE, Change, ann
from tests.bot.calendars.desk import Desk, event
from tests.bot.calendars.paper import Paper
from tests.bot.stores import Seeded, SqliteTemplate, seeded

NAMES = count(1)
NAMED = {row[0]: row for row in CHANGES}
# One for each complaint that is heard of products like this one.
COMPLAINTS = (
    "it moves from the past to the future",
    "its start alone changes",
    "started, then moved to later",
    "it is cancelled",
    "it is declined",
    "it is un-cancelled",
    "claimed, then cancelled",
    "stopped by a user",
    "denied, then moved",
    "failed to join",
    "two users have it",
)


async def _bots_after(store: Seeded, change: Change) -> list[tuple[int, float]]:
    _, before, meanwhile, after, _ = change
    desk = await Desk.of(store, f"desk {next(NAMES)}")
    await desk.show(before)
    await MEANWHILE[meanwhile](desk)
    await desk.show(after)
    done = await desk.reconcile()
    assert (done.made, done.moved, done.withdrawn, done.decisions) == (0, 0, 0, 0), "a second look finds nothing to do"
    return await desk.goes()


def test_the_table_names_each_change_and_has_every_complaint() -> None:
    assert len(NAMED) == len(CHANGES) >= 60
    assert set(COMPLAINTS) <= NAMED.keys()


async def test_a_moved_event_takes_its_bot_along(sqlite_store: Seeded) -> None:
    desk = await Desk.of(sqlite_store, "desk")
    await desk.show(ann(event()))
    (before,) = await desk.bots()
    await desk.show(ann(event(at=90)))
    (after,) = await desk.bots()
    assert (before.id, await desk.goes()) == (after.id, [(1, 90)])


@pytest.mark.slow
@pytest.mark.parallel
@pytest.mark.parametrize("name", COMPLAINTS)
async def test_what_users_of_others_complain_of_does_not_happen(sqlite_store: Seeded, name: str) -> None:
    assert await _bots_after(sqlite_store, NAMED[name]) == NAMED[name][4]


@pytest.mark.acceptance
@pytest.mark.parallel
async def test_each_change_leaves_exactly_the_right_bots(store: Seeded) -> None:
    wrong = [(row[0], found, row[4]) for row in CHANGES if (found := await _bots_after(store, row)) != row[4]]
    assert wrong == []


async def test_the_meetings_of_some_events_are_read_without_all_the_others(sqlite_store: Seeded) -> None:
    desk = await Desk.of(sqlite_store, "desk")
    await desk.show(ann(event(), event("b", 200, room=2), event("c", 600, room=None)))
    stored = await desk.events()
    async with sqlite_store.database.read() as session:
        mine = {"session": session, "workspace_id": desk.workspace_id}
        found = await calendar_events.meetings(of=[stored["ann", "b"], stored["ann", "c"]], **mine)
        everything = await calendar_events.meetings(**mine)
    assert ([one.room for one in found], len(everything)) == (["zoom:000000002"], 2)


@pytest.mark.slow
@pytest.mark.parallel
async def test_a_bot_that_was_sent_by_hand_is_the_one_of_the_meeting(sqlite_store: Seeded) -> None:
    desk = await Desk.of(sqlite_store, "desk")
    url = event().links[0]
    mine = {"workspace_id": desk.workspace_id, "character_id": desk.character_id}
    by_hand = await sqlite_store.bot(meeting_url=url.url, key=url.room, join_at=event(at=61).start, **mine)
    await desk.show(ann(event()))
    await desk.show(ann())
    assert [bot.id for bot in await desk.bots()] == [by_hand.id], "one bot, and not ours to take back"


@pytest.mark.slow
@pytest.mark.parallel
async def test_a_stopped_bot_stays_away_for_a_day_of_syncs_and_returns_when_chosen(sqlite_store: Seeded) -> None:
    desk = await Desk.of(sqlite_store, "desk")
    await desk.show(ann(event(at=1500)))
    await desk.stop()
    for _ in range(24):
        desk.wait(60)
        await desk.show(ann(event(at=1500)))
    assert await desk.goes() == []
    await desk.choose(True)
    assert await desk.goes() == [(1, 1500)]
    await desk.stop()
    await desk.reconcile()
    assert await desk.goes() == [], "a choice counts once"


@pytest.mark.slow
@pytest.mark.parallel
async def test_an_event_moved_onto_a_meeting_whose_bot_was_stopped_brings_none_there(store: Seeded) -> None:
    desk = await Desk.of(store, "desk")
    await desk.show(ann(event(at=60)))
    await desk.stop()
    await desk.show(ann(event(at=60), event("b", at=300)))
    assert await desk.goes() == [(1, 300)]
    for _ in range(3):
        await desk.show(ann(event("b", at=62)))
        assert await desk.goes() == []
    await desk.choose(True, event_id="b")
    assert await desk.goes() == [(1, 62)]


@pytest.mark.slow
@pytest.mark.parallel
async def test_cancelled_in_the_meeting_and_taken_back_the_bot_comes_again(sqlite_store: Seeded) -> None:
    desk = await Desk.of(sqlite_store, "desk")
    await desk.show(ann(event(at=0, lasts=60)))
    await MEANWHILE["it is in the call"](desk)
    (first,) = await desk.bots()
    await desk.show(ann())
    await desk.show(ann(event(at=0, lasts=60)))
    assert await desk.goes() == [], "the first is on its way out and still holds the room"
    await desk.leave(first.id)
    await desk.reconcile()
    (second,) = await desk.bots()
    assert second.id != first.id


async def test_each_decision_says_why(sqlite_store: Seeded) -> None:
    desk = await Desk.of(sqlite_store, "desk")
    events = [event(), event("b", room=None), event("c", 600, response=Response.DECLINED)]
    await desk.show({"ann": events})
    assert [await desk.why(event_id=one.id) for one in events] == ["rules", "no_link", "declined"]
    await desk.show({"ann": events[1:]})
    assert await desk.why() == "removed"


# Three users share events; each look at a calendar may come late, or never before the last.
USERS = ("ann", "bob", "eve")
TIMES = (-300, -10, 20, 60, 63, 75, 90, 600)
CHANGE = st.tuples(
    st.sampled_from(USERS),
    st.sampled_from(("a", "b", "c")),
    st.one_of(
        st.just("delete"),
        st.tuples(st.sampled_from(TIMES), st.sampled_from((1, 2)), st.sampled_from(tuple(Response)), st.booleans()),
    ),
    st.booleans(),  # the look at that calendar follows at once
)


def _after(calendars: dict[str, dict[str, Event]], change: tuple[Any, ...], sequence: int) -> str:
    """What a user's calendar is now; whose was changed."""
    user, uid, what, _ = change
    if what == "delete":
        calendars[user].pop(uid, None)
        return str(user)
    at, room, response, everybodys = what
    made = event(uid, at, room=room, response=response, sequence=sequence)
    for whose in USERS if everybodys else (user,):
        calendars[whose][uid] = replace(made, calendar_id=whose)
    return str(user)


@pytest.mark.slow
@pytest.mark.parallel
@settings(max_examples=60, deadline=None, database=None)
@given(changes=st.lists(CHANGE, min_size=1, max_size=20))
def test_any_history_of_three_users_ends_as_a_fresh_look_does_on_paper(changes: list[tuple[Any, ...]]) -> None:
    desk, now_is, seen = Paper(), {user: dict[str, Event]() for user in USERS}, dict[str, dict[str, Event]]()
    for sequence, change in enumerate(changes):
        user = _after(now_is, change, sequence)
        if change[-1]:
            seen[user] = dict(now_is[user])
            desk.look([one for events in seen.values() for one in events.values()])
    everything = [one for events in now_is.values() for one in events.values()]
    desk.look(everything)
    fresh = Paper()
    fresh.look(everything)
    assert desk.goes() == fresh.goes()


async def _same_as_a_fresh_look(template: SqliteTemplate, folder: Path, changes: list[tuple[Any, ...]]) -> None:
    async with seeded(await template.fresh(folder)) as store:
        desk, now_is = await Desk.of(store, "long"), {user: dict[str, Event]() for user in USERS}
        for sequence, change in enumerate(changes):
            user = _after(now_is, change, sequence)
            if change[-1]:
                await desk.sync(user, list(now_is[user].values()))
                assert max(Counter(await desk.goes()).values(), default=0) <= 1
        await desk.show({user: list(events.values()) for user, events in now_is.items()})
        await desk.reconcile()
        fresh = await Desk.of(store, "fresh")
        for user, events in now_is.items():
            await fresh.sync(user, list(events.values()), then_reconcile=False)
        await fresh.reconcile()
        assert await desk.goes() == await fresh.goes()


@pytest.mark.acceptance
@pytest.mark.parallel
@settings(max_examples=40, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(CHANGE, min_size=1, max_size=8))
def test_any_history_of_three_users_ends_as_a_fresh_look_does(
    sqlite_template: SqliteTemplate, tmp_path: Path, changes: list[tuple[Any, ...]]
) -> None:
    asyncio.run(_same_as_a_fresh_look(sqlite_template, tmp_path, changes))
