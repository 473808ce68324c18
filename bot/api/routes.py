"""A route as a value: method, path, the models it takes and gives, the errors it may raise, the scope it needs.

The table of routes is all there is: it serves requests and writes the OpenAPI description. A handler is a coroutine
from a `Call` to the answer's model:

    async def show(call: Call[BotPath, NoQuery, NoBody]) -> BotView: ...
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, to_json

from bot.api import bodies, sign_in
from bot.api.problems import (
    REQUEST_ID,
    CrossOrigin,
    ExpectationFailed,
    FieldError,
    InsufficientScope,
    InvalidRequest,
    MalformedJson,
    UnsupportedMediaType,
)
from bot.api.rates import COUNTED_APART, UNLIMITED, Rates, Standing, TooManyRequests
from bot.api.repeats import Repeat, Sent, once
from bot.calendars.model import Rules
from bot.clock import Clock
from bot.domain import roles
from bot.domain.roles import Role
from bot.egress.addresses import Network
from bot.errors import BotError
from bot.log import get_log
from bot.store import audit, keys
from bot.store.idempotency import KeyReused, StillRunning
from bot.store.keys import ApiKey, BadKey
from bot.store.session import Database, DatabaseNotReady, DatabaseUnavailable
from bot.store.sign_ins import BrowserSession, SignedOut
from bot.store.storable import is_storable
from bot.vault import Vault

log = get_log(__name__)

JSON, JSON_LINES = "application/json", "application/jsonl"
LINES_AT_ONCE = 64 * 1024  # characters

Splitter = Callable[[str, str], Sequence[tuple[str, str]]]  # (document's name, text) -> (heading, text) passages


class Strict(BaseModel):
    """A model of what clients send: an unknown field is an error, so that a misspelt one is not lost in silence."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NoPath(Strict):
    pass


class NoQuery(Strict):
    pass


class NoBody(Strict):
    pass


class Consents(Protocol):
    def consent_url(self, *, workspace_id: str, owner: str, calendar: str, character_id: str, rules: Rules) -> str:
        """Where a person lets us read their calendar."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Services:
    """What handlers work with; made once by the application's factory."""

    database: Database
    clock: Clock
    home: Path
    split: Splitter
    vault: Vault
    meeting_hosts: Sequence[str] = ()  # of the operator's own meeting servers
    consents: Mapping[str, Consents] = field(default_factory=dict)  # by provider this installation is registered with
    egress_allow: Sequence[Network] = ()  # of the operator's networks, those that users' addresses may lead to


@dataclass(frozen=True, slots=True)
class Made:
    """An answer of very many rows, made as its route's model would say it, without a model for each of them."""

    value: Mapping[str, Any]


PREFIX = "/api/v1"
SERVICES: web.AppKey[Services] = web.AppKey("services", Services)
RATES: web.AppKey[Rates] = web.AppKey("rates", Rates)
STANDING: web.RequestKey[Standing] = web.RequestKey("standing", Standing)

P = TypeVar("P", bound=BaseModel)
Q = TypeVar("Q", bound=BaseModel)
B = TypeVar("B", bound=BaseModel)


