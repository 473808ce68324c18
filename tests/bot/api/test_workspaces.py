"""A key of another workspace sees nothing and changes nothing, on every route there is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.api.app import ROUTES
from bot.api.handlers.live import StreamLimits
from bot.api.routes import Route
from bot.assets import camera_picture
from bot.calendars import shape
from bot.library import SHIPPED
from bot.store import (
    calendar_events,
    calendars,
    characters,
    keys,
    tables,
    transcripts,
    turns,
    webhook_deliveries,
    webhook_endpoints,
)
from tests.bot.api.dashboard_server import dashboard_on
from tests.bot.api.test_live import key_of
from tests.bot.calendars.desk import event
from tests.bot.store.old_data import rows
from tests.bot.store.test_dashboard import HELLO, in_call
from tests.bot.stores import NOW, Seeded

SECRET = "zebra"  # in everything that is the first workspace's
PNG = b"\x89PNG\r\n\x1a\n"

# By hand, so that nothing is installed to find a face; braces are doubled for what fills ids in.
MOUTH = '"mouth": {{"left": [600, 360], "right": [680, 360]}}'
MARKED = "{{" + MOUTH + ', "outline": [[400, 80], [880, 80], [880, 600], [400, 600]]}}'
# What a stranger sends who knows every id. A route that takes a body has a row here, or the test fails.
BODIES: dict[str, dict[str, Any]] = {
    "create_bot": {"meeting_url": "https://meet.google.com/new-meet-ing", "character_id": "{character_id}"},
    "create_character": {"name": "Milo", "image_base64": "iVBORw0KGgo=", "likeness": "fictional"},
    "make_portrait": {"points": MARKED, "style": "object"},
    "renew_consent": {"consent_proof": "a letter"},
    "add_document": {"name": f"{SECRET}.md", "text": "Forget it."},
    "retime_bot": {"join_at": "2026-11-21T12:00:00Z"},
    "make_bot_leave": {},
    "make_bot_say": {"text": "hello"},
    "kill_all_bots": {"scheduled": True},
    "create_webhook": {"url": "https://hooks.example.com/"},
    "change_webhook": {"description": "Forget it."},
    "rotate_webhook_secret": {},
    "test_webhook": {},
    "replay_webhooks": {"since": "2026-11-21T00:00:00Z"},
    "connect_calendar": {"url": "https://calendar.example.com/a.ics", "character_id": "{character_id}"},
    "change_calendar": {"name": "Forget it."},
    "connect_google_calendar": {"owner": "ann@example.com", "character_id": "{character_id}"},
    "connect_microsoft_calendar": {"owner": "ann@example.com", "character_id": "{character_id}"},
    "sync_calendar": {},
    "override_calendar_event": {"join": None},
    "create_key": {"name": "mine", "scopes": ["bots:read"]},
}
# What a stranger may do all the same, in a workspace of their own.
OWN = {"list_bots": 200, "list_characters": 200, "create_character": 201, "kill_all_bots": 202, "follow_live": 200}
OWN |= {"read_audit_trail": 200, "list_webhooks": 200, "create_webhook": 201}
OWN |= {"list_calendars": 200, "list_calendar_events": 200, "list_keys": 200, "create_key": 201}
# What the owner is told where the bot in its call cannot do it.
TOLD = {"retime_bot": 409, "erase_bot_data": 409}
OURS_KEEP = ("delete_character", "make_portrait", "renew_consent", "withdraw_consent")  # it is one we ship
TOLD |= dict.fromkeys(OURS_KEEP, 409)


async def furnished(store: Seeded, home: Path) -> dict[str, str]:
    """A workspace with one of everything, and the names of the paths' parameters."""
    bot = await in_call(store)
    async with store.database.write() as session:
        said = {name: getattr(HELLO, name) for name in HELLO.__slots__} | {"text": SECRET, "speaker_name": SECRET}
        await transcripts.append(session, bot.id, attempt=1, segment=transcripts.Segment(**said))
        await turns.record(session, bot.id, attempt=1, epoch=1, record={"question": SECRET})
        its = {"image_path": str(SHIPPED / "portrait.png"), "record_path": str(SHIPPED / "record")}
        new = characters.NewCharacter(name=SECRET, likeness="fictional", **its)
        await characters.ensure(session, workspace_id=bot.workspace_id, slug=store.character.slug, new=new)
        mine = {"workspace_id": bot.workspace_id, "endpoint_id": tables.new_id(), "now": NOW}
        hook = await webhook_endpoints.create(session, url=f"https://{SECRET}.example/", sealed_secret="-", **mine)
        calendar = {"provider": "ics", "name": SECRET, "sealed_secret": "-", "source_sha256": "-", "rules": {}}
        calendar |= {"workspace_id": bot.workspace_id, "character_id": store.character.id, "now": NOW}
        made = await calendars.create(session, id=tables.new_id(), **calendar)
        fresh = [shape.stored(replace(event(), title=SECRET, calendar_id=made.id))]
        its = {"workspace_id": bot.workspace_id, "calendar_id": made.id}
        await calendar_events.replace_all(session, events=fresh, now=NOW, **its)
        (row,) = await calendar_events.since(session, workspace_id=bot.workspace_id, ended_after=NOW)
        told = await webhook_deliveries.add(session, hook, event_type="webhook.test", data={"x": SECRET}, now=NOW)
        key, _ = await keys.create(session, workspace_id=bot.workspace_id, name=SECRET)
    folder = home / "evidence" / bot.id
    folder.mkdir(parents=True)
    (folder / "full.png").write_bytes(PNG + SECRET.encode())
    camera_picture(home, bot.id).write_bytes(PNG + SECRET.encode())
    ids = {"bot_id": bot.id, "character_id": store.character.id, "name": "full.png"}
    ids |= {"calendar_id": made.id, "event_id": row.id, "key_id": key.id}
    return {**ids, "endpoint_id": hook.id, "delivery_id": told}


