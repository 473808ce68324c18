"""The public API as the rehearsal uses it: plain HTTP with an API key, nothing from inside the product."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from types import TracebackType
from typing import Any, Self

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from bot.errors import BotError, Unavailable

Json = dict[str, Any]
ANSWER_TIMEOUT_S = 15.0
POLL_S = 0.3
PAGE = 500
TURNS_COUNTED = "understudy_turns_total"

FINAL = frozenset({"ended", "failed", "cancelled", "lost", "data_deleted"})


class ApiSaidNo(BotError):
    """The API refused; the message is its own."""

    code = "api_said_no"

    def __init__(self, status: int, problem: Json) -> None:
        super().__init__(f"{status}: {problem.get('detail') or problem.get('title') or 'no reason given'}")
        self.status = status
        self.problem = problem


class TookTooLong(Unavailable):
    """The bot did not get there in time; its events say how far it came."""

    code = "took_too_long"


class Client:
    """Bots of one workspace, by HTTP. Entered and left."""

    def __init__(self, base_url: str, api_key: str) -> None:
        self._root = base_url.rstrip("/")
        self._base_url = self._root + "/api/v1"
        self._headers = {"Authorization": f"Bearer {api_key}"}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=ANSWER_TIMEOUT_S)
        self._session = aiohttp.ClientSession(headers=self._headers, timeout=timeout)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def ask(self, method: str, path: str, body: Json | None = None) -> Json:
        """Anything below /api/v1. Raises ApiSaidNo, Unavailable."""
        return await self._ask(method, path, body)

    async def create_bot(self, **wanted: Any) -> Json:
        return await self._ask("POST", "/bots", wanted)

    async def bot(self, bot_id: str) -> Json:
        return await self._ask("GET", f"/bots/{bot_id}")

    async def leave(self, bot_id: str) -> Json:
        return await self._ask("POST", f"/bots/{bot_id}/leave")

    async def say(self, bot_id: str, text: str) -> Json:
        return await self._ask("POST", f"/bots/{bot_id}/say", {"text": text})

    async def kill(self, bot_id: str) -> Json:
        return await self._ask("POST", f"/bots/{bot_id}/kill")

    async def characters(self) -> list[Json]:
        return list((await self._ask("GET", "/characters"))["data"])

    async def events(self, bot_id: str) -> list[Json]:
        return await self._all(f"/bots/{bot_id}/events")

    async def transcript(self, bot_id: str) -> list[Json]:
        """What holds; a later page may correct an earlier one."""
        said = await self._all(f"/bots/{bot_id}/transcript")
        corrected = {one["supersedes"] for one in said}
        return [one for one in said if one["sequence"] not in corrected and (one["text"] or one["supersedes"] is None)]

    async def turns(self, bot_id: str) -> list[Json]:
        """The bot's own record of each turn, and of each remark it did not answer."""
        return [turn["record"] for turn in await self._all(f"/bots/{bot_id}/turns")]

    async def counted_turns(self) -> float | None:
        """Turns and remarks of all bots, as the installation's metrics count them; None where they are not shown."""
        assert self._session is not None
        try:
            async with self._session.get(self._root + "/metrics") as answer:
                text = await answer.text() if answer.status == 200 else None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unavailable(f"the metrics at {self._root} do not answer: {error}") from error
        if text is None:
            return None
        families = text_string_to_metric_families(text)
        return sum(float(one.value) for family in families for one in family.samples if one.name == TURNS_COUNTED)

    async def until_state(
        self, bot_id: str, states: Collection[str], *, timeout_s: float, seen: Callable[[str], None] | None = None
    ) -> Json:
        """The bot, once it is in one of these states or in a final one. `seen` is called with each new state. Raises
        TookTooLong."""
        deadline_s = time.monotonic() + timeout_s
        last = ""
        while True:
            bot = await self.bot(bot_id)
            state = str(bot["state"])
            if state != last and seen is not None:
                seen(state)
            last = state
            if state in states or state in FINAL:
                return bot
            if time.monotonic() > deadline_s:
                raise TookTooLong(f"the bot is still {state!r} after {timeout_s:.0f} s, not {' or '.join(states)}")
            await asyncio.sleep(POLL_S)

    async def _all(self, path: str) -> list[Json]:
        """Every page of a list in which things are numbered by `sequence`."""
        items: list[Json] = []
        while True:
            after = items[-1]["sequence"] if items else 0
            page = (await self._ask("GET", path, params={"after": str(after), "limit": str(PAGE)}))["data"]
            items += page
            if len(page) < PAGE:
                return items

    async def _ask(self, method: str, path: str, body: Json | None = None, *, params: Json | None = None) -> Json:
        assert self._session is not None
        try:
            async with self._session.request(method, self._base_url + path, json=body, params=params) as answer:
                content = await answer.json(content_type=None)
                if answer.status >= 400:
                    raise ApiSaidNo(answer.status, content if isinstance(content, dict) else {})
                return content if isinstance(content, dict) else {"data": content}
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unavailable(f"the API at {self._base_url} does not answer: {error}") from error