@dataclass(frozen=True, kw_only=True, slots=True)
class Call(Generic[P, Q, B]):
    """One request, parsed: who asks, for what."""

    services: Services
    workspace_id: str
    scopes: frozenset[str]  # what else the one who asks may do
    role: Role | None  # None: a key with scopes of its own
    key_ends_at: datetime | None  # None: a key without an end, or a browser
    asked_by: Mapping[str, str]  # the API key or the browser, for what is written down with the deed
    now: datetime
    path: P
    query: Q
    body: B
    repeat: Repeat  # to keep the answer in the transaction of the deed
    details: dict[str, Any] = field(default_factory=dict)  # for the audit trail: nobody's words, names or secrets


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    method: str
    path: str  # below PREFIX
    name: str  # operationId
    summary: str
    tag: str
    scope: str
    answer: type[BaseModel] = NoBody
    handler: Callable[[Call[Any, Any, Any]], Awaitable[BaseModel | Made]] | None = None
    lines: Callable[[Call[Any, Any, Any]], AsyncIterator[BaseModel]] | None = None  # instead: JSON Lines of answers
    raw: Callable[[web.Request, Call[Any, Any, Any]], Awaitable[web.StreamResponse]] | None = None  # instead: no JSON
    raw_types: tuple[str, ...] = ()  # its media types
    status: int = 200
    path_model: type[BaseModel] = NoPath
    query: type[BaseModel] = NoQuery
    body: type[BaseModel] = NoBody
    body_limit: int = 256 * 1024  # bytes
    errors: tuple[type[BotError], ...] = ()

    def __post_init__(self) -> None:
        if self.scope not in roles.ALL_SCOPES:
            raise ValueError(f"{self.name} needs {self.scope!r}, which no role has")

    @property
    def role(self) -> Role:
        """The least that may."""
        return roles.least(self.scope)

    @property
    def media_type(self) -> str:
        return JSON if self.lines is None else JSON_LINES

    @property
    def changes(self) -> bool:
        """Whatever is not only read: repeatable by key, limited as writing, and in the audit trail."""
        return self.method not in sign_in.SAFE_METHODS

    @property
    def takes_body(self) -> bool:
        return self.body is not NoBody

    @property
    def body_required(self) -> bool:
        return any(field.is_required() for field in self.body.model_fields.values())

    @property
    def all_errors(self) -> tuple[type[BotError], ...]:
        """Those of the handler and those of this layer."""
        of_body = (MalformedJson, UnsupportedMediaType, *bodies.ERRORS) if self.takes_body else ()
        unsafe = (CrossOrigin, KeyReused, StillRunning) if self.changes else ()
        of_store = (DatabaseUnavailable, DatabaseNotReady)
        of_key = (BadKey, SignedOut, InsufficientScope, TooManyRequests)
        return (*self.errors, *of_key, InvalidRequest, ExpectationFailed, *unsafe, *of_body, *of_store)


