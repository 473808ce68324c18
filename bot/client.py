"""The API as a Python program uses it: typed, repeated where that is safe, with nothing from inside the product.

    async with Client("http://127.0.0.1:8420", key) as client:
        bot = await client.send(meeting_url="https://meet.google.com/abc-defg-hij", character_id=character.id)
        async for change in client.follow():
            ...

Whatever changes something carries an Idempotency-Key of its own, so a request whose answer was lost is sent again and
done once. What a server of a later version says more is left out.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import uuid4

import aiohttp

from bot.clock import Clock, RealClock
from bot.errors import BotError, Unavailable

ANSWER_TIMEOUT_S = 20.0
SILENCE_TIMEOUT_S = 60.0  # of a live stream, which says something every 15 s
TRIES = 5
LONGEST_PAUSE_S = 30.0
AGAIN = frozenset({429, 503})
PAGE, LINES = 100, 1000
T = TypeVar("T")


class ApiError(BotError):
    """The API said no; `problem` is what it said, `code` its stable code."""

    code = "api_said_no"

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        words = [str(problem.get("detail") or problem.get("title") or "no reason given")]
        words += [f"{one.get('pointer', '')}: {one.get('message', '')}" for one in problem.get("errors", ())]
        super().__init__(" ".join(words))
        self.status, self.problem = status, problem
        self.code = str(problem.get("code") or self.code)


class ApiUnreachable(Unavailable):
    """The API does not answer; is it running, and is its address right?"""

    code = "api_unreachable"


@dataclass(frozen=True, kw_only=True, slots=True)
class Bot:
    id: str
    state: str
    code: str | None
    detail: str
    attempt: int
    meeting_url: str
    character_id: str
    bot_name: str
    join_at: datetime
    metadata: dict[str, Any]
    deduplication_key: str | None
    created_at: datetime
    joined_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    sequence: int
    kind: str
    state: str
    code: str | None
    detail: str
    data: dict[str, Any]
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    sequence: int
    speaker_name: str
    text: str
    start_ms: int
    end_ms: int
    own: bool
    supersedes: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Character:
    id: str
    slug: str
    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """Of the live stream. `topic`: bot, event or segment; or hello, resumed, reset: read the lists again."""

    id: str
    topic: str
    data: dict[str, Any]


class Client:
    """One workspace, by one key. Entered and left."""

    def __init__(self, base_url: str, key: str, *, clock: Clock | None = None) -> None:
        self._base_url, self._clock = base_url.rstrip("/") + "/api/v1", clock or RealClock()
        self._headers = {"Authorization": f"Bearer {key}"}
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

    async def send(self, *, meeting_url: str, character_id: str, **more: Any) -> Bot:
        """A bot, made. `more` is as the API takes it: join_at, bot_name, metadata, deduplication_key, override.
        Raises ApiError: `problem["bot_id"]` names one that is there already."""
        wanted = {"meeting_url": meeting_url, "character_id": character_id, **more}
        return _read(Bot, await self._ask("POST", "/bots", body=_plain(wanted)))

    async def bot(self, bot_id: str) -> Bot:
        return _read(Bot, await self._ask("GET", f"/bots/{bot_id}"))

    async def bots(self, **filters: str) -> AsyncIterator[Bot]:
        """Newest first, page by page; `filters` as the API's: state, phase, character_id, deduplication_key..."""
        cursor: str | None = None
        while True:
            query = {"limit": str(PAGE), **filters, **({"cursor": cursor} if cursor else {})}
            page = await self._ask("GET", "/bots", query=query)
            for one in page["data"]:
                yield _read(Bot, one)
            cursor = page["next_cursor"]
            if cursor is None:
                return

    async def move(self, bot_id: str, join_at: datetime) -> Bot:
        return _read(Bot, await self._ask("PATCH", f"/bots/{bot_id}", body=_plain({"join_at": join_at})))

    async def say(self, bot_id: str, text: str) -> Bot:
        return _read(Bot, await self._ask("POST", f"/bots/{bot_id}/say", body={"text": text}))

    async def leave(self, bot_id: str) -> Bot:
        return _read(Bot, await self._ask("POST", f"/bots/{bot_id}/leave", body={}))

    async def kill(self, bot_id: str) -> Bot:
        return _read(Bot, await self._ask("POST", f"/bots/{bot_id}/kill"))

    async def erase(self, bot_id: str) -> Bot:
        return _read(Bot, await self._ask("POST", f"/bots/{bot_id}/erase"))

    async def characters(self) -> list[Character]:
        return [_read(Character, one) for one in (await self._ask("GET", "/characters"))["data"]]

    def events(self, bot_id: str, *, after: int = 0) -> AsyncIterator[Event]:
        return self._numbered(Event, f"/bots/{bot_id}/events", after)

    def transcript(self, bot_id: str, *, after: int = 0) -> AsyncIterator[Segment]:
        return self._numbered(Segment, f"/bots/{bot_id}/transcript", after)

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
                raise await _refusal(answer)
            said: dict[str, str] = {}
            async for raw in answer.content:
                line = raw.decode("utf-8", "replace").rstrip("\r\n")
                name, _, value = line.partition(": ")
                if line and name:
                    said[name] = value
                elif not line and "data" in said:
                    yield Change(id=said.get("id", after), topic=said.get("event", ""), data=json.loads(said["data"]))
                    said = {}

    async def _numbered(self, kind: type[T], path: str, after: int) -> AsyncIterator[T]:
        while True:
            page = (await self._ask("GET", path, query={"after": str(after), "limit": str(LINES)}))["data"]
            for one in page:
                yield _read(kind, one)
            if len(page) < LINES:
                return
            after = page[-1]["sequence"]

    async def _ask(self, method: str, path: str, *, body: Any = None, query: Mapping[str, str] | None = None) -> Any:
        """The answer; asked again while the API is away or has too much to do. Raises ApiError, ApiUnreachable."""
        headers = {} if method == "GET" else {"Idempotency-Key": str(uuid4())}
        pause_s, tries_left = 0.3, TRIES
        while True:
            tries_left -= 1
            try:
                return await self._ask_once(method, path, body, query, headers)
            except ApiError as error:
                if not tries_left or not (error.status in AGAIN or error.code == "request_in_progress"):
                    raise
                pause_s = max(pause_s, float(error.problem.get("retry_after_s", 0)))
            except (aiohttp.ClientError, TimeoutError) as error:
                if not tries_left:
                    raise ApiUnreachable(f"The API at {self._base_url} does not answer.") from error
            await self._clock.sleep(min(pause_s, LONGEST_PAUSE_S))
            pause_s *= 2

    async def _ask_once(
        self, method: str, path: str, body: Any, query: Mapping[str, str] | None, headers: Mapping[str, str]
    ) -> Any:
        assert self._session is not None
        url = self._base_url + path
        async with self._session.request(method, url, json=body, params=query, headers=headers) as answer:
            if answer.status >= 400:
                raise await _refusal(answer)
            return await answer.json(content_type=None)


async def _refusal(answer: aiohttp.ClientResponse) -> ApiError:
    try:
        problem = json.loads(await answer.text())
    except ValueError:
        problem = {}
    problem = problem if isinstance(problem, dict) else {}
    waits = answer.headers.get("Retry-After", "")
    return ApiError(answer.status, {**problem, **({"retry_after_s": int(waits)} if waits.isdecimal() else {})})


def _plain(wanted: Mapping[str, Any]) -> dict[str, Any]:
    return {name: one.isoformat() if isinstance(one, datetime) else one for name, one in wanted.items()}


def _read(kind: type[T], said: Mapping[str, Any]) -> T:
    """The noun that was said, as far as it is known here."""
    known = {one.name: said.get(one.name) for one in fields(kind)}  # type: ignore[arg-type]
    times = {name: datetime.fromisoformat(at) for name, at in known.items() if name.endswith("_at") and at}
    at = {"at": datetime.fromisoformat(said["at"])} if "at" in known else {}
    return kind(**{**known, **times, **at})


async def first(items: AsyncIterator[T], most: int) -> list[T]:
    """The first of a list that may be long."""
    found: list[T] = []
    async for one in items:
        found.append(one)
        if len(found) >= most:
            break
    return found
