"""What happens, told as it happens."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp

from bot.client.connection import AGAIN, LONGEST_PAUSE_S, ApiError, Connection, refusal

SILENCE_TIMEOUT_S = 60.0  # of a stream that says something every 15 s


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """Of the live stream. `topic`: bot, event or segment; or hello, resumed, reset: read the lists again."""

    id: str
    topic: str
    data: dict[str, Any]


class Live(Connection):
    async def follow(self, *, after: str = "") -> AsyncIterator[Change]:
        """What happens from now on, or from behind the change `after`; through breaks of the connection, until it is
        closed. Raises ApiError."""
        pause_s = 0.5
        while True:
            try:
                async for change in self._stream(after):
                    after, pause_s = change.id, 0.5
                    yield change
            except (aiohttp.ClientError, TimeoutError):
                pass  # it is taken up again from the last change
            except ApiError as error:
                if error.status not in AGAIN:
                    raise
                pause_s = max(pause_s, float(error.problem.get("retry_after_s", 0)))
            await self._clock.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _stream(self, after: str) -> AsyncIterator[Change]:
        assert self._session is not None
        headers = {"Last-Event-ID": after} if after else {}
        timeout = aiohttp.ClientTimeout(total=None, sock_read=SILENCE_TIMEOUT_S)
        async with self._session.get(f"{self._base_url}/live", headers=headers, timeout=timeout) as answer:
            if answer.status != 200:
                raise await refusal(answer)
            said: dict[str, str] = {}
            async for raw in answer.content:
                line = raw.decode("utf-8", "replace").rstrip("\r\n")
                name, _, value = line.partition(": ")
                if line and name:
                    said[name] = value
                elif not line and "data" in said:
                    yield Change(id=said.get("id", after), topic=said.get("event", ""), data=json.loads(said["data"]))
                    said = {}
