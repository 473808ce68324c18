"""Errors as RFC 9457 problem details: one shape for everything that can go wrong, made in one place."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from bot.errors import BadInput, BotError, Unavailable
from bot.log import get_log

log = get_log(__name__)

MEDIA_TYPE = "application/problem+json"
REQUEST_ID: web.RequestKey[str] = web.RequestKey("request_id", str)
RETRY_AFTER_S = 5
ACCEPTED = "gzip, deflate"  # of a request's body

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class FieldError(BaseModel):
    pointer: str = Field(description="JSON pointer into the body, or query/NAME, or path/NAME")
    message: str


class Problem(BaseModel):
    """What went wrong. An error may carry more members, such as `bot_id`."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="urn:understudy:problem:CODE")
    title: str
    status: int
    detail: str
    instance: str
    code: str = Field(description="stable, for programs")
    errors: list[FieldError]
    request_id: str
    retryable: bool


class InvalidRequest(BadInput):
    """The request does not have the form this endpoint takes; `errors` says where."""

    code = "invalid_request"

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__()
        self.errors = errors


class MalformedJson(BadInput):
    """The body is not JSON in UTF-8."""

    code, http_status = "malformed_json", 400


class UnsupportedMediaType(BadInput):
    """The body must be application/json."""

    code, http_status = "unsupported_media_type", 415


class BodyTooLarge(BadInput):
    """The body is larger than this endpoint takes."""

    code, http_status = "body_too_large", 413


class MalformedBody(BadInput):
    """The body was cut off, or is not what its Content-Encoding says."""

    code, http_status = "malformed_body", 400


class EncodingUnknown(BadInput):
    """The body's Content-Encoding must be gzip or deflate, or the body sent as it is."""

    code, http_status = "unknown_content_encoding", 415


class BodyTooSlow(BadInput):
    """Nothing came of the body for half a minute."""

    code, http_status, retryable = "body_too_slow", 408, True


class ExpectationFailed(BadInput):
    """The header Expect may say 100-continue and nothing else."""

    code, http_status = "expectation_failed", 417


class InsufficientScope(BotError):
    """The key or sign-in may not do this: it needs the `role` that is named, or a key with that `scope`."""

    code, http_status = "insufficient_scope", 403


class CrossOrigin(BotError):
    """A signed-in browser may change things only from this server's own pages; programs use an API key."""

    code, http_status = "cross_origin", 403


class NotReady(Unavailable):
    """The service cannot work now; `detail` says why."""

    code, detail_is_ours = "not_ready", True


class Unforeseen(BotError):
    """Something unexpected went wrong; the log has it under the request id."""


def title(error: type[BotError]) -> str:
    return inspect.cleandoc(error.__doc__ or error.__name__).split("\n\n")[0].replace("\n", " ")


def answer(request: web.Request, error: BotError) -> web.Response:
    """The response that tells a client of `error`."""
    body = error.fields | {
        "type": f"urn:understudy:problem:{error.code}",
        "title": title(type(error)),
        "status": error.http_status,
        "detail": _detail(error),
        "instance": request.path,
        "code": error.code,
        "errors": [field.model_dump() for field in getattr(error, "errors", ())],
        "request_id": request[REQUEST_ID],
        "retryable": error.retryable,
    }
    headers = {"WWW-Authenticate": "Bearer"} if error.http_status == 401 else {}
    if error.retryable:
        headers["Retry-After"] = str(error.fields.get("retry_after_s", RETRY_AFTER_S))
    if isinstance(error, EncodingUnknown):
        headers["Accept-Encoding"] = ACCEPTED
    return web.json_response(body, status=error.http_status, content_type=MEDIA_TYPE, headers=headers)


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Whatever a handler raises becomes a problem; an unforeseen error is logged and told without its details."""
    try:
        return await handler(request)
    except BotError as error:
        if error.http_status >= 500:
            _note(error, request_id=request[REQUEST_ID])
        return answer(request, error)
    except web.HTTPException as refused:
        told = answer(request, _from_http(refused))
        if "Allow" in refused.headers:
            told.headers["Allow"] = refused.headers["Allow"]
        return told
    except Exception:  # the boundary: a client gets an answer whatever broke
        log.exception("a request failed unexpectedly", request_id=request[REQUEST_ID])
        return answer(request, Unforeseen())


def _note(error: BotError, *, request_id: str) -> None:
    if error.detail_is_ours and error.__cause__ is None:  # its own words say all that there is
        log.error("a request cannot be served", code=error.code, request_id=request_id, reason=str(error))
    else:
        log.exception("a request failed", code=error.code, request_id=request_id)


def reshape(request: web.Request, made: web.HTTPException) -> None:
    """An answer that the server made by itself, before anything of ours was asked, as a problem."""
    told = answer(request, ExpectationFailed() if isinstance(made, web.HTTPExpectationFailed) else _from_http(made))
    assert isinstance(told.body, bytes)
    made.body = told.body
    made.headers.update({**told.headers, "Content-Length": str(len(told.body))})  # that of its own was reckoned already


def _detail(error: BotError) -> str:
    """Whoever has no key may read it: not what a database says of its addresses, users and statements."""
    return str(error) if error.http_status < 500 or error.detail_is_ours else title(type(error))


def _from_http(refused: web.HTTPException) -> BotError:
    status = HTTPStatus(refused.status)
    error = BotError(f"{status.phrase}.", **_allowed(refused))
    error.code, error.http_status = status.phrase.lower().replace(" ", "_"), refused.status
    error.detail_is_ours = True
    return error


def _allowed(refused: web.HTTPException) -> dict[str, Any]:
    return {"allowed": sorted(refused.allowed_methods)} if isinstance(refused, web.HTTPMethodNotAllowed) else {}
