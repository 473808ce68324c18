"""The simulator's control API, by which a test is the host. What a request may say is a table; all else is refused by
its name, as problem details (RFC 9457): nothing is swallowed.
"""

from __future__ import annotations

import hmac
import inspect
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from aiohttp import web

from connectors.simulator.meetings import CODE, Meetings, SeveralMeetings
from connectors.simulator.rooms import Message, Room
from connectors.simulator.scenarios import WAITS, Policy, scenario
from connectors.simulator.screens import PLATFORMS, can_be_shown

MEDIA_TYPE = "application/problem+json"
MOST_SECONDS, MOST_PEOPLE = 1e9, 1_000_000
MOST_AFTER_S = 600.0

Handler = Callable[[web.Request], Awaitable[web.Response]]
Links = Callable[[web.Request, Room, str], Message]


class Problem(Exception):
    """What was asked cannot be done."""

    code, status = "problem", 400

    def __init__(self, errors: Mapping[str, str] = MappingProxyType({})) -> None:
        """`errors`: what is wrong, by the field it is wrong with."""
        super().__init__("; ".join(f"{name}: {wrong}" for name, wrong in errors.items()) or self.title())
        self.errors = errors

    @classmethod
    def title(cls) -> str:
        return inspect.cleandoc(cls.__doc__ or cls.__name__).replace("\n", " ")


class InvalidRequest(Problem):
    """The request says what this API does not know; `errors` names each field."""

    code, status = "invalid_request", 422


class MalformedJson(Problem):
    """The body is not one JSON object in UTF-8 that has each of its fields once."""

    code, status = "malformed_json", 422


class BodyTooLarge(Problem):
    """The body is larger than this API takes."""

    code, status = "body_too_large", 413


class NotAuthorized(Problem):
    """The control token is missing or wrong."""

    code, status = "not_authorized", 401


class NoSuchMeeting(Problem):
    """There is no such meeting."""

    code, status = "no_such_meeting", 404


class WhichMeeting(Problem):
    """Several scripted meetings go on under this code: say which by ?scenario=...&after=..."""

    code, status = "several_meetings", 409


class CodeTaken(Problem):
    """A meeting of this code is there already."""

    code, status = "code_taken", 422


class NobodyThere(Problem):
    """Nobody of that name or id is there for this to be done to."""

    code, status = "nobody_there", 404


class NoSuchRequest(Problem):
    """This API has no such request."""

    code, status = "no_such_request", 404


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """What a request may say under one name, as a check and in words."""

    fits: Callable[[Any], bool]
    needed: str
    optional: bool = True


def _is_time(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= MOST_SECONDS


def _can_be_staged() -> str:
    return ", ".join(refusal.value for refusal in can_be_shown())


TIME = Field(fits=_is_time, needed="a number of seconds")
WAIT = Field(fits=lambda value: value is None or _is_time(value), needed="a number of seconds, or null for never")
NEW_MEETING: Mapping[str, Field] = {
    "lobby": Field(fits=lambda value: type(value) is bool, needed="true or false"),
    "refuse": Field(
        fits=lambda value: value is None or value in [refusal.value for refusal in can_be_shown()],
        needed=f"null, or what can be staged: {_can_be_staged()}",
    ),
    "capacity": Field(
        fits=lambda value: type(value) is int and 0 <= value <= MOST_PEOPLE, needed="a number of people, 0 to a million"
    ),
    "lobby_timeout_s": TIME,
    **dict.fromkeys(WAITS, WAIT),
    "code": Field(
        fits=lambda value: value is None or (type(value) is str and CODE.fullmatch(value) is not None),
        needed="a meeting code of the shape abc-defg-hij, or null for one that is made up",
    ),
    "platform": Field(fits=lambda value: value in PLATFORMS, needed=f"one of {', '.join(PLATFORMS)}"),
}
WHO = {"who": Field(fits=lambda value: type(value) is str and bool(value), needed="a name or an id", optional=False)}
WHICH = {
    "scenario": Field(fits=lambda value: scenario(value) is not None, needed="the name of a scenario"),
    "after": Field(fits=lambda value: _is_after(value), needed=f"a number of seconds, 0 to {MOST_AFTER_S:g}"),
}
ACTS: Mapping[str, Mapping[str, Field]] = {"admit": WHO, "deny": WHO, "remove": WHO, "end": {}}


class Control:
    """`links` says by what links whoever asks reaches a meeting, by the page of one platform before all."""

    def __init__(self, meetings: Meetings, token: str, *, platform: str, links: Links) -> None:
        self._meetings, self._token, self._platform, self._links = meetings, token, platform, links

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/control/meetings", self._answering(self._create)),
            web.get("/control/meetings/{code}", self._answering(self._show)),
            web.post("/control/meetings/{code}/{verb}", self._answering(self._act)),
            web.route("*", "/control{rest:(?:/.*)?}", self._answering(self._no_such_request)),
        ]

    def _answering(self, handler: Handler) -> Handler:
        async def answer(request: web.Request) -> web.Response:
            try:
                self._require_token(request)
                return await handler(request)
            except Problem as problem:
                return _told(request, problem)

        return answer

    def _require_token(self, request: web.Request) -> None:
        given = request.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode(errors="replace"), f"Bearer {self._token}".encode()):
            raise NotAuthorized

    async def _create(self, request: web.Request) -> web.Response:
        _require(request.query, {}, "query/")
        body = await _body(request)
        policy = policy_of(body)
        try:
            room = self._meetings.make(policy, body.get("code"))
        except ValueError as error:
            raise CodeTaken from error
        links = self._links(request, room, body.get("platform", self._platform))
        return web.json_response({"code": room.code, **links}, status=201)

    async def _show(self, request: web.Request) -> web.Response:
        return self._seen(request, self._room(request))

    async def _act(self, request: web.Request) -> web.Response:
        verb = request.match_info["verb"]
        if verb not in ACTS:
            raise NoSuchRequest
        room, body = self._room(request), await _body(request)
        _require(body, ACTS[verb])
        if not act(room, verb, body.get("who", "")):
            raise NobodyThere
        return self._seen(request, room)

    async def _no_such_request(self, request: web.Request) -> web.Response:
        raise NoSuchRequest

    def _seen(self, request: web.Request, room: Room) -> web.Response:
        return web.json_response({**room.seen_by_host(), **self._links(request, room, self._platform)})

    def _room(self, request: web.Request) -> Room:
        asked = request.query
        _require(asked, WHICH, "query/")
        if "after" in asked and "scenario" not in asked:
            raise InvalidRequest({"query/after": "needs a scenario"})
        try:
            return self._meetings.find(request.match_info["code"], asked.get("scenario", ""), asked.get("after", ""))
        except KeyError as error:
            raise NoSuchMeeting from error
        except SeveralMeetings as error:
            raise WhichMeeting from error


