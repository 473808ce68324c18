"""The HTTP application: the table of routes below /api/v1, the dashboard, health, metrics, and the description. Knows
no meeting."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from aiohttp import web

from bot.api import bodies, openapi
from bot.api.calendar_notices import GoogleNotices, MicrosoftNotices, Notices
from bot.api.consent import ConsentDoor
from bot.api.feed import Feed
from bot.api.handlers import audit, bots, calendars, characters, keys, live, webhooks
from bot.api.handlers.live import FEED, LIMITS, StreamLimits
from bot.api.metrics import COUNTED_HERE, Access, count_up, expose
from bot.api.pages import Pages
from bot.api.problems import REQUEST_ID, Handler, NotReady, problems, reshape
from bot.api.rates import Rates
from bot.api.routes import PREFIX, RATES, SERVICES, STANDING, Route, Services, Splitter, endpoint
from bot.api.sign_in import SignIn
from bot.api.webhook_schemas import Message
from bot.calendars.google.client import Google
from bot.calendars.grants import Provider
from bot.calendars.microsoft.client import Microsoft
from bot.clock import Clock, RealClock
from bot.egress.addresses import Network
from bot.store import schema
from bot.store.session import Database
from bot.vault import KEY_FILE, Vault

ROUTES: tuple[Route, ...] = (
    *(*bots.ROUTES, *characters.ROUTES, *live.ROUTES, *webhooks.ROUTES),
    *(*audit.ROUTES, *calendars.ROUTES, *keys.ROUTES),
)
NOTICES: dict[str, type[Notices]] = {"google": GoogleNotices, "microsoft": MicrosoftNotices}
READY_TIMEOUT_S = 5.0


def make_app(
    database: Database,
    *,
    home: Path,
    split: Splitter,
    clock: Clock | None = None,
    feed: Feed | None = None,
    stream_limits: StreamLimits | None = None,
    metrics: Access | None = None,
    vault: Vault | None = None,
    egress_allow: Sequence[Network] = (),
    meeting_hosts: Sequence[str] = (),
    rates: Rates | None = None,
    google: Google | None = None,
    microsoft: Microsoft | None = None,
    public_url: str = "",
) -> web.Application:
    """`split` makes passages of a document; `home` keeps pictures, and without a `vault` given the keys of secrets;
    `metrics` None: there are none; `rates` None: who asks may ask as often as they like; `google` and
    `microsoft` None: their calendars cannot be connected. The caller closes the database."""
    app = web.Application(middlewares=[_identify, problems], handler_args=bodies.SERVER)
    app.on_response_prepare.append(_mark)
    clock, vault = clock or RealClock(), vault or Vault(home / KEY_FILE)
    clients: dict[str, Provider | None] = {"google": google, "microsoft": microsoft}
    doors = {
        provider: ConsentDoor(database, vault, client, provider=provider, public_url=public_url, clock=clock)
        for provider, client in clients.items()
        if client is not None
    }
    app[SERVICES] = Services(
        database=database,
        clock=clock,
        home=home,
        split=split,
        vault=vault,
        egress_allow=egress_allow,
        meeting_hosts=meeting_hosts,
        consents=doors,
    )
    app[FEED], app[LIMITS] = feed or Feed(database), stream_limits or StreamLimits()
    app[RATES] = rates or Rates(clock.monotonic_s, reads=0, writes=0)
    app.on_shutdown.append(_end_streams)
    for route in ROUTES:
        app.router.add_route(route.method, PREFIX + _pattern(route.path), endpoint(route))
    app.router.add_get("/healthz", _healthy)
    app.router.add_get("/readyz", _ready)
    app.router.add_get("/openapi.json", _describe)
    SignIn(database, clock).add_to(app.router)
    Pages().add_to(app.router)
    notices: list[Notices] = [NOTICES[provider](database, clock) for provider in doors]
    for door in doors.values():
        door.add_to(app.router)
    for notice in notices:
        notice.add_to(app.router)
    app[COUNTED_HERE] = [one.count_up for one in notices]
    app.on_shutdown.append(count_up)
    if metrics is not None:
        app.router.add_get("/metrics", expose(metrics))
    return app


@web.middleware
async def _identify(request: web.Request, handler: Handler) -> web.StreamResponse:
    request[REQUEST_ID] = secrets.token_hex(8)
    return await handler(request)


async def _mark(request: web.Request, response: web.StreamResponse) -> None:
    """Headers of every answer, also of one that is sent piece by piece, and of one that the server gives by itself:
    what a request expects is judged before any middleware is asked."""
    if REQUEST_ID not in request:
        request[REQUEST_ID] = secrets.token_hex(8)
        if isinstance(response, web.HTTPException):
            reshape(request, response)
    response.headers["X-Request-Id"] = request[REQUEST_ID]
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers.setdefault("Cache-Control", "no-store")
    if STANDING in request:
        response.headers.update(request[STANDING].headers)


async def _end_streams(app: web.Application) -> None:
    """Before open requests are waited for: a live stream ends by itself only after minutes."""
    await app[FEED].close()


async def _healthy(_request: web.Request) -> web.Response:
    """The process answers."""
    return web.json_response({"status": "ok"})


async def _ready(request: web.Request) -> web.Response:
    """The database answers and has this version's schema. Raises NotReady, DatabaseUnavailable, DatabaseIsNewer."""
    try:
        async with asyncio.timeout(READY_TIMEOUT_S):
            revision = await schema.current(request.app[SERVICES].database)
    except TimeoutError:
        raise NotReady("The database did not answer in time.") from None
    schema.refuse_newer(revision)
    if revision != schema.head():
        raise NotReady("The database is not at this version; run `understudy db upgrade`.")
    return web.json_response({"status": "ok", "revision": revision})


async def _describe(_request: web.Request) -> web.Response:
    return web.json_response(openapi.describe(ROUTES, prefix=PREFIX, version=product_version(), message=Message))


def product_version() -> str:
    try:
        return version("understudy")
    except PackageNotFoundError:  # run from a folder, not installed
        return "0.0.0"


def _pattern(path: str) -> str:
    """What the router is to match: a word of the path that is a route of its own is no id beside it, or that route
    would seem to allow what can be done to an id."""
    head, _, last = path.rpartition("/")
    beside = [other.path.rpartition("/")[2] for other in ROUTES if other.path.rpartition("/")[0] == head]
    words = "|".join(sorted({re.escape(word) for word in beside if not word.startswith("{")}))
    return f"{head}/{last[:-1]}:(?!(?:{words})$)[^{{}}/]+}}" if last.startswith("{") and words else path
