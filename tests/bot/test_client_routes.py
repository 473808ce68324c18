"""The client is whole: every operation of the API is a method of it, and every noun has what the API says of it."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import is_dataclass
from datetime import datetime
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import AwareDatetime, BaseModel

from bot.api.app import ROUTES, make_app
from bot.api.routes import PREFIX, Route
from bot.client import ApiError, Client
from tests.bot.api.conftest import google, microsoft
from tests.bot.api.dashboard_server import split
from tests.bot.api.test_live import key_of
from tests.bot.clocks import HandClock
from tests.bot.stores import NOW, Seeded

LEFT_OUT = {"export_turns": "`turns` reads the same, page by page"}  # operation: why no method reaches it
GIVEN: dict[str, Any] = {  # by a parameter's name
    **dict.fromkeys(("bot_id", "character_id", "calendar_id", "event_id", "endpoint_id", "delivery_id", "key_id"), "x"),
    **dict.fromkeys(("join_at", "since"), NOW),
    "meeting_url": "https://meet.google.com/abc-defg-hij",
    "url": "https://example.com/x",
    "owner": "ann@own.org",
    "name": "x.png",
    "text": "Hello",
    "image": b"GIF",
    "likeness": "fictional",
    "join": None,
}
MORE: dict[str, list[dict[str, Any]]] = {  # what else is given, once for each
    "consent_url": [{"provider": "google"}, {"provider": "microsoft"}],
    "create_key": [{"role": "viewer"}],
}
Operations = dict[str, list[Route]]  # that were asked, by the method that did


def methods() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, method in inspect.getmembers(Client, inspect.isfunction):
        if name.startswith("_"):
            continue
        wanted = inspect.signature(method).parameters.values()
        needed = {one.name for one in wanted if one.default is one.empty and one.kind is not one.VAR_KEYWORD}
        for more in MORE.get(name, [{}]):
            yield name, {one: GIVEN[one] for one in needed - {"self", *more}} | more


async def ask(client: Client, name: str, given: dict[str, Any]) -> None:
    """Once; that there is no such thing is an answer, that the question was wrong is none."""
    answer = getattr(client, name)(**given)
    try:
        if not inspect.isasyncgen(answer):
            await answer
            return
        async with aclosing(answer):
            await anext(answer, None)
    except ApiError as error:
        assert error.code != "invalid_request", (name, error)


@pytest.fixture
async def operations(sqlite_store: Seeded, tmp_path: Path) -> AsyncIterator[Operations]:
    providers: Any = {"google": google(), "microsoft": microsoft()}
    app = make_app(sqlite_store.database, home=tmp_path, split=split, clock=HandClock(), **providers)
    known = {(route.method, PREFIX + route.path): route for route in ROUTES}
    asked: list[Route] = []

    async def note(request: web.Request, _answer: web.StreamResponse) -> None:
        resource = request.match_info.route.resource
        asked.append(known[request.method, resource.canonical if resource else request.path])

    app.on_response_prepare.append(note)
    found: Operations = {}
    async with TestServer(app) as server:
        url, key = f"http://{server.host}:{server.port}", await key_of(sqlite_store)
        async with Client(url, key, clock=HandClock()) as client:
            for name, given in methods():
                asked.clear()
                await ask(client, name, given)
                found.setdefault(name, []).extend(asked)
        yield found


async def test_every_operation_is_a_method_or_is_left_out_for_a_reason(operations: Operations) -> None:
    asked = [route.name for routes in operations.values() for route in routes]
    assert len(asked) == len(set(asked)), "two methods ask the same, or one asks twice"
    assert {*asked, *LEFT_OUT} == {route.name for route in ROUTES} and not LEFT_OUT.keys() & asked


async def test_every_noun_has_the_fields_that_the_api_says_and_their_types(operations: Operations) -> None:
    compared = 0
    for name, (route, *_) in operations.items():
        noun = noun_in(get_type_hints(getattr(Client, name))["return"])
        if noun is None or route.raw is not None:  # a number, a text, a picture; or events as they are
            continue
        listed = route.answer.model_fields.get("data")
        compare(noun, (model_in(listed.annotation) if listed else None) or route.answer)
        compared += 1
    assert compared > 30


def compare(noun: type, model: type[BaseModel]) -> None:
    hints, said = get_type_hints(noun), {name: field.annotation for name, field in model.model_fields.items()}
    assert hints.keys() == said.keys(), noun
    for name, hint in hints.items():
        assert shape(hint) == shape(said[name]), (noun, name)
        inner, inner_said = noun_in(hint), model_in(said[name])
        assert (inner is None) == (inner_said is None), (noun, name)
        if inner is not None and inner_said is not None:
            compare(inner, inner_said)


def shape(hint: Any) -> tuple[bool, bool, bool]:
    """May it be missing, is it a time, are there several?"""
    kinds = (hint, *get_args(hint))
    return NoneType in kinds, datetime in kinds or AwareDatetime in kinds, get_origin(hint) is list


def noun_in(hint: Any) -> type | None:
    return next((one for one in (hint, *get_args(hint)) if isinstance(one, type) and is_dataclass(one)), None)


def model_in(hint: Any) -> type[BaseModel] | None:
    kinds = (one for one in (hint, *get_args(hint)) if isinstance(one, type))
    return next((one for one in kinds if issubclass(one, BaseModel)), None)
