"""A provider's server, our API and a keeper that follow it, and a person who connects their calendar in a browser."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Generic, TypeVar

from aiohttp import CookieJar
from aiohttp.test_utils import TestClient, TestServer, unused_port

from bot.api.app import make_app
from bot.api.metrics import Access
from bot.calendars.ics.feed import LIMITS
from bot.calendars.keeper import Keeper
from bot.egress.addresses import parse_networks
from bot.egress.requests import Egress
from bot.rehearsal.calendar_server import CalendarServer
from bot.store import keys
from bot.vault import Vault
from tests.bot.calendars.feeds import ZOOM
from tests.bot.calendars.publishers import Office
from tests.bot.clocks import HandClock
from tests.bot.stores import NOW, Seeded

ANN = "ann@own.org"
OWN_HOST = "meet.own.org"
S = TypeVar("S", bound=CalendarServer)


@dataclass(kw_only=True)
class Scene(Generic[S]):
    provider: str
    server: S
    calendar: str
    timed: Callable[..., dict[str, Any]]
    office: Office
    client: TestClient[Any, Any]
    key: str

    async def ask(self, method: str, path: str, **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.key}"}
        async with self.client.request(method, f"/api/v1{path}", headers=headers, **options) as answer:
            return await answer.json()

    async def begin(self) -> str:
        """Where the owner's browser is to go."""
        wanted = {"owner": ANN, "calendar": self.calendar, "character_id": self.office.store.character.id}
        said = await self.ask("POST", f"/calendars/{self.provider}", json={**wanted, "rules": {"join": "all"}})
        return str(said["consent_url"])

    async def steps(self, url: str, *, until: str = "/dashboard") -> list[str]:
        """By the page, through the provider's consent, and back: where a browser is led."""
        led: list[str] = []
        while until not in url:
            async with self.client.session.get(url, allow_redirects=False) as page:
                assert page.status in (302, 303), await page.text()
                led.append(url := page.headers["Location"])
        return led

    async def first_step(self, url: str) -> tuple[str, str]:
        """Where our page leads the browser, and the cookie it leaves."""
        async with self.client.session.get(url, allow_redirects=False) as page:
            return page.headers["Location"], page.headers["Set-Cookie"]

    async def connect(self) -> list[str]:
        led = await self.steps(await self.begin())
        await self.office.keeper.sync_due()
        return led

    def put(self, item: dict[str, Any], calendar: str = "") -> None:
        self.server.put(calendar or self.calendar, item)  # type: ignore[attr-defined]

    def at(self, minutes: float, event_id: str = "a", **more: Any) -> None:
        start = NOW + timedelta(minutes=minutes)
        more = {**self.where(ZOOM), **more}
        self.put(self.timed(event_id, start, start + timedelta(minutes=30), **more))

    def where(self, url: str) -> dict[str, Any]:
        return {"location": {"displayName": url} if self.provider == "microsoft" else url}

    async def heard(self) -> list[str]:
        """What is told arrives, and is read at once: the bots after it."""
        await self.server.told()
        await self.office.keeper.sync_due()
        return await self.office.joins()

    async def forged(self) -> float:
        """As metrics tell it."""
        async with self.client.get("/metrics") as answer:
            told = await answer.text()
        name = f'understudy_calendar_notices_forged_total{{provider="{self.provider}"}} '
        return next((float(line.removeprefix(name)) for line in told.splitlines() if line.startswith(name)), 0.0)

    def another_browser(self) -> None:
        jar = self.client.session.cookie_jar
        assert isinstance(jar, CookieJar)
        jar.clear()


@asynccontextmanager
async def playing(
    server: S,
    store: Seeded,
    folder: Path,
    *,
    provider: str,
    calendar: str,
    client: Callable[[Egress], Any],
    source: Callable[..., Any],
    timed: Callable[..., dict[str, Any]],
) -> AsyncIterator[Scene[S]]:
    clock, port = HandClock(), unused_port()
    vault, sender = Vault(folder / "secret-keys"), Egress(allow=parse_networks("127.0.0.1"), limits=LIMITS)
    server.time_s = lambda: clock.now().timestamp()
    async with server.serving():
        of_provider, public_url = client(sender), f"http://127.0.0.1:{port}"
        given: dict[str, Any] = {"clock": clock, "vault": vault, "public_url": public_url, provider: of_provider}
        api = make_app(store.database, home=folder, split=lambda _n, _t: [], metrics=Access(), **given)
        sources = {provider: source(of_provider, store.database, vault, public_url=public_url, own_hosts=(OWN_HOST,))}
        keeper = Keeper(store.database, vault, sources, clock=clock, chance=lambda: 1.0)
        async with TestClient(TestServer(api, port=port)) as browser:
            async with store.database.write() as session:
                mine = {"workspace_id": store.workspace.id, "name": "t", "scopes": keys.ALL_SCOPES}
                _, key = await keys.create(session, **mine)
            office = Office(store=store, keeper=keeper, vault=vault, clock=clock)
            parts: dict[str, Any] = {"provider": provider, "calendar": calendar, "timed": timed}
            yield Scene(server=server, office=office, client=browser, key=key, **parts)
