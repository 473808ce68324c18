"""The kill switch on real parts: a bot that hangs while it speaks falls silent, loses its face and is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from bot.config import Settings
from tests.journeys.hanging import HANGING, TONE_S
from tests.journeys.killing import Kill, kill_while_blocked
from tests.journeys.needs import real_parts
from tests.journeys.small_stage import small_stage

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240), *real_parts]


@pytest.fixture(scope="module")
def kill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kill]:
    async def killed() -> Kill:
        settings = replace(Settings(), home=tmp_path_factory.mktemp("k"), camera_path="file")
        async with small_stage(settings, argv=HANGING, engine="hanging") as stage:
            return await kill_while_blocked(stage)

    yield asyncio.run(killed())


def test_it_falls_silent_long_before_its_sound_would_end_while_the_loop_stays_blocked(kill: Kill) -> None:
    assert kill.tone_began_s < kill.asked_s < kill.silent_s < kill.tone_began_s + TONE_S - 0.5
    assert not kill.went_on


def test_the_picture_is_the_neutral_one_with_the_badge(kill: Kill) -> None:
    assert kill.asked_s < kill.neutral_s
    assert np.array_equal(kill.picture, kill.expected_picture)
    assert len(np.unique(kill.picture)) > 2, "more than one plain colour: the badge is on it"


def test_the_bot_is_recorded_as_killed_by_whom_and_ended_by_force(kill: Kill) -> None:
    assert (kill.bot["state"], kill.bot["code"], kill.bot["sub_code"]) == ("ended", "killed", "by_force")
    kinds = [event["kind"] for event in kill.events]
    assert kinds.index("asked.kill") < kinds.index("kill.signalled") < len(kinds) - 1
    assert next(event["data"]["by"] for event in kill.events if event["kind"] == "asked.kill") == "api_key"


def test_nothing_of_it_stays(kill: Kill) -> None:
    assert not kill.camera_folder.exists()
