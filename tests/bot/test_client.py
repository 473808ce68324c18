"""The Python client and its command line against a real server: typed, paged, repeated where that is safe."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.client import ApiError, ApiUnreachable, Client, Rules, first, hold
from bot.client.connection import LINES
from bot.commands import bots as command
from bot.config import Settings
from bot.domain.lifecycle import BotState
from bot.store import bots, leases, tables, webhook_deliveries, webhook_endpoints
from bot.store.webhook_deliveries import Attempt, DeliveryState, Verdict
from tests.bot.api import test_calendars as calendars
from tests.bot.api.dashboard_server import dashboard_on
from tests.bot.api.test_live import key_of
from tests.bot.api.test_turns import kept_turns
from tests.bot.calendars.desk import event
from tests.bot.clocks import HandClock
from tests.bot.store.test_dashboard import HELLO, in_call
from tests.bot.stores import NOW, Seeded

LINK = "https://meet.google.com/abc-defg-hij"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(16)


class Served:
    def __init__(self, url: str, key: str, store: Seeded) -> None:
        self.url, self.key, self.store = url, key, store

    def client(self, url: str = "") -> Client:
        return Client(url or self.url, self.key, clock=HandClock())

    async def command(self, home: Path, *words: str) -> None:
        (home / "key").write_text(self.key)
        parser = argparse.ArgumentParser()
        command.arguments(parser)
        given = ["--api", self.url, "--key-file", str(home / "key"), *words]
        await command._run(parser.parse_args(given), Settings(home=home))


@pytest.fixture
async def served(sqlite_store: Seeded, tmp_path: Path) -> AsyncIterator[Served]:
    async with dashboard_on(sqlite_store, tmp_path) as server:
        yield Served(server.origin, await key_of(sqlite_store), sqlite_store)


async def test_a_bot_is_sent_listed_moved_and_taken_back(served: Served) -> None:
    async with served.client() as client:
        (iris,) = await client.characters()
        bot = await client.send(meeting_url=LINK, character_id=iris.id, join_at=NOW + timedelta(hours=1))
        assert (bot.state, bot.join_at, bot.bot_name) == ("scheduled", NOW + timedelta(hours=1), "Iris (AI)")
        assert [one.id async for one in client.bots(phase="upcoming")] == [bot.id]
        assert (await client.move(bot.id, NOW + timedelta(hours=2))).join_at == NOW + timedelta(hours=2)
        assert (await client.leave(bot.id)).state == "cancelled"
        assert [event.kind async for event in client.events(bot.id)] == ["state", "retimed", "state"]
        assert (await client.erase(bot.id)).state == "data_deleted"


async def test_a_no_is_an_error_with_the_code_and_the_bot_that_is_there(served: Served) -> None:
    async with served.client() as client:
        wanted = {"meeting_url": LINK, "character_id": served.store.character.id}
        bot = await client.send(**wanted)
        with pytest.raises(ApiError) as refused:
            await client.send(**wanted)
    assert (refused.value.status, refused.value.code) == (409, "meeting_taken")
    assert refused.value.problem["bot_id"] == bot.id


@pytest.mark.slow
@pytest.mark.parallel
async def test_a_list_is_read_page_by_page(served: Served) -> None:
    made = {(await served.store.bot(f"m-{number}")).id for number in range(103)}
    async with served.client() as client:
        assert {bot.id async for bot in client.bots()} == made
        assert len(await first(client.bots(), 7)) == 7


@pytest.mark.slow
@pytest.mark.parallel
async def test_those_to_come_are_read_page_by_page_by_when_they_join(
    served: Served, tmp_path: Path, capsys: Any
) -> None:
    days = [number * 7 % 103 + 1 for number in range(103)]
    made = [await served.store.bot(f"m-{day}", join_at=NOW + timedelta(days=day)) for day in days]
    wanted = [bot.id for bot in sorted(made, key=lambda bot: bot.join_at)]
    async with served.client() as client:
        assert [bot.id async for bot in client.bots(phase="upcoming", order="soonest")] == wanted
    await served.command(tmp_path, "list", "--phase", "upcoming", "--limit", "3")
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == wanted[:3]


async def test_a_request_whose_answer_is_lost_is_sent_again_with_its_key(served: Served) -> None:
    keys: list[str] = []

    async def lossy(request: web.Request) -> web.Response:
        keys.append(request.headers["Idempotency-Key"])
        if len(keys) == 1:
            assert request.transport is not None
            request.transport.abort()
        return web.json_response({"code": "unavailable"}, status=503) if len(keys) < 3 else web.json_response(ANSWER)

    app = web.Application()
    app.router.add_post("/api/v1/bots", lossy)
    async with TestServer(app) as server, served.client(f"http://{server.host}:{server.port}") as client:
        assert (await client.send(meeting_url=LINK, character_id="1")).id == "b"
    assert len(keys) == 3 and len(set(keys)) == 1


async def test_a_stream_is_taken_up_again_from_a_server_that_had_too_much_to_do(served: Served) -> None:
    asked: list[str] = []

    async def live(request: web.Request) -> web.Response:
        asked.append(request.path)
        said = web.Response(text="id: 1\nevent: hello\ndata: {}\n\n", content_type="text/event-stream")
        return web.json_response({"code": "unavailable"}, status=503) if len(asked) < 3 else said

    app = web.Application()
    app.router.add_get("/api/v1/live", live)
    async with TestServer(app) as server, served.client(f"http://{server.host}:{server.port}") as client:
        assert (await anext(client.follow())).topic == "hello"


ANSWER: dict[str, Any] = dict.fromkeys(("code", "deduplication_key", "joined_at", "ended_at"))
ANSWER |= {"id": "b", "state": "scheduled", "detail": "", "attempt": 0, "meeting_url": LINK, "character_id": "1"}
ANSWER |= {"bot_name": "Iris (AI)", "metadata": {}, "new_in_a_later_version": 1}
ANSWER |= {"join_at": "2026-11-21T10:00:00Z", "created_at": "2026-11-21T10:00:00Z"}


async def test_a_server_that_is_not_there_is_given_up_after_some_tries(served: Served) -> None:
    async with served.client("http://127.0.0.1:9") as client:
        with pytest.raises(ApiUnreachable):
            await client.bot("1")


async def test_what_happens_is_followed(served: Served) -> None:
    bot = await served.store.bot()
    async with served.client() as client:
        changes = client.follow()
        assert (await anext(changes)).topic == "hello"
        async with served.store.database.write() as session:
            await leases.claim_due(session, owner="d", data={}, due_by=NOW, now=NOW, launch_by=NOW, limit=1)
            await bots.move(session, bot.id, attempt=1, to=BotState.STARTING, at=NOW)
        states = []
        async for change in changes:
            states += [change.data["state"]] if change.topic == "event" else []
            if "starting" in states:
                break
    assert states[-2:] == ["claimed", "starting"]


async def test_the_command_line_sends_and_lists(served: Served, tmp_path: Path, capsys: Any) -> None:
    await served.command(tmp_path, "send", LINK, "--at", "2026-11-21T11:00Z")
    await served.command(tmp_path, "list", "--phase", "upcoming")
    sent, listed = capsys.readouterr().out.splitlines()
    assert sent == listed and sent.split()[1:4] == ["scheduled", "2026-11-21", "11:00"]


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ({"sequence": 3, "text": "hello", "supersedes": None}, "[3] Ada: hello"),
        ({"sequence": 4, "text": "hallo", "supersedes": 3}, "[4 instead of 3] Ada: hallo"),
        ({"sequence": 5, "text": "", "supersedes": 4}, "-- 4 is taken back"),
    ],
)
def test_a_line_that_is_watched_names_the_one_it_corrects(said: dict[str, Any], shown: str) -> None:
    assert command._told({"speaker_name": "Ada", **said}) == shown


async def test_all_bots_are_killed_and_those_to_come_when_asked(served: Served) -> None:
    now = await served.store.bot("now")
    later = await served.store.bot("later", join_at=NOW + timedelta(hours=1))
    async with served.client() as client:
        assert [bot.id for bot in await client.kill_all()] == [now.id]
        assert [(bot.id, bot.state) for bot in await client.kill_all(scheduled=True)] == [(later.id, "cancelled")]


async def test_turns_are_read_page_by_page_with_words_or_without(served: Served) -> None:
    bot_id = await kept_turns(served, LINES + 3)
    async with served.client() as client:
        turns = [turn async for turn in client.turns(bot_id)]
        bare = [turn async for turn in client.turns(bot_id, after=turns[-3].sequence, words=False)]
    assert [turn.epoch for turn in turns] == [*range(1, LINES + 4), None]
    assert turns[0].record["answer"] == "Nobody." and [turn.epoch for turn in bare] == [LINES + 3, None]
    assert "answer" not in bare[0].record


async def test_a_transcript_is_what_holds_over_its_pages_and_for_who_follows(served: Served) -> None:
    bot, last = await in_call(served.store), LINES + 5  # what is taken back is behind the first page
    async with served.store.database.write() as session:
        said = [(f"{number}", None) for number in range(1, last + 1)] + [("", 2), ("by Bob", 3)]
        mine = {"bot_id": bot.id, "workspace_id": bot.workspace_id, "attempt": 1}
        rows = [
            {**mine, "sequence": sequence, **asdict(replace(HELLO, text=text, supersedes=corrected))}
            for sequence, (text, corrected) in enumerate(said, 1)
        ]
        await session.execute(sa.insert(tables.transcript_segments), rows)
    async with served.client() as client:
        holds = [one.text async for one in client.transcript(bot.id)]
        kept = {one.sequence: one for one in await first(client.transcript(bot.id, history=True), 5)}
        async for one in client.transcript(bot.id, after=5):
            hold(kept, one)
    assert holds == ["1", *(f"{number}" for number in range(4, last + 1)), "by Bob"]
    assert [one.text for one in kept.values()] == holds


async def test_a_character_is_made_of_a_picture_and_given_something_to_know(served: Served) -> None:
    async with served.client() as client:
        new: dict[str, Any] = {"image": PNG, "likeness": "fictional", "aliases": ["Mylo"], "consent_expires_at": NOW}
        milo = await client.create_character(name="Milo", **new)
        assert (await client.character(milo.id)) == milo and milo.consent_expires_at == NOW
        assert await client.character_image(milo.id) == PNG
        added = await client.add_document(milo.id, name="prices.md", text="A seat is 9 euros.")
        assert await client.documents(milo.id) == [added]


async def test_what_a_bot_saw_is_read_as_it_is(served: Served, tmp_path: Path) -> None:
    bot = await served.store.bot()
    (tmp_path / "evidence" / bot.id).mkdir(parents=True)
    (tmp_path / "evidence" / bot.id / "denied.png").write_bytes(PNG)
    async with served.client() as client:
        assert await client.evidence(bot.id, "denied.png") == PNG
        with pytest.raises(ApiError) as refused:
            await client.picture(bot.id)
    assert refused.value.code == "no_picture"


async def test_a_key_is_told_once_opens_and_is_revoked(served: Served) -> None:
    async with served.client() as client:
        made = await client.create_key(name="CRM", scopes=["bots:read"], expires_at=NOW + timedelta(days=1))
        assert made.key not in repr(made)
        async with Client(served.url, made.key, clock=HandClock()) as other:
            assert [bot async for bot in other.bots()] == []
            assert (await client.revoke_key(made.id)).revoked_at == NOW
            with pytest.raises(ApiError) as refused:
                await first(other.bots(), 1)
        assert refused.value.code == "unauthorized"
        assert made.id not in [key.id for key in await client.keys()]
        assert made.id in [key.id for key in await client.keys(over=True)]


async def test_a_calendar_is_connected_its_rules_changed_and_it_is_forgotten(served: Served) -> None:
    iris = served.store.character.id
    async with served.client() as client:
        made = await client.connect_calendar(url=calendars.URL, character_id=iris, rules=Rules(keywords=["review"]))
        assert await client.calendars() == [made] == [await client.calendar(made.id)]
        rules = replace(made.rules, join="accepted")
        assert (await client.change_calendar(made.id, rules=rules, name="Ann")).rules == rules
        changed = await client.change_calendar(made.id, owner="ann@own.org")
        assert (changed.name, changed.owner, changed.rules) == ("Ann", "ann@own.org", rules)
        assert (await client.sync_calendar(made.id)).next_sync_at == NOW
        assert (await client.disconnect_calendar(made.id)).id == made.id
        assert await client.calendars() == []
        asked = await client.consent_url("google", owner="ann@own.org", character_id=iris)
        assert "/calendars/google/begin?asked=" in asked


async def test_an_event_says_why_a_bot_joins_and_is_decided_otherwise(served: Served) -> None:
    async with served.client() as client:
        made = await client.connect_calendar(
            url=calendars.URL, character_id=served.store.character.id, rules=Rules(join="all")
        )
        await calendars.read(served, {"id": made.id}, event(), event("b", 90, room=None))
        one, without = await client.calendar_events(calendar_id=made.id)
        assert await client.calendar_events(limit=1) == [one]
        assert (one.verdict, one.starts_at, one.chosen_link) == ("join", NOW + timedelta(hours=1), one.links[0])
        assert (without.verdict, without.links, without.chosen_link) == ("stay_away", [], None)
        assert (await client.override_calendar_event(one.id, False)).reason == "kept_away"
        assert (await client.calendar_event(one.id)).override is False
        assert (await client.override_calendar_event(one.id, None)).override is None


async def test_a_webhook_is_made_changed_and_removed_and_its_secret_told_once(served: Served) -> None:
    async with served.client() as client:
        made = await client.create_webhook(url="https://hooks.example.com/x", events=["bot.ended"])
        assert made.secret.startswith("whsec_") and made.secret not in repr(made)
        changed = await client.change_webhook(made.id, description="CRM", enabled=False)
        assert (changed.events, changed.disabled_reason) == (["bot.ended"], "by_user")
        with pytest.raises(ApiError) as refused:
            await client.test_webhook(made.id)
        assert refused.value.code == "endpoint_disabled"
        rotated = await client.rotate_webhook_secret(made.id, overlap_s=3600)
        assert rotated.secret != made.secret and rotated.previous_secret_until == NOW + timedelta(hours=1)
        assert [one.id for one in await client.webhooks()] == [(await client.webhook(made.id)).id]
        assert (await client.remove_webhook(made.id)).id == made.id
        assert await client.webhooks() == []


async def test_what_was_sent_to_a_webhook_is_looked_into_and_sent_again(served: Served) -> None:
    async with served.client() as client:
        made = await client.create_webhook(url="https://hooks.example.com/x")
        sent = await client.test_webhook(made.id)
        async with served.store.database.write() as session:
            ((taken, _),) = await webhook_deliveries.take(
                session, now=NOW, hide_s=60.0, limit=1, per_endpoint=1, per_workspace=1
            )
            failed = Attempt(number=1, at=NOW, status=500, error="receiver_failed", answer="oh", duration_ms=7)
            await webhook_deliveries.conclude(session, taken, failed, Verdict(state=DeliveryState.FAILED), now=NOW)
        detail = await client.delivery(made.id, sent.id)
        assert (detail.state, detail.body["type"], detail.next_at) == ("failed", "webhook.test", None)
        assert [(one.number, one.at, one.status, one.answer) for one in detail.attempts] == [(1, NOW, 500, "oh")]
        assert [await client.replay_webhook(made.id, since=NOW, state=state) for state in ("delivered", "failed")] == [
            0,
            1,
        ]
        again = await client.replay_delivery(made.id, sent.id)
        assert (again.state, again.event_id) == ("waiting", sent.event_id)


async def test_deliveries_are_read_page_by_page(served: Served) -> None:
    async with served.client() as client:
        made = await client.create_webhook(url="https://hooks.example.com/x")
        mine = {"workspace_id": served.store.workspace.id}
        async with served.store.database.write() as session:
            endpoint = await webhook_endpoints.lock_one(session, made.id, **mine)
            for _ in range(103):
                await webhook_deliveries.add(session, endpoint, event_type="webhook.test", data={}, now=NOW)
                endpoint = await webhook_endpoints.lock_one(session, made.id, **mine)
        assert [one.sequence async for one in client.deliveries(made.id)] == [*range(103, 0, -1)]
        assert [one async for one in client.deliveries(made.id, state="failed")] == []


async def test_who_changed_what_is_read_in_order(served: Served) -> None:
    async with served.client() as client:
        made = await client.create_key(name="CRM", scopes=["bots:read"])
        await client.revoke_key(made.id)
        one, two = [entry async for entry in client.audit()]
        assert (one.action, two.action, two.object) == ("create_key", "revoke_key", f"/keys/{made.id}")
        assert two.previous_sha256 == one.sha256
        assert [entry async for entry in client.audit(after=one.sequence)] == [two]
