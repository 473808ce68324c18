"""Signing in by browser: what a cookie is good for, and for whom it is not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.api.sign_in import COOKIE, FAILURES_ALLOWED, FAILURES_WINDOW_S, MOST_ADDRESSES, Failures, TooManySignIns
from bot.store import sign_ins
from bot.store.sign_ins import SESSION_LIFE, TOKEN_LIFE
from tests.bot.api.dashboard_server import SESSION, Dashboard, dashboard_on
from tests.bot.clocks import HandClock
from tests.bot.stores import Seeded


@pytest.fixture
async def page(sqlite_store: Seeded, tmp_path: Path) -> AsyncIterator[Dashboard]:
    async with dashboard_on(sqlite_store, tmp_path) as dashboard:
        yield dashboard


async def test_a_token_is_exchanged_once_for_a_cookie_that_scripts_and_other_sites_never_see(page: Dashboard) -> None:
    token = await page.token()
    first = await page.ask("POST", SESSION, json={"token": token})
    cookie = first.cookies[COOKIE]
    assert (first.status, cookie["httponly"], cookie["samesite"], cookie["path"]) == (200, True, "Strict", "/")
    assert int(cookie["max-age"]) == SESSION_LIFE.total_seconds() and not cookie["secure"]
    assert (await page.ask("GET", "/api/v1/bots")).status == 200
    second = await page.ask("POST", SESSION, json={"token": token})
    assert (second.status, (await second.json())["code"]) == (401, "bad_setup_token")
    secure = await page.sign_in(origin=page.origin.replace("http:", "https:"))
    assert secure.cookies[COOKIE]["secure"], "where the browser speaks https"


async def test_with_a_cookie_nothing_is_changed_from_another_origin(page: Dashboard) -> None:
    await page.sign_in()
    for origin in ("https://evil.example", "null", "", "http://127.0.0.1:1", "http://[", "file://"):
        for method, path in (("POST", "/api/v1/bots"), ("DELETE", SESSION), ("POST", SESSION)):
            answer = await page.ask(method, path, origin=origin, json={})
            assert (answer.status, (await answer.json())["code"]) == (403, "cross_origin")
    assert (await page.ask("GET", "/api/v1/bots")).status == 200


async def test_a_session_ends_when_it_is_old_or_signed_out_and_the_cookie_goes(page: Dashboard) -> None:
    await page.sign_in()
    page.clock.advance(SESSION_LIFE.total_seconds())
    assert (await (await page.ask("GET", SESSION)).json())["code"] == "signed_out"
    await page.sign_in()
    secret = page.secret()
    assert (await page.ask("DELETE", SESSION)).status == 204
    assert page.secret() == ""
    stolen = await page.client.get("/api/v1/bots", cookies={COOKIE: secret})
    assert (stolen.status, (await stolen.json())["code"]) == (401, "signed_out")


async def test_failed_sign_ins_are_slowed_down_and_keep_nobody_out(page: Dashboard) -> None:
    wrong = [(await page.ask("POST", SESSION, json={"token": "x"})).status for _ in range(FAILURES_ALLOWED + 1)]
    assert wrong == [401] * FAILURES_ALLOWED + [429]
    assert (await page.sign_in()).status == 200, "behind a proxy the owner has the same address"
    page.clock.advance(FAILURES_WINDOW_S)
    old = await page.token()
    page.clock.advance(TOKEN_LIFE.total_seconds())
    assert (await page.ask("POST", SESSION, json={"token": old})).status == 401


async def test_an_operator_signs_every_browser_out_and_no_token_waits(page: Dashboard) -> None:
    await page.sign_in()
    waiting = await page.token()
    async with page.store.database.write() as session:
        assert await sign_ins.end_all(session, workspace_id="another") == 0
        assert await sign_ins.end_all(session, workspace_id=page.store.workspace.id) == 1
    assert (await page.ask("GET", SESSION)).status == 401
    assert (await page.ask("POST", SESSION, json={"token": waiting})).status == 401


def test_failures_of_many_addresses_are_bounded() -> None:
    failures = Failures(HandClock())
    for number in range(MOST_ADDRESSES + FAILURES_ALLOWED):
        failures.note(f"10.0.0.{number}")
    for _ in range(FAILURES_ALLOWED):
        failures.note("192.0.2.1")
    failures.check("10.0.0.0")
    with pytest.raises(TooManySignIns):
        failures.check("192.0.2.1")


NO_SIGN_INS = (
    (b"{", "application/json", 400),
    (b"[]", "application/json", 400),
    (b'{"token": 7}', "application/json", 401),
    (b'{"token": "\xc3\xa4\\ud800"}', "application/json", 401),
    (b"{}" + b" " * 2000, "application/json", 413),
    (b"token=x", "application/x-www-form-urlencoded", 415),
)


async def test_what_is_no_sign_in_is_a_problem(page: Dashboard) -> None:
    for body, kind, status in NO_SIGN_INS:
        headers = {"Content-Type": kind, "Origin": page.origin}
        answer = await page.client.post(SESSION, data=body, headers=headers)
        assert (answer.status, answer.content_type) == (status, "application/problem+json"), body