def endpoint(route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The aiohttp handler of a route: key, scope, path, query, body, then the handler, then its answer as JSON."""

    async def serve(request: web.Request) -> web.StreamResponse:
        call, sent = await _call(request, route)
        if route.raw is not None:
            return await route.raw(request, call)
        if route.lines is not None:
            return await _stream(request, route, route.lines(call))
        handler = route.handler
        assert handler is not None

        async def do() -> web.Response:
            shown = await handler(call)
            if route.changes:
                await _write_down(request, route, call)
            return web.Response(body=_json(shown), status=route.status, content_type=JSON, charset="utf-8")

        return await once(request, sent, call.services.database, call.repeat, do) if route.changes else await do()

    return serve


def _json(shown: BaseModel | Made) -> bytes:
    return to_json(shown.value, inf_nan_mode="null") if isinstance(shown, Made) else shown.model_dump_json().encode()


async def _write_down(request: web.Request, route: Route, call: Call[Any, Any, Any]) -> None:
    """The deed is done: that nobody could write it down is told to the operator, not to who asked."""
    try:
        async with call.services.database.write() as session:
            await audit.add(
                session,
                workspace_id=call.workspace_id,
                action=route.name,
                object=request.path.removeprefix(PREFIX),
                actor={**call.asked_by, "role": call.role, "address": request.remote or ""},
                details={"request_id": request[REQUEST_ID], **call.details},
                at=call.now,
            )
    except BotError as error:
        log.error("a deed is not in the audit trail", action=route.name, code=error.code)


async def _call(request: web.Request, route: Route) -> tuple[Call[Any, Any, Any], Sent]:
    services = request.app[SERVICES]
    now = services.clock.now()
    key = await _key(request, services, now)
    _limit(request, route, key)
    _check(route, key)
    path, query = (
        _parse(route.path_model, dict(request.match_info), "path"),
        _parse(route.query, _single(request), "query"),
    )
    raw = await bodies.read(request, route.body_limit) if route.takes_body else b""
    call: Call[Any, Any, Any] = Call(
        services=services,
        workspace_id=key.workspace_id,
        scopes=frozenset(key.scopes),
        role=key.role,
        key_ends_at=key.expires_at if isinstance(key, ApiKey) else None,
        asked_by=_name(key),
        now=now,
        path=path,
        query=query,
        body=_body(request, route, raw),
        repeat=Repeat(services.vault, status=route.status),
    )
    return call, Sent(workspace_id=key.workspace_id, raw=raw, now=now)


def _check(route: Route, key: ApiKey | BrowserSession) -> None:
    """Raises InsufficientScope."""
    if route.scope in key.scopes:
        return
    has = f"has the role {key.role}" if key.role is not None else "has other scopes"
    raise InsufficientScope(
        f"This needs the role {route.role}, or a key with the scope {route.scope}; who asks {has}.",
        scope=route.scope,
        role=route.role,
        has_role=key.role,
    )


def _limit(request: web.Request, route: Route, key: ApiKey | BrowserSession) -> None:
    """Raises TooManyRequests."""
    if route.name in UNLIMITED:
        return
    who = key.id if isinstance(key, ApiKey) else f"dashboard {key.workspace_id}"
    who += f" {route.name}" if route.name in COUNTED_APART else ""
    standing, wait_s = request.app[RATES].take(who, "write" if route.changes else "read")
    if standing is not None:
        request[STANDING] = standing
    if wait_s:
        raise TooManyRequests(retry_after_s=ceil(wait_s))


def _name(key: ApiKey | BrowserSession) -> dict[str, str]:
    if isinstance(key, ApiKey):
        return {"by": "api_key", "key_id": key.id, "key_name": key.name}
    return {"by": "dashboard"}


async def _stream(request: web.Request, route: Route, lines: Any) -> web.StreamResponse:
    """Begins with the first line, so that what is wrong from the start is still a problem with its status. What breaks
    later breaks the connection: a client never takes a part for the whole."""
    response = web.StreamResponse(status=route.status, headers={"Content-Type": JSON_LINES})
    waiting: list[str] = []
    whole = False
    try:
        async with aclosing(lines):
            async for line in lines:
                waiting.append(line.model_dump_json() + "\n")
                if sum(map(len, waiting)) >= LINES_AT_ONCE:
                    await _send(request, response, waiting)
        await _send(request, response, waiting)
        await response.write_eof()
        whole = True
    finally:
        if response.prepared and not whole and request.transport is not None:
            request.transport.abort()
    return response


async def _send(request: web.Request, response: web.StreamResponse, lines: list[str]) -> None:
    if not response.prepared:
        await response.prepare(request)
    if lines:
        await response.write("".join(lines).encode())
    lines.clear()


async def _key(request: web.Request, services: Services, now: datetime) -> ApiKey | BrowserSession:
    if sign_in.COOKIE in request.cookies and "Authorization" not in request.headers:
        return await sign_in.session_of(request, services.database, now)
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise BadKey
    async with services.database.read() as session:
        key = await keys.verify(session, text.strip(), now=now)
    if keys.is_stale(key, now):
        async with services.database.write() as session:
            await keys.touch(session, key.id, now=now)
    return key


async def may_still(request: web.Request, call: Call[Any, Any, Any]) -> bool:
    """Of an answer that goes on for minutes: is the key or the session that began it as good as it was?"""
    try:
        key = await _key(request, call.services, call.services.clock.now())
    except (BadKey, SignedOut):
        return False
    except DatabaseUnavailable:  # asked again soon, and meanwhile nothing is told that comes from there
        return True
    return call.scopes <= frozenset(key.scopes)


def _single(request: web.Request) -> dict[str, str]:
    twice = sorted({name for name in request.query if len(request.query.getall(name)) > 1})
    if twice:
        raise InvalidRequest([FieldError(pointer=f"query/{name}", message="given more than once") for name in twice])
    return dict(request.query)


def _body(request: web.Request, route: Route, raw: bytes) -> Any:
    if not route.takes_body:
        return NoBody()
    if not raw and not route.body_required:
        return _parse(route.body, {}, "")
    if request.content_type != "application/json":
        raise UnsupportedMediaType
    try:
        text = raw.decode("utf-8")
        value = json.loads(text, parse_constant=_refuse_constant)
        storable = is_storable(value)
    except (ValueError, RecursionError) as error:
        raise MalformedJson from error
    if not storable:
        raise InvalidRequest([FieldError(pointer="", message="text holds a NUL or half of a surrogate pair")])
    # As JSON says it: a number is no boolean, a text no number. Paths and queries are texts and are read as such.
    return _told(route.body, lambda: route.body.model_validate_json(text, strict=True), "")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _parse(model: type[BaseModel], value: Any, place: str) -> Any:
    return _told(model, lambda: model.model_validate(value), place)


def _told(model: type[BaseModel], validate: Callable[[], Any], place: str) -> Any:
    """What it returns; what is wrong, as a problem with a pointer to each. Of what is missing it says what it is."""
    try:
        return validate()
    except ValidationError as invalid:
        errors = [
            FieldError(pointer=place + "".join(f"/{part}" for part in error["loc"]), message=_message(model, error))
            for error in invalid.errors(include_url=False, include_context=False, include_input=False)
        ]
        raise InvalidRequest(errors) from None


def _message(model: type[BaseModel], error: ErrorDetails) -> str:
    missing = model.model_fields.get(str(error["loc"][0])) if error["type"] == "missing" else None
    about = missing.description if missing is not None and len(error["loc"]) == 1 else None
    return f"{error['msg']}: {about}" if about else error["msg"]
