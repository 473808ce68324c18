"""Lines that users ask for: said one after the other, whatever the database does meanwhile."""

from __future__ import annotations

import asyncio

from bot.meeting.lines import say_what_is_asked
from bot.store.fence import Fenced
from bot.store.session import DatabaseUnavailable
from tests.bot.clocks import HandClock


async def test_lines_are_said_in_turn_past_a_database_that_is_away_until_fenced() -> None:
    answers: list[str | Exception | None] = ["one", DatabaseUnavailable(), None, "two", Fenced()]
    said: list[str] = []

    async def next_line() -> str | None:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def say(text: str) -> None:
        await asyncio.sleep(0)
        said.append(text)

    await say_what_is_asked(next_line, say, HandClock())
    assert said == ["one", "two"] and not answers
