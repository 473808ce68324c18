"""Who may do what: every route by every role, by key and by browser; and keys that make keys."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.api.app import PREFIX, ROUTES, make_app
from bot.api.handlers.live import StreamLimits
from bot.api.routes import Route
from bot.api.sign_in import COOKIE
from bot.domain import roles
from bot.domain.roles import Role
from bot.store import audit, bots, keys, lines, sign_ins
from tests.bot.api.conftest import google, microsoft
from tests.bot.api.dashboard_server import Dashboard, dashboard_on, split
from tests.bot.clocks import HandClock
from tests.bot.store.test_dashboard import in_call
from tests.bot.stores import NOW, Seeded

# The least role that may, by hand: a route without a row here fails.
NEEDS: dict[Role, set[str]] = {
    Role.VIEWER: {"export_turns", "follow_live", "list_bot_events", "list_bots", "list_calendar_events"}
    | {"list_calendars", "list_characters", "list_documents", "list_turns", "show_bot", "show_bot_picture"}
    | {"show_calendar", "show_calendar_event", "show_character", "show_character_image", "show_evidence"}
    | {"show_character_sheet"}
    | {"show_transcript"},
    Role.OPERATOR: {"add_document", "change_calendar", "connect_calendar", "connect_google_calendar"}
    | {"connect_microsoft_calendar", "create_bot", "disconnect_calendar", "kill_all_bots", "kill_bot"}
    | {"make_bot_leave", "make_bot_say", "override_calendar_event", "retime_bot", "sync_calendar"},
    Role.ADMIN: {"change_webhook", "create_character", "create_key", "create_webhook", "erase_bot_data", "list_keys"}
    | {"delete_character", "renew_consent", "withdraw_consent"}
    | {"list_webhook_deliveries", "list_webhooks", "make_portrait", "read_audit_trail", "remove_webhook"}
    | {"replay_webhook_delivery", "replay_webhooks", "revoke_key", "rotate_webhook_secret", "show_webhook"}
    | {"show_webhook_delivery", "test_webhook"},
}
# Outside the table of routes, and why nobody is asked there for a role.
OPEN = {
    "/": "leads to the page",
    "/healthz": "health",
    "/readyz": "health",
    "/openapi.json": "the description",
    "/dashboard": "the page's files",
    "/calendars": "a calendar's owner and its provider, known by tokens of their own",
}
IDS = dict.fromkeys(("bot_id", "character_id", "calendar_id", "event_id", "endpoint_id", "delivery_id", "key_id"), "x")
NEW = {"name": "child", "role": "viewer"}


def test_every_route_has_its_least_role_in_the_table() -> None:
    assert {route.name: route.role for route in ROUTES} == {name: role for role in NEEDS for name in NEEDS[role]}


def test_a_route_that_needs_nothing_or_what_no_role_has_cannot_be_declared() -> None:
    given: dict[str, Any] = {"method": "GET", "path": "/x", "name": "x", "summary": "", "tag": ""}
    for scope in ("", "bots:everything"):
        with pytest.raises(ValueError, match="which no role has"):
            Route(**given, scope=scope)
    with pytest.raises(TypeError, match="scope"):
        Route(**given)


async def test_the_server_has_no_route_beside_the_table_but_those_that_are_named(
    sqlite_store: Seeded, tmp_path: Path
) -> None:
    providers: Any = {"google": google(), "microsoft": microsoft()}
    app = make_app(sqlite_store.database, home=tmp_path, split=split, **providers)
    served = {(route.method, route.resource.canonical) for route in app.router.routes() if route.resource}
    declared = {(route.method, PREFIX + route.path) for route in ROUTES}
    beside = {path for method, path in served - declared if (method, path) not in {("HEAD", p) for _, p in declared}}
    assert declared <= served
    assert not [path for path in beside if not any(f"{path}/".startswith(f"{begin}/") for begin in OPEN)]


async def answers(server: Dashboard, who: dict[str, Any]) -> dict[str, int]:
    """By route, how it answers who asks."""
    found = {}
    for route in ROUTES:
        path = PREFIX + route.path.format_map({**IDS, "name": "x.png"})
        async with server.client.request(route.method, path, **who) as answer:
            told = await answer.json(content_type=None) if answer.status == 403 else {}
            assert not told or (told["role"], told["scope"]) == (route.role, route.scope), told
            found[route.name] = answer.status
    return found


BROWSER = pytest.param("browser", marks=[pytest.mark.slow, pytest.mark.parallel])


@pytest.mark.parametrize("way", ["key", BROWSER])
@pytest.mark.parametrize("role", Role)
async def test_every_route_is_open_to_the_roles_of_its_row_and_to_no_other(
    sqlite_store: Seeded, tmp_path: Path, role: Role, way: str
) -> None:
    allowed = {name for least in list(Role)[: list(Role).index(role) + 1] for name in NEEDS[least]}
    mine = {"workspace_id": sqlite_store.workspace.id, "role": role}
    async with dashboard_on(sqlite_store, tmp_path, limits=StreamLimits(longest_s=0.0)) as server:
        async with sqlite_store.database.write() as session:
            _, key = await keys.create(session, **mine, name="t")
            token = await sign_ins.issue_token(session, **mine, now=server.clock.now())
            _, secret = await sign_ins.exchange(session, token, now=server.clock.now())
        ways = {"key": {"headers": {"Authorization": f"Bearer {key}"}}}
        ways["browser"] = {"cookies": {COOKIE: secret}, "headers": {"Origin": server.origin}}
        found = await answers(server, ways[way])
        assert {name for name, status in found.items() if status == 403} == found.keys() - allowed
        assert not {name for name, status in found.items() if status == 401 or status >= 500}


async def test_a_problem_says_in_words_which_role_is_needed_and_which_one_has(api: Any) -> None:
    viewer = await api.with_key(role=Role.VIEWER)
    status, problem = await viewer.ask("POST", "/bots", json=api.new_bot())
    assert (status, problem["code"], problem["role"], problem["has_role"]) == (
        *(403, "insufficient_scope"),
        *("operator", "viewer"),
    )
    assert "needs the role operator" in problem["detail"] and "has the role viewer" in problem["detail"]


READS_WORDS = (  # who asks, and whether they read in events what people wrote
    *(({"role": role}, True) for role in Role),
    ({"scopes": ("bots:read", "transcripts:read")}, True),
    ({"scopes": ("bots:read",)}, False),
    ({"scopes": tuple(scope for scope in roles.ALL_SCOPES if scope != "transcripts:read")}, False),
)


@pytest.mark.parametrize(("who", "reads"), READS_WORDS)
async def test_events_have_peoples_words_and_names_for_who_may_read_transcripts(
    api: Any, who: dict[str, Any], reads: bool
) -> None:
    bot = await in_call(api.store)
    wrote = {"speaker_id": "7", "pii_name": "Ada", "pii_text": "my salary is 90k"}
    async with api.store.database.write() as session:
        await bots.note(session, bot.id, attempt=1, kind="chat.message", data=wrote, at=NOW)
        await lines.ask(session, bot.id, text="Hello Ada.", at=NOW, by={"by": "user", "key_name": "CRM"})
    status, events = await (await api.with_key(**who)).ask("GET", f"/bots/{bot.id}/events")
    assert status == 200 and [one["kind"] for one in events["data"]][-2:] == ["chat.message", "asked.say"]
    *_, message, asked = [one["data"] for one in events["data"]]
    bare = {"speaker_id": "7"}, {"by": "user", "key_name": "CRM"}
    assert (message, asked) == ((wrote, {**bare[1], "pii_text": "Hello Ada."}) if reads else bare)
    assert ("Ada" in str(events)) == reads


async def test_a_session_tells_its_page_what_it_may_do(sqlite_store: Seeded, tmp_path: Path) -> None:
    async with dashboard_on(sqlite_store, tmp_path) as page:
        shown = await (await page.sign_in(role=Role.OPERATOR)).json()
        again = await (await page.ask("GET", "/dashboard/session")).json()
        assert shown == again and (shown["role"], set(shown["scopes"])) == ("operator", roles.SCOPES[Role.OPERATOR])
        async with sqlite_store.database.read() as session:
            (entry,) = await audit.page(session, workspace_id=sqlite_store.workspace.id)
    assert (entry.action, entry.actor["by"], entry.actor["role"]) == ("sign_in", "dashboard", "operator")


async def test_a_key_is_made_used_listed_and_revoked_and_each_is_written_down(api: Any) -> None:
    admin = await api.with_key(role=Role.ADMIN)
    status, made = await admin.ask("POST", "/keys", json=NEW)
    assert status == 201 and made["key"].startswith(f"uk_{made['id']}_") and made["role"] == "viewer"
    _, listed = await admin.ask("GET", "/keys")
    (shown,) = [one for one in listed["data"] if one["id"] == made["id"]]
    assert shown == {name: value for name, value in made.items() if name != "key"}
    for _ in range(2):
        status, gone = await admin.ask("DELETE", f"/keys/{made['id']}")
        assert status == 200 and gone["revoked_at"]
    _, listed = await admin.ask("GET", "/keys")
    assert made["id"] not in [one["id"] for one in listed["data"]]
    assert made["id"] in [one["id"] for one in (await admin.ask("GET", "/keys?over=true"))[1]["data"]]
    _, trail = await admin.ask("GET", "/audit")
    assert [one["action"] for one in trail["data"]] == ["create_key", "revoke_key", "revoke_key"]
    assert trail["data"][0]["actor"]["role"] == "admin" and made["key"] not in str(trail)


ASKED = (  # who asks, for which key, and the answer
    ({"role": Role.ADMIN}, {"role": "admin"}, 201, None),
    ({"role": Role.ADMIN}, {"scopes": ["bots:read", "audit:read"]}, 201, None),
    ({"role": Role.OPERATOR}, {"role": "viewer"}, 403, "insufficient_scope"),
    ({"scopes": ("keys:write", "bots:read")}, {"scopes": ["bots:read"]}, 201, None),
    ({"scopes": ("keys:write", "bots:read")}, {"scopes": ["bots:write"]}, 403, "beyond_own_rights"),
    ({"scopes": roles.ALL_SCOPES}, {"role": "viewer"}, 403, "beyond_own_rights"),
    ({"role": Role.ADMIN}, {"role": "owner"}, 422, "invalid_request"),
    ({"role": Role.ADMIN}, {"scopes": ["bots:all"]}, 422, "invalid_request"),
    ({"role": Role.ADMIN}, {"scopes": []}, 422, "invalid_request"),
    ({"role": Role.ADMIN}, {}, 422, "invalid_request"),
    ({"role": Role.ADMIN}, {"role": "viewer", "scopes": ["bots:read"]}, 422, "invalid_request"),
    ({"role": Role.ADMIN}, {"role": "viewer", "expires_at": NOW.isoformat()}, 422, "expires_in_the_past"),
)


async def test_nobody_gives_more_than_they_have(api: Any) -> None:
    for who, wanted, status, code in ASKED:
        answer = await (await api.with_key(**who)).ask("POST", "/keys", json={"name": "child", **wanted})
        assert (answer[0], answer[1].get("code")) == (status, code), (who, wanted, answer[1])


async def test_a_key_that_ends_makes_none_that_outlives_it(api: Any) -> None:
    end = NOW + timedelta(days=2)
    brief = await api.with_key(role=Role.ADMIN, expires_at=end)
    _, same = await brief.ask("POST", "/keys", json=NEW)
    later = {**NEW, "expires_at": (end + timedelta(seconds=1)).isoformat()}
    status, problem = await brief.ask("POST", "/keys", json=later)
    assert same["expires_at"] == end.isoformat().replace("+00:00", "Z")
    assert (status, problem["code"], problem["expires_at"]) == (403, "beyond_own_rights", end.isoformat())


async def test_keys_of_a_workspace_are_bounded_and_one_that_is_over_makes_room(sqlite_store: Seeded) -> None:
    mine: dict[str, Any] = {"workspace_id": sqlite_store.workspace.id}
    now = HandClock().now()
    async with sqlite_store.database.write() as session:
        made = [await keys.create(session, **mine, name="t") for _ in range(keys.MOST_KEYS)]
        with pytest.raises(keys.TooManyKeys):
            await keys.make_room(session, **mine, now=now)
        await keys.revoke(session, made[0][0].id, **mine, now=now)
        await keys.make_room(session, **mine, now=now)
