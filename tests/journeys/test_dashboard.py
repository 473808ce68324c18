"""From the link that `up` prints to a talking bot in a few clicks, and one click to silence in the meeting."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bot.config import Settings
from tests.journeys.needs import real_parts
from tests.journeys.small_stage import small_stage
from tests.journeys.watching import LINE, Watched, listener, watch

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400), *real_parts]
MOST_CLICKS = 8
SILENT_WITHIN_S = 3.0


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    async def play() -> Watched:
        folder = tmp_path_factory.mktemp("d")
        async with listener(folder) as (browser, devices):  # first: the bot host ends later children of this process
            async with small_stage(replace(Settings(), home=folder / "home")) as stage:
                return await watch(stage, browser, devices)

    return asyncio.run(play())


def test_a_talking_bot_is_a_few_clicks_away(watched: Watched) -> None:
    print(f"clicks to a talking bot {watched.clicks_to_talk}, with its stop {watched.clicks}")
    assert watched.clicks_to_talk <= watched.clicks <= MOST_CLICKS
    assert "an AI" in watched.said[0]["text"]


def test_stop_silences_it_in_the_middle_of_a_line(watched: Watched) -> None:
    print(f"silence in the meeting {watched.silent_s - watched.stop_s:.2f} s after the click on stop")
    last = watched.said[-1]
    assert last["cut"] and LINE.startswith(last["text"].split()[0]) and len(last["text"]) < len(LINE)
    assert watched.stop_s < watched.silent_s < watched.over_s
    assert watched.silent_s - watched.stop_s < SILENT_WITHIN_S


def test_who_stopped_it_is_on_the_record(watched: Watched) -> None:
    assert (watched.bot["state"], watched.bot["code"]) == ("ended", "killed")
    assert watched.events.index("asked.say") < watched.events.index("asked.kill")