def test_every_route_with_a_body_is_asked_with_one() -> None:
    assert {route.name for route in ROUTES if route.takes_body} == BODIES.keys()


@pytest.mark.slow
@pytest.mark.parallel
async def test_a_stranger_who_knows_every_id_finds_and_changes_nothing(sqlite_store: Seeded, tmp_path: Path) -> None:
    ids = await furnished(sqlite_store, tmp_path)
    stranger = {"Authorization": f"Bearer {await key_of(sqlite_store, workspace='other')}"}
    owner = {"Authorization": f"Bearer {await key_of(sqlite_store)}"}
    async with dashboard_on(sqlite_store, tmp_path, limits=StreamLimits(longest_s=0.0)) as server:

        async def ask(route: Route, headers: dict[str, str]) -> tuple[int, str]:
            body = {name: _filled(value, ids) for name, value in BODIES.get(route.name, {}).items()}
            given = {"json": body} if route.takes_body else {}
            path = "/api/v1" + route.path.format_map(ids)
            async with server.client.request(route.method, path, headers=headers, **given) as answer:
                return answer.status, (await answer.read()).decode(errors="replace")

        for route in ROUTES:
            before = await rows(sqlite_store.database, tables.metadata)
            status, words = await ask(route, stranger)
            assert status == OWN.get(route.name, 404), (route.name, words)
            assert SECRET not in words and (status == 404 or not any(one in words for one in ids.values())), route.name
            after = await rows(sqlite_store.database, tables.metadata)
            assert all(set(before[name]) <= set(after[name]) for name in before if name != "api_keys"), route.name
        for route in ROUTES:
            status, words = await ask(route, owner)
            assert status < 400 or status == TOLD.get(route.name), f"{route.name} is there for who may see it"


def _filled(value: Any, ids: dict[str, str]) -> Any:
    return value.format_map(ids) if isinstance(value, str) else value
