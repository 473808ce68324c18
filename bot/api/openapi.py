"""The OpenAPI 3.1 description, written from the table of routes. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from bot.api import problems
from bot.api.routes import Route
from bot.api.sign_in import COOKIE
from bot.domain import roles
from bot.domain.roles import Role
from bot.errors import BotError

_LICENSE = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
_SCHEMES = {
    "key": {"type": "http", "scheme": "bearer", "description": "uk_<id>_<secret>"},
    "session": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "of the dashboard"},
}
_RAW_SCHEMAS: dict[str, dict[str, Any]] = {  # of what is no JSON, by media type
    "text/event-stream": {  # of each event
        "type": "object",
        "properties": {name: {"type": "string"} for name in ("id", "event", "data")},
        "required": ["id", "event", "data"],
    }
}
_REF = "#/components/schemas/{model}"


def describe(
    routes: Sequence[Route], *, prefix: str, version: str, message: type[BaseModel] | None = None
) -> dict[str, Any]:
    """The document for `routes`, mounted below `prefix`; `message`: what webhooks bring."""
    models: list[tuple[type[BaseModel], Any]] = [(problems.Problem, "serialization")]
    models += [(route.answer, "serialization") for route in routes if route.raw is None]
    models += [(route.body, "validation") for route in routes if route.takes_body]
    models += [(message, "serialization")] if message else []
    refs, definitions = models_json_schema(models, ref_template=_REF)
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for route in routes:
        paths[prefix + route.path][route.method.lower()] = _operation(route, refs)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Understudy", "version": version, "license": _LICENSE},
        "servers": [{"url": "/"}],
        "security": [{"key": []}, {"session": []}],
        "paths": dict(paths),
        "webhooks": {"event": {"post": _received(refs[message, "serialization"])}} if message else {},
        "components": {
            "schemas": definitions.get("$defs", {}),
            "securitySchemes": _SCHEMES,
        },
    }


def _operation(route: Route, refs: Any) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "description": _needs(route),
        "tags": [route.tag],
        "parameters": [*_parameters(route.path_model, "path"), *_parameters(route.query, "query")],
        "responses": {
            str(route.status): {
                "description": "Done" if route.lines is None else "One such object a line",
                "content": _content(route, refs),
            }
        },
    }
    if route.changes:
        operation["parameters"].append(_REPEATABLE)
    if route.takes_body:
        operation["requestBody"] = {
            "required": route.body_required,
            "content": {"application/json": {"schema": refs[route.body, "validation"]}},
        }
    problem = {"schema": refs[problems.Problem, "serialization"]}
    for status, errors in _by_status((*route.all_errors, BotError)).items():
        lines = "\n".join(f"- `{error.code}`: {problems.title(error)}" for error in errors)
        operation["responses"][status] = {"description": lines, "content": {problems.MEDIA_TYPE: problem}}
    return operation


def _needs(route: Route) -> str:
    above = [role for role in Role if route.scope in roles.SCOPES[role] and role is not route.role]
    or_more = f" or {', '.join(f'`{role}`' for role in above)}" if above else ""
    return f"Needs the role `{route.role}`{or_more}, or a key with the scope `{route.scope}`."


_REPEATABLE = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "sent again with the same key within 24 h, a request is done once and answered as before",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}


def _received(schema: Any) -> dict[str, Any]:
    named = {"webhook-id": "the same at every attempt", "webhook-timestamp": "Unix seconds of this attempt"}
    named["webhook-signature"] = "v1,BASE64 of HMAC-SHA256 over id.timestamp.body; one for each secret, with a space"
    headers = [
        {"name": name, "in": "header", "required": True, "description": line, "schema": {"type": "string"}}
        for name, line in named.items()
    ]
    return {
        "operationId": "receive_event",
        "summary": "What a webhook endpoint of yours is sent, by Standard Webhooks",
        "tags": ["webhooks"],
        "security": [],
        "parameters": headers,
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {
            "2XX": {"description": "Taken; it is not sent again"},
            "410": {"description": "Nothing more is wanted: the endpoint is disabled"},
            "default": {"description": "Sent again, ten times in 75 hours; `Retry-After` is heeded"},
        },
    }


def _content(route: Route, refs: Any) -> dict[str, Any]:
    if route.raw is not None:
        return {kind: {"schema": _RAW_SCHEMAS.get(kind, {"type": "string"})} for kind in route.raw_types}
    return {route.media_type: {"schema": refs[route.answer, "serialization"]}}


def _by_status(errors: Iterable[type[BotError]]) -> dict[str, list[type[BotError]]]:
    grouped: dict[str, list[type[BotError]]] = defaultdict(list)
    for error in errors:
        grouped[str(error.http_status)].append(error)
    return dict(sorted(grouped.items()))


def _parameters(model: type[BaseModel], place: str) -> list[dict[str, Any]]:
    schema = inlined(model.model_json_schema())
    required = set(schema.get("required", ()))
    return [
        {
            "name": name,
            "in": place,
            "required": place == "path" or name in required,
            "schema": properties,
        }
        for name, properties in schema.get("properties", {}).items()
    ]


def inlined(schema: Any, shared: dict[str, Any] | None = None) -> Any:
    """The schema with references replaced by what they name, for places that cannot hold definitions of their own."""
    if isinstance(schema, list):
        return [inlined(one, shared) for one in schema]
    if not isinstance(schema, dict):
        return schema
    shared = schema.get("$defs", {}) if shared is None else shared
    if "$ref" in schema:
        return inlined(shared[schema["$ref"].rsplit("/", 1)[1]], shared)
    return {key: inlined(value, shared) for key, value in schema.items() if key != "$defs"}
