"""Bots through the API, as a client sends and reads."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.api.schemas import Transcript
from bot.domain.lifecycle import BotState
from bot.store import bots, leases, transcripts
from tests.bot.stores import NOW


async def test_a_bot_is_created_scheduled_for_now_under_the_characters_name(api):
    status, bot = await api.ask("POST", "/bots", json=api.new_bot(metadata={"crm": 7}))
    assert (status, bot["state"], bot["bot_name"], bot["metadata"]) == (201, "scheduled", "Iris (AI)", {"crm": 7})
    assert bot["join_at"] == NOW.isoformat().replace("+00:00", "Z")


async def test_a_callers_name_gets_the_disclosure(api):
    _, bot = await api.ask("POST", "/bots", json=api.new_bot(bot_name="Bob"))
    assert bot["bot_name"] == "Bob (AI)"


async def test_a_second_live_bot_for_the_meeting_is_a_conflict_that_names_the_first(api):
    _, first = await api.ask("POST", "/bots", json=api.new_bot())
    status, problem = await api.ask("POST", "/bots", json=api.new_bot())
    assert (status, problem["code"], problem["bot_id"]) == (409, "meeting_taken", first["id"])


async def test_a_meeting_is_the_same_however_its_link_is_spelled(api):
    wrapped = "https://nam02.safelinks.protection.outlook.com/?url=https%3A%2F%2Fmeet.google.com%2FAbc-defg-hij&data=x"
    _, first = await api.ask("POST", "/bots", json=api.new_bot(meeting_url=wrapped))
    status, problem = await api.ask("POST", "/bots", json=api.new_bot(meeting_url="Meet: abc-defg-hij"))
    assert first["meeting_url"] == "https://meet.google.com/abc-defg-hij"
    assert (status, problem["code"], problem["bot_id"]) == (409, "meeting_taken", first["id"])


async def test_of_many_at_once_for_one_meeting_one_is_made_and_all_are_told_its_id(api):
    answers = await asyncio.gather(*(api.ask("POST", "/bots", json=api.new_bot()) for _ in range(20)))
    made = [answer["id"] for status, answer in answers if status == 201]
    told = {answer["bot_id"] for status, answer in answers if status == 409}
    assert (len(made), told) == (1, set(made))


@pytest.mark.parametrize(
    ("field", "value", "status", "code"),
    [
        ("character_id", "5f6f1a52-0000-4000-8000-000000000000", 404, "unknown_character"),
        ("character_id", "nobody", 404, "unknown_character"),
        ("meeting_url", "ftp://meet.google.com/abc", 422, "bad_meeting_url"),
        ("meeting_url", "https://user@meet.google.com/abc", 422, "bad_meeting_url"),
        ("meeting_url", "https://meet.google.com/", 422, "bad_meeting_url"),
        ("bot_name", "\u200b", 422, "bad_bot_name"),
        ("join_at", "2024-01-01T00:00:00Z", 422, "bad_join_time"),
        ("join_at", "0001-01-01T00:00:00+14:00", 422, "bad_join_time"),
        ("join_at", "2026-11-21T10:00:00", 422, "invalid_request"),
        ("metadata", {"a": {"b": 1}}, 422, "invalid_request"),
        ("metadata", {"a": "\0"}, 422, "invalid_request"),
        ("metadata", {"a": "\ud800"}, 422, "invalid_request"),
        ("nickname", "Bob", 422, "invalid_request"),
    ],
)
async def test_what_cannot_be_used_is_a_typed_problem(api, field, value, status, code):
    answer = await api.ask("POST", "/bots", json=api.new_bot(**{field: value}))
    assert (answer[0], answer[1]["code"]) == (status, code)


async def test_an_unknown_field_is_named(api):
    _, problem = await api.ask("POST", "/bots", json=api.new_bot(nickname="Bob"))
    assert problem["errors"] == [{"pointer": "/nickname", "message": "Extra inputs are not permitted"}]


async def test_pages_of_the_list_meet(api):
    for number in range(3):
        await api.ask("POST", "/bots", json=api.new_bot(meeting_url=f"https://meet.google.com/{number}"))
    _, first = await api.ask("GET", "/bots?limit=2")
    _, second = await api.ask("GET", f"/bots?limit=2&cursor={first['next_cursor']}&state=scheduled")
    ids = [bot["id"] for bot in first["data"] + second["data"]]
    assert (len(set(ids)), first["has_more"], second["has_more"]) == (3, True, False)


async def test_those_to_come_are_listed_by_when_they_join_over_all_pages(api):
    for number, hours in enumerate([4, 1, 3, 1, 2]):  # two at once
        at = (NOW + timedelta(hours=hours)).isoformat()
        url = f"https://meet.google.com/{number}"
        await api.ask("POST", "/bots", json=api.new_bot(meeting_url=url, join_at=at, metadata={"h": hours}))
    gone = api.new_bot(meeting_url="https://meet.google.com/gone", join_at=(NOW + timedelta(hours=1)).isoformat())
    _, bot = await api.ask("POST", "/bots", json=gone)
    await api.ask("POST", f"/bots/{bot['id']}/leave")
    found, cursor = [], ""
    while cursor is not None:
        more = f"&cursor={cursor}" if cursor else ""
        _, page = await api.ask("GET", f"/bots?phase=upcoming&order=soonest&limit=2{more}")
        found, cursor = found + page["data"], page["next_cursor"]
        assert page["has_more"] is (cursor is not None)
    assert [one["metadata"]["h"] for one in found] == [1, 1, 2, 3, 4] and len({one["id"] for one in found}) == 5
    narrowed = "order=soonest&state=scheduled&join_at_gte=2026-11-21T12:00:00Z&limit=2"
    _, page = await api.ask("GET", f"/bots?{narrowed}")
    assert [one["metadata"]["h"] for one in page["data"]] == [2, 3] and page["has_more"]


async def test_a_cursor_is_refused_in_another_order_than_its_own(api):
    for number in range(2):
        await api.ask("POST", "/bots", json=api.new_bot(meeting_url=f"https://meet.google.com/{number}"))
    orders = {order: f"/bots?phase=upcoming&limit=1&order={order}" for order in ("newest", "soonest")}
    cursors = {order: (await api.ask("GET", asked))[1]["next_cursor"] for order, asked in orders.items()}
    for order, asked in orders.items():
        for other, cursor in cursors.items():
            status, problem = await api.ask("GET", f"{asked}&cursor={cursor}")
            if order == other:
                assert status == 200
            else:
                assert (status, problem["errors"][0]["pointer"]) == (422, "query/cursor")


@pytest.mark.parametrize("query", ["", "&phase=live", "&phase=ended", "&state=in_call", "&phase=live&state=scheduled"])
async def test_only_those_to_come_are_listed_by_when_they_join(api, query):
    status, problem = await api.ask("GET", f"/bots?order=soonest{query}")
    assert (status, problem["code"]) == (422, "invalid_request") and "phase=upcoming" in str(problem["errors"])


@pytest.mark.parametrize(
    "query",
    [
        "order=latest",
        "phase=upcoming&order=soonest&cursor=W10",
        "cursor=%00",
        "cursor=W10",
        "limit=0",
        "limit=1&limit=2",
        "state=asleep",
        "x=1",
    ],
)
async def test_a_query_that_cannot_be_used_is_refused(api, query):
    status, problem = await api.ask("GET", f"/bots?{query}")
    assert (status, problem["code"]) == (422, "invalid_request")


async def test_a_bot_of_another_workspace_does_not_exist(api):
    _, bot = await api.ask("POST", "/bots", json=api.new_bot())
    stranger = await api.with_key(workspace="other")
    for method, path in (
        ("GET", ""),
        ("GET", "/events"),
        ("GET", "/transcript"),
        ("GET", "/turns"),
        ("GET", "/turns.jsonl"),
        ("POST", "/leave"),
        ("POST", "/kill"),
    ):
        status, problem = await stranger.ask(method, f"/bots/{bot['id']}{path}")
        assert (status, problem["code"]) == (404, "unknown_bot")


async def test_a_bot_that_has_not_started_is_cancelled_by_leave_and_leave_is_safe_twice(api):
    _, bot = await api.ask("POST", "/bots", json=api.new_bot())
    answers = [await api.ask("POST", f"/bots/{bot['id']}/leave") for _ in range(2)]
    assert [(status, seen["state"], seen["code"]) for status, seen in answers] == [
        (202, "cancelled", "asked_to_leave")
    ] * 2


async def test_events_and_transcript_are_read_from_where_the_client_is(api):
    _, bot = await api.ask("POST", "/bots", json=api.new_bot())
    segment = transcripts.Segment(
        speaker_id="1", speaker_name="Ada", text="<b>hi</b>", start_ms=0, end_ms=9, source="test", confidence=0.5
    )
    async with api.store.database.write() as session:
        launch_by = NOW + timedelta(seconds=9)
        await leases.claim_due(session, owner="d", data={"p": 1}, due_by=NOW, now=NOW, launch_by=launch_by, limit=1)
        await transcripts.append(session, bot["id"], attempt=1, segment=segment)
    _, events = await api.ask("GET", f"/bots/{bot['id']}/events?after=1")
    _, transcript = await api.ask("GET", f"/bots/{bot['id']}/transcript")
    assert [(event["sequence"], event["state"], event["data"]) for event in events["data"]] == [
        (2, "claimed", {"p": 1})
    ]
    assert [(one["sequence"], one["text"]) for one in transcript["data"]] == [(1, "<b>hi</b>")]


async def in_a_meeting(api, meeting):
    """A bot whose process has begun."""
    url = f"https://meet.google.com/{meeting}"
    _, bot = await api.ask("POST", "/bots", json=api.new_bot(meeting_url=url))
    async with api.store.database.write() as session:
        launch_by = NOW + timedelta(seconds=9)
        await leases.claim_due(session, owner="d", data={}, due_by=NOW, now=NOW, launch_by=launch_by, limit=1)
        await bots.move(session, bot["id"], attempt=1, to=BotState.STARTING, at=NOW)
    return bot["id"]


async def asked(api, bot_id):
    _, events = await api.ask("GET", f"/bots/{bot_id}/events")
    return [event["data"] for event in events["data"] if event["kind"] == "asked.kill"]


async def test_a_kill_is_a_command_with_the_name_of_who_gave_it(api):
    bot_id = await in_a_meeting(api, "abc-defg-hij")
    status, bot = await api.ask("POST", f"/bots/{bot_id}/kill")
    assert (status, bot["state"]) == (202, "starting")
    (data,) = await asked(api, bot_id)
    assert (data["by"], data["key_name"]) == ("api_key", "test") and data["key_id"]
    async with api.store.database.read() as session:
        (standing,) = await leases.standing(session, [bot_id])
    assert standing.command == "kill"


@pytest.mark.parametrize("scheduled", [False, True])
async def test_killing_all_reaches_those_at_work_and_others_only_when_told(api, scheduled):
    later = api.new_bot(meeting_url="https://meet.google.com/later", join_at=(NOW + timedelta(days=1)).isoformat())
    at_work = await in_a_meeting(api, "one")
    _, tomorrow = await api.ask("POST", "/bots", json=later)
    _, now = await api.ask("POST", "/bots", json=api.new_bot(meeting_url="https://meet.google.com/two"))
    stranger = await api.with_key(workspace="other")
    _, none = await stranger.ask("POST", "/kill", json={})
    status, killed = await api.ask("POST", "/kill", json={"scheduled": scheduled})
    reached = {bot["id"]: (bot["state"], bot["code"]) for bot in killed["data"]}
    cancelled = ("cancelled", "killed")
    assert (status, none["data"]) == (202, [])
    assert reached == {at_work: ("starting", None), now["id"]: cancelled} | (
        {tomorrow["id"]: cancelled} if scheduled else {}
    )
    assert [data["all"] for data in await asked(api, at_work)] == [True]


async def test_a_bot_whose_files_cannot_be_removed_is_not_erased_and_no_path_is_told(api, tmp_path):
    _, bot = await api.ask("POST", "/bots", json=api.new_bot())
    await api.ask("POST", f"/bots/{bot['id']}/leave", json={})
    in_the_way = tmp_path / "evidence" / bot["id"]
    in_the_way.parent.mkdir()
    in_the_way.write_text("no folder: nobody's rmtree removes it")
    status, problem = await api.ask("POST", f"/bots/{bot['id']}/erase")
    assert (status, problem["code"]) == (500, "files_stay") and "cannot be removed" in problem["detail"]
    assert "evidence" not in str(problem)
    _, seen = await api.ask("GET", f"/bots/{bot['id']}")
    assert (seen["state"], seen["meeting_url"]) == ("cancelled", bot["meeting_url"])
    in_the_way.unlink()
    _, erased = await api.ask("POST", f"/bots/{bot['id']}/erase")
    assert erased["state"] == "data_deleted"


async def test_leave_takes_no_word_that_means_something_else(api):
    status, problem = await api.ask("POST", "/bots/1/leave", json={"kill": True})
    assert (status, problem["code"]) == (422, "invalid_request")


async def test_a_transcript_shows_what_holds_and_on_request_what_was_corrected(api):
    _, bot = await api.ask("POST", "/bots", json=api.new_bot())
    said = transcripts.Segment(
        speaker_id="unknown", speaker_name="Someone", text="hi", start_ms=0, end_ms=9, source="acoustic"
    )
    known = replace(said, speaker_id="1", speaker_name="Ada", source="platform", speaker_confidence=0.9, supersedes=1)
    async with api.store.database.write() as session:
        launch_by = NOW + timedelta(seconds=9)
        await leases.claim_due(session, owner="d", data={}, due_by=NOW, now=NOW, launch_by=launch_by, limit=1)
        for segment in (said, known):
            await transcripts.append(session, bot["id"], attempt=1, segment=segment)
    _, now = await api.ask("GET", f"/bots/{bot['id']}/transcript")
    _, history = await api.ask("GET", f"/bots/{bot['id']}/transcript?history=true")
    assert [(one["sequence"], one["speaker_name"], one["source"]) for one in now["data"]] == [(2, "Ada", "platform")]
    assert (now["data"][0]["supersedes"], now["data"][0]["speaker_confidence"]) == (1, 0.9)
    assert [one["sequence"] for one in history["data"]] == [1, 2]
    assert Transcript.model_validate(history).model_dump(mode="json") == history, "as it is described"
    _, page = await api.ask("GET", f"/bots/{bot['id']}/transcript?history=true&limit=1")
    assert ([one["sequence"] for one in page["data"]], page["has_more"], history["has_more"]) == ([1], True, False)
    async with api.store.database.write() as session:
        await transcripts.append(session, bot["id"], attempt=1, segment=replace(known, text="", supersedes=2))
    _, begun = await api.ask("GET", f"/bots/{bot['id']}/transcript")
    _, followed = await api.ask("GET", f"/bots/{bot['id']}/transcript?after=2")
    assert begun["data"] == [] and [(one["text"], one["supersedes"]) for one in followed["data"]] == [("", 2)]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("deduplication_key=deal-1", [1]),
        ("join_at_gte=2026-11-21T11:00:00Z", [2, 1]),
        ("join_at_gte=2026-11-21T11:00:00Z&join_at_lt=2026-11-21T12:00:00Z", [1]),
        ("updated_after=2026-11-21T10:00:00Z", []),
        ("character_id=5f6f1a52-0000-4000-8000-000000000000", []),
    ],
)
async def test_a_list_is_narrowed_by_what_the_client_asks_for(api, query, found):
    for number in range(3):
        url, at = f"https://meet.google.com/{number}", (NOW + timedelta(hours=number)).isoformat()
        body = api.new_bot(meeting_url=url, join_at=at, deduplication_key=f"deal-{number}", metadata={"n": number})
        await api.ask("POST", "/bots", json=body)
    _, listed = await api.ask("GET", f"/bots?{query}")
    assert sorted(bot["metadata"]["n"] for bot in listed["data"]) == sorted(found)
