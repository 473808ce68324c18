"""Calendars by the API: connected, read, explained, decided otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from bot.calendars import shape
from bot.calendars.reconcile import reconcile
from bot.store import calendar_events
from tests.bot.calendars.desk import event
from tests.bot.stores import NOW

pytestmark = [pytest.mark.slow, pytest.mark.parallel]
URL = "https://calendar.example.com/private-0123456789/basic.ics"


async def connected(api: Any, **more: Any) -> dict[str, Any]:
    body = {"url": URL, "character_id": api.store.character.id, "rules": {"join": "all"}, **more}
    status, made = await api.ask("POST", "/calendars", json=body)
    assert status == 201, made
    return made


async def read(api: Any, calendar: dict[str, Any], *events: Any) -> None:
    """The keeper has read these."""
    fresh = [shape.stored(one) for one in events]
    mine = {"workspace_id": api.store.workspace.id, "calendar_id": calendar["id"], "now": NOW}
    async with api.store.database.write() as session:
        await calendar_events.replace_all(session, events=fresh, **mine)
        await reconcile(session, api.store.workspace.id, now=NOW)


async def upcoming(api: Any) -> list[dict[str, Any]]:
    return list((await api.ask("GET", "/calendar-events"))[1]["data"])


async def test_a_calendar_is_connected_without_ever_showing_its_address(api: Any) -> None:
    made = await connected(api, name="Ann", owner="Ann@Own.org")
    assert (made["state"], made["owner"], made["address"]) == ("active", "ann@own.org", "calendar.example.com/….ics")
    listed = (await api.ask("GET", "/calendars"))[1]["data"]
    assert listed == [made] and "0123456789" not in str(listed)
    status, problem = await api.ask("POST", "/calendars", json={"url": URL, "character_id": api.store.character.id})
    assert (status, problem["code"], problem["calendar_id"]) == (409, "calendar_connected", made["id"])


async def test_what_comes_up_says_whether_a_bot_joins_and_why(api: Any) -> None:
    await read(api, await connected(api), event(), event("b", 90, room=None))
    first, second = await upcoming(api)
    assert (first["verdict"], first["reason"], first["meeting"]) == ("join", "rules", "booked")
    assert (first["chosen_link"]["source"], first["chosen_because"]) == ("location", "its location")
    assert (second["verdict"], second["because"]) == ("stay_away", "No field of the event has a link of a meeting.")
    assert (await api.ask("GET", f"/calendar-events/{first['id']}"))[1] == first
    assert (await api.ask("GET", f"/bots/{first['bot_id']}"))[0] == 200


async def test_what_comes_up_comes_page_by_page(api: Any) -> None:
    starts = {"a": 60, "b": 90, "c": 90, "d": 90, "e": 200}  # three begin together
    await read(api, await connected(api), *(event(uid, at) for uid, at in starts.items()))
    seen, query = [], "/calendar-events?limit=2"
    while True:
        status, page = await api.ask("GET", query)
        assert status == 200 and page["has_more"] == (page["next_cursor"] is not None)
        seen.append([one["series_id"] for one in page["data"]])
        if not page["has_more"]:
            break
        query = f"/calendar-events?limit=2&cursor={page['next_cursor']}"
    assert [len(page) for page in seen] == [2, 2, 1] and sorted(one for page in seen for one in page) == sorted(starts)
    assert (seen[0][0], seen[-1][-1]) == ("a", "e")
    status, problem = await api.ask("GET", "/calendar-events?cursor=nonsense")
    assert (status, problem["errors"][0]["pointer"]) == (422, "query/cursor")


async def test_a_choice_for_one_event_stands_above_the_rules(api: Any) -> None:
    await read(api, await connected(api, rules={"join": "chosen"}), event())
    (one,) = await upcoming(api)
    where = f"/calendar-events/{one['id']}/override"
    seen = [(one["reason"], one["bot_id"] is not None)]
    for join in (True, False, None):
        _, shown = await api.ask("PUT", where, json={"join": join})
        seen.append((shown["reason"], shown["bot_id"] is not None))
    assert seen == [("not_chosen", False), ("chosen", True), ("kept_away", False), ("not_chosen", False)]


async def test_changed_rules_and_a_disconnected_calendar_take_bots_along(api: Any) -> None:
    calendar = await connected(api)
    await read(api, calendar, event())
    where = f"/calendars/{calendar['id']}"
    seen = []
    for rules in ({"join": "chosen"}, {"join": "all", "keywords": ["review"]}, {"join": "all"}):
        assert (await api.ask("PATCH", where, json={"rules": rules}))[0] == 200
        seen.append((await upcoming(api))[0]["reason"])
    assert seen == ["not_chosen", "keyword_missing", "rules"]
    assert (await api.ask("DELETE", where))[0] == 200
    assert await upcoming(api) == []
    assert [bot["state"] for bot in (await api.ask("GET", "/bots?phase=upcoming"))[1]["data"]] == []


async def test_an_owner_is_known_by_any_spelling_of_their_address(api: Any) -> None:
    calendar = await connected(api)
    _, changed = await api.ask("PATCH", f"/calendars/{calendar['id']}", json={"owner": " Ann@Own.org "})
    assert changed["owner"] == "ann@own.org"


@pytest.mark.parametrize(
    "owner", ["ann", "ann@", "@own.org", "Ann <ann@own.org>", "ann@own.org, bob@own.org", "a\x7f@b"]
)
async def test_an_owner_that_is_no_address_is_refused_by_name(api: Any, owner: str) -> None:
    calendar, who = await connected(api), api.store.character.id
    for method, path, more in (
        ("POST", "/calendars", {"url": URL.replace("basic", "other"), "character_id": who}),
        ("PATCH", f"/calendars/{calendar['id']}", {}),
        ("POST", "/calendars/google", {"character_id": who}),
        ("POST", "/calendars/microsoft", {"character_id": who}),
    ):
        status, problem = await api.ask(method, path, json={"owner": owner, **more})
        assert (status, problem["code"]) == (422, "bad_owner"), path


async def test_a_sync_makes_a_calendar_due(api: Any) -> None:
    calendar = await connected(api)
    status, due = await api.ask("POST", f"/calendars/{calendar['id']}/sync", json={})
    assert (status, due["next_sync_at"]) == (202, NOW.isoformat().replace("+00:00", "Z"))


async def test_reading_needs_one_scope_and_changing_another(api: Any) -> None:
    reader = await api.with_key(scopes=("calendars:read",))
    assert (await reader.ask("GET", "/calendar-events"))[0] == 200
    assert (await reader.ask("POST", "/calendars", json={"url": URL, "character_id": "x"}))[1][
        "code"
    ] == "insufficient_scope"
