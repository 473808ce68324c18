"""Asking the API: repeated where that is safe, page by page, and its answers as nouns. Knows no noun."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, is_dataclass
from datetime import datetime
from functools import cache
from types import TracebackType
from typing import Any, Self, TypeVar, get_args, get_type_hints
from uuid import uuid4

import aiohttp

from bot.clock import Clock, RealClock
from bot.errors import BotError, Unavailable

ANSWER_TIMEOUT_S = 20.0
TRIES = 5
LONGEST_PAUSE_S = 30.0
AGAIN = frozenset({429, 503})
PAGE, LINES = 100, 1000  # of nouns, of what is numbered
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


class Connection:
    """To one workspace, by one key. Entered and left."""

    def __init__(self, base_url: str, key: str, *, clock: Clock | None = None) -> None:
        self._base_url, self._clock = base_url.rstrip("/") + "/api/v1", clock or RealClock()
        self._headers = {"Authorization": f"Bearer {key}"}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(headers=self._headers)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def _list(self, kind: type[T], path: str, **query: Any) -> list[T]:
        """Of an answer that has them all. Raises ApiError, ApiUnreachable."""
        return [read(kind, one) for one in (await self._ask("GET", path, query=query))["data"]]

    async def _numbered(self, kind: type[T], path: str, after: int, **query: Any) -> AsyncIterator[T]:
        """Page by page, by `sequence`. Raises ApiError, ApiUnreachable."""
        while True:
            page = (await self._ask("GET", path, query={**query, "after": after, "limit": LINES}))["data"]
            for one in page:
                yield read(kind, one)
            if len(page) < LINES:
                return
            after = page[-1]["sequence"]

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
        timeout_s: float = ANSWER_TIMEOUT_S,
    ) -> Any:
        """The answer; asked again while the API is away or has too much to do. Raises ApiError, ApiUnreachable."""
        given: dict[str, Any] = {
            "json": None if body is None else {name: _plain(one) for name, one in body.items()},
            "params": {name: _word(one) for name, one in (query or {}).items() if one is not None},
            "headers": {} if method == "GET" else {"Idempotency-Key": str(uuid4())},
            "timeout": aiohttp.ClientTimeout(total=timeout_s),
        }
        pause_s, tries_left = 0.3, TRIES
        while True:
            tries_left -= 1
            try:
                return await self._ask_once(method, path, given)
            except ApiError as error:
                if not tries_left or not (error.status in AGAIN or error.code == "request_in_progress"):
                    raise
                pause_s = max(pause_s, float(error.problem.get("retry_after_s", 0)))
            except (aiohttp.ClientError, TimeoutError) as error:
                if not tries_left:
                    raise ApiUnreachable(f"The API at {self._base_url} does not answer.") from error
            await self._clock.sleep(min(pause_s, LONGEST_PAUSE_S))
            pause_s *= 2

    async def _ask_once(self, method: str, path: str, given: Mapping[str, Any]) -> Any:
        assert self._session is not None
        async with self._session.request(method, self._base_url + path, **given) as answer:
            if answer.status >= 400:
                raise await refusal(answer)
            if answer.content_type.startswith("image/"):
                return await answer.read()
            return await answer.json(content_type=None)


async def refusal(answer: aiohttp.ClientResponse) -> ApiError:
    """What an answer that is none says."""
    try:
        problem = json.loads(await answer.text())
    except ValueError:
        problem = {}
    problem = problem if isinstance(problem, dict) else {}
    waits = answer.headers.get("Retry-After", "")
    return ApiError(answer.status, {**problem, **({"retry_after_s": int(waits)} if waits.isdecimal() else {})})


def _plain(one: Any) -> Any:
    """As JSON has it."""
    if isinstance(one, datetime):
        return one.isoformat()
    if isinstance(one, bytes):
        return b64encode(one).decode()
    return asdict(one) if is_dataclass(one) and not isinstance(one, type) else one


def _word(one: Any) -> str:
    """As a query has it."""
    return str(one).lower() if isinstance(one, bool) else str(_plain(one))


def read(kind: type[T], said: Mapping[str, Any]) -> T:
    """The noun that was said, as far as it is known here."""
    return kind(**{name: _as(hint, said.get(name)) for name, hint in _hints(kind).items()})  # type: ignore[arg-type]


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _as(hint: Any, said: Any) -> Any:
    """What was said of a field of this type: a time, a noun, nouns, or what JSON has itself."""
    kinds = (hint, *get_args(hint))
    if said is None:
        return None
    if datetime in kinds:
        return datetime.fromisoformat(said)
    noun = next((kind for kind in kinds if isinstance(kind, type) and is_dataclass(kind)), None)
    if noun is None:
        return said
    return [read(noun, one) for one in said] if isinstance(said, list) else read(noun, said)


async def first(items: AsyncIterator[T], most: int) -> list[T]:
    """The first of a list that may be long."""
    found: list[T] = []
    async for one in items:
        found.append(one)
        if len(found) >= most:
            break
    return found