def policy_of(body: Message) -> Policy:
    """The policy a control request describes. Raises InvalidRequest."""
    _require(body, NEW_MEETING)
    said = {name: value for name, value in body.items() if name not in ("code", "platform", "refuse")}
    refuse = next((one for one in can_be_shown() if one.value == body.get("refuse")), None)
    return Policy(refuse=refuse, **said)


def act(room: Room, verb: str, who: str) -> bool:
    """What a host does to a meeting: admit, deny, remove someone, or end it. False: it had no effect."""
    if verb == "end":
        room.end()
        return True
    verbs = {"admit": room.admit, "deny": room.deny, "remove": room.remove}
    return verb in verbs and verbs[verb](who)


def _require(said: Mapping[str, Any], known: Mapping[str, Field], at: str = "") -> None:
    """Raises InvalidRequest."""
    unknown = f"not known here; known are {', '.join(known)}" if known else "not known here; nothing is"
    wrong = {at + name: unknown for name in said if name not in known}
    for name, field in known.items():
        if (name in said and not field.fits(said[name])) or (name not in said and not field.optional):
            shown = f" and not {str(said[name])[:80]!r}" if name in said else ""
            wrong[at + name] = f"it is {field.needed}{shown}"
    if wrong:
        raise InvalidRequest(wrong)


async def _body(request: web.Request) -> Message:
    """The body's object; an empty one where there is no body. Raises MalformedJson, BodyTooLarge."""
    try:
        text = await request.read()
        body = json.loads(text.decode("utf-8"), object_pairs_hook=_each_once) if text.strip() else {}
    except web.HTTPRequestEntityTooLarge as error:
        raise BodyTooLarge from error
    except (ValueError, RecursionError) as error:  # no UTF-8 is a ValueError too
        raise MalformedJson from error
    if not isinstance(body, dict):
        raise MalformedJson
    return body


def _each_once(pairs: list[tuple[str, Any]]) -> Message:
    body = dict(pairs)
    if len(body) < len(pairs):
        raise ValueError("a field is there twice")
    return body


def _is_after(text: str) -> bool:
    try:
        return 0.0 <= float(text) <= MOST_AFTER_S
    except ValueError:
        return False


def _told(request: web.Request, problem: Problem) -> web.Response:
    body = {
        "type": f"urn:understudy:problem:{problem.code}",
        "title": problem.title(),
        "status": problem.status,
        "detail": str(problem),
        "instance": request.path,
        "code": problem.code,
        "errors": [{"pointer": _pointer(name), "message": wrong} for name, wrong in problem.errors.items()],
    }
    headers = {"WWW-Authenticate": "Bearer"} if problem.status == web.HTTPUnauthorized.status_code else {}
    return web.json_response(body, status=problem.status, content_type=MEDIA_TYPE, headers=headers)


def _pointer(name: str) -> str:
    return name if name.startswith("query/") else "/" + name.replace("~", "~0").replace("/", "~1")
