"""Hostile text in every text the API takes: refused by name or kept and given back, never a fault of the server's."""

from __future__ import annotations

import base64
import json
from itertools import count
from typing import Any

import pytest

from bot.api.app import ROUTES
from tests.bot.api.test_bots import in_a_meeting
from tests.bot.meeting.test_hostile_words import HOSTILE

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(16)).decode()
FAR = {"first": "0001-01-01T00:00:00+14:00", "last": "9999-12-31T23:59:59-14:00", "zone": "2026-11-21T10:00:00+23:59"}
HUGE = {"long": 10**400, "deep": "[" * 900, "many": ["x"] * 10_000, "exponent": 1e308, "negative": -(2**63) - 1}

NUMBERS = count()

# A good body of every route that takes one; each text in it is replaced in turn.
GOOD: dict[str, dict[str, Any]] = {
    "create_bot": {"bot_name": "Bob", "metadata": {"crm": "7"}, "join_at": "2026-11-21T11:00:00Z"}
    | {"deduplication_key": "crm-7"},
    "create_character": {
        "name": "Milo",
        "image_base64": PNG,
        "aliases": ["Mylo"],
        "persona": "Calm.",
        "greeting": "Hello.",
        "voice": "en",
        "likeness": "consented",
        "consent_proof": "a letter",
        "consent_expires_at": "2030-01-01T00:00:00Z",
    },
    "make_portrait": {"points": "{}", "style": "photo"},
    "renew_consent": {"likeness": "self", "consent_proof": "a letter", "consent_expires_at": "2030-01-01T00:00:00Z"},
    "add_document": {"name": "tea.md", "text": "Green tea.", "media_type": "text/markdown"},
    "retime_bot": {"join_at": "2026-11-21T11:00:00Z"},
    "make_bot_leave": {},
    "make_bot_say": {"text": "Hello."},
    "kill_all_bots": {},
    "create_webhook": {"url": "https://hooks.example.com/", "description": "CRM", "events": ["bot.ended"]},
    "change_webhook": {"url": "https://hooks.example.com/", "description": "CRM", "events": ["bot.ended"]},
    "rotate_webhook_secret": {},
    "test_webhook": {},
    "replay_webhooks": {"since": "2026-11-21T11:00:00Z", "state": "failed"},
    "connect_calendar": {
        "url": "https://calendar.example.com/a.ics",
        "name": "Ann",
        "owner": "ann@example.com",
        "rules": {"join": "all", "keywords": ["review"], "series": {"a": True}, "bot_mailbox": "bot@example.com"},
    },
    "change_calendar": {"name": "Ann", "owner": "ann@example.com", "rules": {"never_keywords": ["secret"]}},
    "connect_google_calendar": {
        "owner": "ann@example.com",
        "calendar": "primary",
        "rules": {"join": "all", "domains": ["example.com"]},
    },
    "connect_microsoft_calendar": {
        "owner": "ann@example.com",
        "calendar": "primary",
        "rules": {"join": "all", "domains": ["example.com"]},
    },
    "sync_calendar": {},
    "override_calendar_event": {},
    "create_key": {"name": "CRM", "scopes": ["bots:read"], "expires_at": "2030-01-01T00:00:00Z"},
}


def variants(body: Any, value: Any) -> list[Any]:
    """The body once for each text in it, keys too, with `value` there."""
    found = []
    for name, one in body.items():
        if isinstance(one, str):
            found.append({**body, name: value})
        elif isinstance(one, list):
            found.append({**body, name: [value]})
        elif isinstance(one, dict):
            found += [{**body, name: changed} for changed in variants(one, value)]
            if isinstance(value, str):
                found.append({**body, name: {value: "x"}})
    return found


def fresh(api: Any, name: str) -> dict[str, Any]:
    """The good example, of something that is not there yet."""
    number = next(NUMBERS)
    new = {
        "create_bot": api.new_bot(meeting_url=f"https://meet.google.com/m-{number}"),
        "create_character": {"name": f"Milo {number}"},
        "connect_google_calendar": {"character_id": api.store.character.id},
        "connect_microsoft_calendar": {"character_id": api.store.character.id},
        "connect_calendar": {
            "character_id": api.store.character.id,
            "url": f"https://calendar.example.com/{number}.ics",
        },
    }
    return GOOD[name] | new.get(name, {})


def documented(name: str) -> set[int]:
    route = next(route for route in ROUTES if route.name == name)
    return {route.status, *(error.http_status for error in route.all_errors)} - {500, 503}


def test_every_body_has_its_good_example() -> None:
    assert GOOD.keys() == {route.name for route in ROUTES if route.takes_body}


@pytest.mark.slow
@pytest.mark.parallel
@pytest.mark.parametrize("name", [name for name, body in GOOD.items() if body])
async def test_hostile_values_are_refused_by_name_or_kept(api: Any, name: str) -> None:
    bot_id = await in_a_meeting(api, "hostile")
    route = next(route for route in ROUTES if route.name == name)
    status, hook = await api.ask("POST", "/webhooks", json=GOOD["create_webhook"])
    assert status == 201, hook
    status, calendar = await api.ask("POST", "/calendars", json=fresh(api, "connect_calendar"))
    assert status == 201, calendar
    ids = {"bot_id": bot_id, "character_id": api.store.character.id, "endpoint_id": hook["id"]}
    path = route.path.format(**ids, calendar_id=calendar["id"])
    for value in (*HOSTILE.values(), *FAR.values(), *HUGE.values()):
        for body in variants(fresh(api, name), value):
            status, answer = await api.ask(route.method, path, data=_json(body), headers=JSON)
            assert status in documented(name), (status, value if len(str(value)) < 99 else "long", answer)
            assert "\0" not in json.dumps(answer) and "Traceback" not in str(answer)
    for listed in ("/bots", "/characters", f"/bots/{bot_id}/events", f"/characters/{api.store.character.id}/documents"):
        assert (await api.ask("GET", listed))[0] == 200, "what was kept can be shown"


JSON = {"Content-Type": "application/json"}


def _json(body: Any) -> bytes:
    return json.dumps(body).encode()


@pytest.mark.slow
@pytest.mark.parallel
async def test_a_megabyte_is_a_document_and_more_is_too_large(api: Any) -> None:
    path = f"/characters/{api.store.character.id}/documents"
    text = "<b>\u202e na\u00efve\x07</b>\n" * 62_500
    for length, expected in ((1_000_000, 201), (1_000_001, 422), (4_000_001, 413)):
        body = {"name": "big.md", "text": (text * 5)[:length]}
        answer = await api.ask("POST", path, data=json.dumps(body, ensure_ascii=False).encode(), headers=JSON)
        assert answer[0] == expected, answer[1]


@pytest.mark.parametrize("at", FAR.values(), ids=FAR.keys())
async def test_a_cursor_made_up_for_the_edge_of_time_is_refused_or_ends_the_list(api: Any, at: str) -> None:
    made_up = base64.urlsafe_b64encode(json.dumps([at, "\0' OR 1=1 --"]).encode()).decode().rstrip("=")
    status, answer = await api.ask("GET", f"/bots?cursor={made_up}")
    assert status == (200 if at == FAR["zone"] else 422), answer
