"""Bodies that are not what their headers say: refused by name wherever one is read, and no fault of the server's."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bot.api import bodies
from bot.api.app import PREFIX, ROUTES, make_app
from bot.api.routes import Route
from bot.calendars.microsoft import source as microsoft_source
from tests.bot.api.conftest import FixedClock, google, microsoft
from tests.bot.api.test_live import key_of
from tests.bot.clocks import until
from tests.bot.stores import Seeded

WHOLE = b'{"token": "x"}'
PLAIN = zlib.compressobj(wbits=-zlib.MAX_WBITS)
RAW_DEFLATE = PLAIN.compress(WHOLE) + PLAIN.flush()
BROKEN: dict[str, tuple[str, bytes, int, str]] = {
    "no gzip": ("gzip", b"xx", 400, "malformed_body"),
    "no deflate": ("deflate", b"xx", 400, "malformed_body"),
    "plain": ("gzip", WHOLE, 400, "malformed_body"),
    "half a gzip": ("gzip", gzip.compress(WHOLE)[:-9], 400, "malformed_body"),
    "without its sum": ("gzip", gzip.compress(WHOLE)[:-4], 400, "malformed_body"),
    "a wrong sum": ("GZIP", gzip.compress(WHOLE)[:-4] + b"\0\0\0\0", 400, "malformed_body"),
    "half a deflate": ("deflate", zlib.compress(WHOLE)[:-5], 400, "malformed_body"),
    "half a raw one": ("deflate", RAW_DEFLATE[:-2], 400, "malformed_body"),
    "more behind": ("gzip", gzip.compress(WHOLE) + b"x", 400, "malformed_body"),
    "brotli": ("br", b"xx", 415, "unknown_content_encoding"),
    "zstandard": ("zstd", b"\x28\xb5\x2f\xfd", 415, "unknown_content_encoding"),
    "compress": ("compress", b"xx", 415, "unknown_content_encoding"),
    "nobody's": ("\u00e9gzip\u202e", WHOLE, 415, "unknown_content_encoding"),
    "twice": ("gzip, gzip", gzip.compress(gzip.compress(WHOLE)), 415, "unknown_content_encoding"),
    "a bomb": ("gzip", gzip.compress(bytes(9_000_000)), 413, "body_too_large"),
}
KINDS = pytest.mark.parametrize("kind", BROKEN)
TAKING = [route for route in ROUTES if route.takes_body]
OUTSIDE = ("/dashboard/session", microsoft_source.NOTICES_PATH)


@pytest.fixture
def app(sqlite_store: Seeded, tmp_path: Path) -> web.Application:
    providers: Any = {"google": google(), "microsoft": microsoft()}
    made = make_app(sqlite_store.database, home=tmp_path, split=lambda name, text: [], clock=FixedClock(), **providers)
    made[bodies.PATIENCE] = 0.05
    return made


@pytest.fixture
async def server(app: web.Application) -> AsyncIterator[TestClient[Any, Any]]:
    async with TestClient(TestServer(app)) as client:
        yield client


@pytest.fixture
async def headers(server: TestClient[Any, Any], sqlite_store: Seeded) -> dict[str, str]:
    origin = f"http://{server.host}:{server.port}"
    key = await key_of(sqlite_store)
    return {"Authorization": f"Bearer {key}", "Origin": origin, "Content-Type": "application/json"}


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> Any:
    """Looks, when it is called, whether something was told as a fault of ours."""
    caplog.set_level(logging.INFO)

    def check() -> None:
        assert not [one for one in caplog.records if one.exc_info or one.levelno >= logging.ERROR]

    return check


def path_of(route: Route) -> str:
    ids = dict.fromkeys(("bot_id", "character_id", "endpoint_id", "calendar_id", "event_id"), "x")
    return PREFIX + route.path.format_map(ids)


def lines_of(headers: dict[str, str]) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items())


async def kill(server: TestClient[Any, Any], headers: dict[str, str], more: str, body: bytes = b"") -> bytes:
    """What comes back for headers, and then a body: sent when the server has begun with the request."""
    reader, writer = await asyncio.open_connection(server.host, server.port)
    if body:
        more += "Expect: 100-continue\r\n"
    writer.write(f"POST /api/v1/kill HTTP/1.1\r\nHost: {server.host}\r\n{lines_of(headers)}{more}\r\n".encode())
    async with asyncio.timeout(5):
        if body:
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(body)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        answer = head + await reader.readexactly(int(length.split(b":")[1]))
    writer.close()
    return answer


@KINDS
async def test_a_body_that_is_not_what_its_encoding_says_is_a_documented_problem(
    server: TestClient[Any, Any], headers: dict[str, str], quiet: Any, kind: str
) -> None:
    encoding, sent, status, code = BROKEN[kind]
    told = {**headers, "Content-Encoding": encoding}
    for route in TAKING:
        async with server.request(route.method, path_of(route), data=sent, headers=told) as answer:
            problem = await answer.json(content_type="application/problem+json")
        assert (answer.status, problem["code"]) == (status, code), (route.name, problem)
        assert (status, code) in {(error.http_status, error.code) for error in route.all_errors}, route.name
        assert problem["request_id"] == answer.headers["X-Request-Id"]
        assert (answer.headers.get("Accept-Encoding") == "gzip, deflate") == (status == 415)
    quiet()


@KINDS
async def test_so_it_is_where_nobody_needs_a_key(
    server: TestClient[Any, Any], headers: dict[str, str], quiet: Any, kind: str
) -> None:
    encoding, sent, status, code = BROKEN[kind]
    told = {name: headers[name] for name in ("Origin", "Content-Type")} | {"Content-Encoding": encoding}
    for path in OUTSIDE:
        async with server.post(path, data=sent, headers=told) as answer:
            problem = await answer.json(content_type="application/problem+json")
        assert (answer.status, problem["code"]) == (status, code), (path, problem)
    quiet()


async def test_where_no_body_is_read_none_can_be_wrong(
    server: TestClient[Any, Any], headers: dict[str, str], quiet: Any
) -> None:
    for encoding, sent, _, _ in BROKEN.values():
        told = {**headers, "Content-Encoding": encoding}
        async with server.post(f"{PREFIX}/bots/x/kill", data=sent, headers=told) as answer:
            assert (answer.status, (await answer.json(content_type=None))["code"]) == (404, "unknown_bot"), encoding
    quiet()


PACKED = b'{"scheduled": true}'
GOOD = (
    *(("gzip", gzip.compress(PACKED)), ("X-GZip", gzip.compress(PACKED)), ("deflate", zlib.compress(PACKED))),
    *(("identity", PACKED), ("", PACKED), ("br", b""), ("gzip", b"")),
)


async def test_a_body_that_is_what_its_encoding_says_is_read(
    server: TestClient[Any, Any], headers: dict[str, str]
) -> None:
    for encoding, sent in GOOD:
        told = {**headers, "Content-Encoding": encoding}
        async with server.post(f"{PREFIX}/kill", data=sent, headers=told) as answer:
            assert answer.status == 202, (encoding, await answer.text())


async def test_deflate_without_its_header_is_read_too(server: TestClient[Any, Any], headers: dict[str, str]) -> None:
    told = {**headers, "Content-Encoding": "deflate"}
    async with server.post("/dashboard/session", data=RAW_DEFLATE, headers=told) as answer:
        assert (await answer.json(content_type=None))["code"] == "bad_setup_token"


CHUNKED = "Transfer-Encoding: chunked\r\n"
CUT_OFF = {
    "no size": (CHUNKED, b"zz\r\n{}\r\n"),
    "no size later": (CHUNKED, b"2\r\n{}\r\nzz\r\n"),
    "a longer chunk": (CHUNKED, b"2\r\n{}garbage\r\n"),
    "a huge size": (CHUNKED, b"fffffffffffffffff\r\n"),
    "no end": (CHUNKED, b"2\r\n{}\r\n"),
    "packed": (CHUNKED + "Content-Encoding: gzip\r\n", b"2\r\nxx\r\nzz\r\n"),
    "too short": ("Content-Length: 9\r\n", b"{"),
}


@pytest.mark.parametrize("kind", CUT_OFF)
async def test_a_body_whose_rest_never_comes_is_given_up_by_name(
    server: TestClient[Any, Any], headers: dict[str, str], quiet: Any, kind: str
) -> None:
    answer = await kill(server, headers, *CUT_OFF[kind])
    assert answer.startswith(b"HTTP/1.1 408 "), answer
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "body_too_slow"
    quiet()


NO_HTTP = (
    *("Transfer-Encoding: gzip, chunked, gzip\r\n", "Transfer-Encoding: nonsense\r\n"),
    *("Content-Length: two\r\n", "Content-Length: -2\r\n", "Content-Length: 2\r\nContent-Length: 3\r\n"),
    f"{CHUNKED}Content-Length: 2\r\n",
)


async def test_what_is_no_http_is_refused_and_told_without_a_traceback(
    server: TestClient[Any, Any], headers: dict[str, str], quiet: Any, caplog: pytest.LogCaptureFixture
) -> None:
    for more in NO_HTTP:
        assert b" 400 Bad Request\r\n" in await kill(server, headers, more), more
    assert [one.message for one in caplog.records].count("a request was no HTTP") == len(NO_HTTP)
    quiet()


async def test_a_client_that_goes_away_in_its_body_is_no_fault_of_ours(
    app: web.Application, quiet: Any, caplog: pytest.LogCaptureFixture
) -> None:
    runner = web.AppRunner(app)  # as `run_app` has it: a request goes on when its client is gone
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    reader, writer = await asyncio.open_connection(*runner.addresses[0][:2])
    more = "Host: here\r\nContent-Length: 99\r\nExpect: 100-continue\r\n"
    writer.write(f"POST {microsoft_source.NOTICES_PATH} HTTP/1.1\r\n{more}\r\n".encode())
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.transport.abort()
    await until(lambda: "aiohttp.access" in [one.name for one in caplog.records])  # the server is through with it
    await runner.cleanup()
    quiet()
