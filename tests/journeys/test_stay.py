"""A bot among people who say nothing: everyone is told what it is, who comes later too, and it leaves with a goodbye.
And one that is asked to leave in the chat: it does, and who asked is kept."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from bot.config import Settings
from bot.conversation.notices import spoken_welcome
from bot.meeting.outcome import REASONS
from tests.bot.clocks import until
from tests.journeys.needs import real_parts
from tests.journeys.small_stage import SmallStage, small_stage

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240), *real_parts]
SILENCE_S = 20.0
END_S = 120.0


async def kept(stage: SmallStage, bot_id: str, kind: str) -> list[dict[str, Any]]:
    return [event["data"] for event in await stage.client.events(bot_id) if event["kind"] == kind]


async def among_silent_people(stage: SmallStage, all_are_there: asyncio.Event) -> dict[str, Any]:
    bot, _, room = await stage.send_bot()
    async with stage.guest(room, "Ada"):
        await until(lambda: kept(stage, bot["id"], "disclosure.spoken"), END_S)
        async with stage.guest(room, "Bo"):
            all_are_there.set()
            over = await stage.client.until_state(bot["id"], (), timeout_s=END_S)
    return {"bot": over, **await told(stage, bot["id"])}


async def sent_away_in_the_chat(stage: SmallStage) -> dict[str, Any]:
    bot, _, room = await stage.send_bot()
    async with stage.guest(room, "Ada") as ada:
        await until(lambda: kept(stage, bot["id"], "disclosure.written"), END_S)
        await ada.send_json({"type": "chat", "text": "Iris, please leave"})
        over = await stage.client.until_state(bot["id"], (), timeout_s=END_S)
    return {"bot": over, **await told(stage, bot["id"])}


async def told(stage: SmallStage, bot_id: str) -> dict[str, Any]:
    events, lines = await stage.client.events(bot_id), await stage.client.transcript(bot_id)
    return {"events": [(event["kind"], event["data"]) for event in events], "said": [line["text"] for line in lines]}


@pytest.fixture(scope="module")
def stays(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    async def play() -> dict[str, dict[str, Any]]:
        settings = replace(Settings(), home=tmp_path_factory.mktemp("s"), silence_timeout_s=SILENCE_S)
        async with small_stage(settings) as stage, asyncio.TaskGroup() as group:
            all_are_there = asyncio.Event()
            silence = group.create_task(among_silent_people(stage, all_are_there))
            await all_are_there.wait()  # the other bot has its meeting while this one waits in its own
            chat = await sent_away_in_the_chat(stage)
            return {"silence": await silence, "chat": chat}

    return asyncio.run(play())


@pytest.mark.acceptance
async def test_a_removal_keeps_what_the_page_showed(tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.mktemp("r")
    async with small_stage(replace(Settings(), home=home)) as stage:
        bot, _, room = await stage.send_bot()
        async with stage.guest(room, "Ada"):
            await until(lambda: kept(stage, bot["id"], "disclosure.written"), END_S)
            assert room.remove(bot["bot_name"])
            over = await stage.client.until_state(bot["id"], (), timeout_s=END_S)
        last = (await stage.client.events(bot["id"]))[-1]
    assert over["code"] == last["code"] == "removed_by_host" and last["data"]["rule"]
    assert last["data"]["evidence"] == [f"evidence/{bot['id']}/removed.{kind}" for kind in ("png", "html")]
    assert all((home / name).is_file() for name in last["data"]["evidence"])


def test_silence_ends_the_stay_with_a_goodbye(stays: dict[str, dict[str, Any]]) -> None:
    silence, rule = stays["silence"], REASONS["silence"]
    assert (silence["bot"]["state"], silence["bot"]["code"]) == ("ended", "silence")
    assert silence["bot"]["detail"] == rule.sentence
    assert silence["said"][-1] == rule.goodbye


def test_who_is_there_and_who_comes_later_are_told_by_voice_and_that_is_kept(stays: dict[str, dict[str, Any]]) -> None:
    spoken = [data for kind, data in stays["silence"]["events"] if kind == "disclosure.spoken"]
    written = [data for kind, data in stays["silence"]["events"] if kind == "disclosure.written"]
    assert [one["cut"] for one in spoken] == [False, False]
    assert spoken[1]["text"] == spoken_welcome("Iris") and spoken[0]["to"] == written[0]["to"]
    assert len(spoken[0]["to"]) == len(spoken[1]["to"]) == 1 and spoken[0]["to"] != spoken[1]["to"]


def test_who_is_asked_to_leave_leaves_and_keeps_who_asked(stays: dict[str, dict[str, Any]]) -> None:
    chat = stays["chat"]
    (asked,) = [data for kind, data in chat["events"] if kind == "asked.leave"]
    assert (asked["by"], asked["pii_name"], asked["written"]) == ("participant", "Ada", True)
    assert (chat["bot"]["state"], chat["bot"]["code"]) == ("ended", "said_goodbye")
