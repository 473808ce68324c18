"""Whatever is killed, every bot ends in its right state, none is doubled or lost, and every event arrives in order."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from bot.domain.lifecycle import BotState, can_move
from tests.bot.scheduling.chaos.stage import Report, play
from tests.bot.stores import seeded

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(1800)]
FENCED_S = 30.0


@pytest.fixture(
    params=[
        pytest.param(("sqlite_template", 50, 40.0), id="sqlite-50"),
        pytest.param(("postgres_template", 500, 240.0), id="postgresql-500", marks=pytest.mark.postgres),
    ],
    scope="module",
)
def played(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, int]:
    template, count, over_s = request.param
    home = tmp_path_factory.mktemp("chaos")

    async def whole() -> Report:
        async with seeded(await request.getfixturevalue(template).fresh(home)) as store:
            return await play(store, home, count=count, over_s=over_s)

    return asyncio.run(whole()), count


def judged(report: Report, count: int) -> None:
    """The claims, one by one."""
    by_id = {bot.id: bot for bot in report.bots}
    assert len(report.bots) == count == len(set(report.sent.values())), "one bot for each that was asked for"
    assert not report.doubled
    for bot in report.bots:
        events = report.events[bot.id]
        states = [event.state for event in events if event.kind == "state"]
        assert [event.sequence for event in events] == list(range(1, len(events) + 1))
        assert all(can_move(*pair) for pair in pairwise(states)), (bot.id, states)
        assert states.count(BotState.IN_CALL) <= 1
        expected = {BotState.ENDED, BotState.LOST} if bot.id in report.harmed else {BotState.ENDED}
        assert bot.state in expected, (bot.id, bot.state, bot.code, bot.detail)
        assert report.told[bot.id] == [str(state) for state in states], f"told in order: {bot.id}"
    assert report.told.keys() == by_id.keys()
    assert all(fenced_s <= FENCED_S for fenced_s in report.fenced_s), report.fenced_s


def test_every_bot_ends_in_its_right_state_and_every_event_is_told_in_order(played: tuple[Report, int]) -> None:
    report, count = played
    print(report)
    assert sum(report.killed.values()) >= 10
    judged(report, count)
