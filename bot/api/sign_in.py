"""Signing in to the dashboard: a set-up token for a cookie, and who a cookie is. The API's keys are not touched.

The cookie is of no use to other sites: browsers do not send it from there (SameSite=Strict), scripts cannot read it
(HttpOnly), and with it nothing is changed unless the browser says that the request comes from our own pages (Origin).
"""

from __future__ import annotations

import json
from collections import OrderedDict, deque
from datetime import datetime
from urllib.parse import urlsplit

from aiohttp import web

from bot.api import bodies
from bot.api.problems import REQUEST_ID, CrossOrigin, MalformedJson, UnsupportedMediaType
from bot.clock import Clock
from bot.errors import BotError
from bot.store import audit, sign_ins
from bot.store.session import Database, Session
from bot.store.sign_ins import BadSetupToken, BrowserSession

COOKIE = "understudy_session"
PATH = "/dashboard/session"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
MAX_BODY_BYTES = 1024

FAILURES_ALLOWED = 5
FAILURES_WINDOW_S = 60.0
MOST_ADDRESSES = 1000


class TooManySignIns(BotError):
    """Too many sign-ins failed from this address; wait a minute."""

    code, http_status, retryable = "too_many_sign_ins", 429, True


class Failures:
    """Who failed to sign in lately, by address. A good token is taken all the same: behind a proxy all have one
    address, and nobody guesses a token. Forgets the oldest address before it grows without end."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._at_s: OrderedDict[str, deque[float]] = OrderedDict()

    def check(self, address: str) -> None:
        """Raises TooManySignIns."""
        lately = self._at_s.get(address, deque())
        while lately and lately[0] <= self._clock.monotonic_s() - FAILURES_WINDOW_S:
            lately.popleft()
        if len(lately) >= FAILURES_ALLOWED:
            raise TooManySignIns

    def note(self, address: str) -> None:
        self._at_s.setdefault(address, deque(maxlen=FAILURES_ALLOWED)).append(self._clock.monotonic_s())
        self._at_s.move_to_end(address)
        if len(self._at_s) > MOST_ADDRESSES:
            self._at_s.popitem(last=False)


async def session_of(request: web.Request, database: Database, now: datetime) -> BrowserSession:
    """Who is signed in. Raises SignedOut, and CrossOrigin for a change that another site asks for."""
    if request.method not in SAFE_METHODS:
        check_origin(request)
    async with database.read() as session:
        return await sign_ins.verify(session, request.cookies.get(COOKIE, ""), now=now)


def check_origin(request: web.Request) -> None:
    """Browsers name where a request comes from whenever it may change something. Raises CrossOrigin."""
    try:
        origin = urlsplit(request.headers.get("Origin", ""))
    except ValueError:
        raise CrossOrigin from None
    if origin.scheme not in ("http", "https") or origin.netloc.lower() != request.host.lower():
        raise CrossOrigin


class SignIn:
    """Its three requests: exchange a token, ask who one is, sign out."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock, self._failures = database, clock, Failures(clock)

    def add_to(self, router: web.UrlDispatcher) -> None:
        router.add_post(PATH, self.enter)
        router.add_get(PATH, self.show)
        router.add_delete(PATH, self.leave)

    async def enter(self, request: web.Request) -> web.Response:
        """Raises CrossOrigin, TooManySignIns, BadSetupToken, MalformedJson, UnsupportedMediaType, bodies.ERRORS."""
        check_origin(request)
        token, address = await _token(request), request.remote or ""
        try:
            async with self._database.read() as session:  # who knows no token keeps no writer waiting
                await sign_ins.check_token(session, token, now=self._clock.now())
            async with self._database.write() as session:
                made, secret = await sign_ins.exchange(session, token, now=self._clock.now())
                await self._write_down(session, made, request)
        except BadSetupToken:
            self._failures.check(address)
            self._failures.note(address)
            raise
        answer = _shown(made)
        answer.set_cookie(
            COOKIE,
            secret,
            max_age=round(sign_ins.SESSION_LIFE.total_seconds()),
            path="/",
            httponly=True,
            samesite="Strict",
            # As the browser sees it: behind a proxy that ends TLS this server itself sees plain HTTP.
            secure=request.headers["Origin"].lower().startswith("https:"),
        )
        return answer

    async def _write_down(self, session: Session, made: BrowserSession, request: web.Request) -> None:
        await audit.add(
            session,
            workspace_id=made.workspace_id,
            action="sign_in",
            object=PATH,
            actor={"by": "dashboard", "role": made.role, "address": request.remote or ""},
            details={"request_id": request[REQUEST_ID]},
            at=self._clock.now(),
        )

    async def show(self, request: web.Request) -> web.Response:
        """Raises SignedOut."""
        return _shown(await session_of(request, self._database, self._clock.now()))

    async def leave(self, request: web.Request) -> web.Response:
        """Safe twice. Raises CrossOrigin."""
        check_origin(request)
        async with self._database.write() as session:
            await sign_ins.end(session, request.cookies.get(COOKIE, ""))
        answer = web.Response(status=204)
        answer.del_cookie(COOKIE, path="/", httponly=True, samesite="Strict")
        return answer


def _shown(found: BrowserSession) -> web.Response:
    shown = {"expires_at": found.expires_at.isoformat(), "role": found.role, "scopes": list(found.scopes)}
    return web.json_response(shown)


async def _token(request: web.Request) -> str:
    if request.content_type != "application/json":
        raise UnsupportedMediaType
    raw = await bodies.read(request, MAX_BODY_BYTES)
    try:
        token = json.loads(raw)["token"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise MalformedJson from None
    return token.strip() if isinstance(token, str) else ""
