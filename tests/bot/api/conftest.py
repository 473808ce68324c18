"""A real client on a real server on each database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from bot.api.app import make_app
from bot.calendars.google.client import App, Google
from bot.calendars.microsoft import client as microsoft_client
from bot.egress.requests import Egress
from bot.store import keys, workspaces
from tests.bot.stores import NOW, Seeded


class FixedClock:
    def monotonic_s(self) -> float:
        return 0.0

    def now(self) -> Any:
        return NOW

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("the API waits for nothing")


@dataclass(frozen=True, kw_only=True)
class Api:
    client: TestClient[Any, Any]
    store: Seeded
    key: str

    async def ask(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.key}", **options.pop("headers", {})}
        async with self.client.request(method, f"/api/v1{path}", headers=headers, **options) as response:
            return response.status, await response.json(content_type=None)

    async def with_key(self, *, workspace: str = "default", **may: Any) -> Api:
        """With another key: all scopes, or what is given."""
        async with self.store.database.write() as session:
            owner = await workspaces.ensure(session, slug=workspace)
            _, text = await keys.create(session, workspace_id=owner.id, name="test", **may)
        return replace(self, key=text)

    def new_bot(self, **more: Any) -> dict[str, Any]:
        url = "https://meet.google.com/abc-defg-hij"
        return {"meeting_url": url, "character_id": self.store.character.id, **more}


def google() -> Google:
    """As an installation has it that is registered with Google; nothing is asked of it here."""
    return Google(Egress(), App(client_id="id", client_secret="secret"))


def microsoft() -> microsoft_client.Microsoft:
    app = microsoft_client.App.at(
        microsoft_client.CLOUDS["global"], tenant="common", client_id="id", client_secret="secret"
    )
    return microsoft_client.Microsoft(Egress(), app)


@pytest.fixture
async def api(store: Seeded, tmp_path: Path) -> AsyncIterator[Api]:
    def split(name: str, text: str) -> list[tuple[str, str]]:
        return [(name, paragraph) for paragraph in text.split("\n\n")]

    providers: Any = {"google": google(), "microsoft": microsoft()}
    app = make_app(store.database, home=tmp_path, split=split, clock=FixedClock(), **providers)
    async with TestClient(TestServer(app)) as client:
        yield await Api(client=client, store=store, key="").with_key()
