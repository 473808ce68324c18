"""The dashboard as files: what a browser is told to run, keep and refuse; pictures that are only pictures."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.assets import camera_picture
from bot.dashboard import STATIC
from bot.library import SHIPPED
from bot.meeting.badge import neutral_picture
from bot.meeting.thumbnail import thumbnail
from bot.store import characters
from tests.bot.api.dashboard_server import Dashboard, dashboard_on
from tests.bot.stores import Seeded

README = (STATIC.parent / "README.md").read_text()
OWN = sorted(STATIC.glob("*.js"))
PNG = b"\x89PNG\r\n\x1a\n" + bytes(16)


@pytest.fixture
async def page(sqlite_store: Seeded, tmp_path: Path) -> AsyncIterator[Dashboard]:
    async with dashboard_on(sqlite_store, tmp_path) as dashboard:
        yield dashboard


async def test_the_policy_runs_our_files_and_the_one_import_map_and_nothing_else(page: Dashboard) -> None:
    answer = await page.ask("GET", "/dashboard/")
    rules = dict(rule.split(" ", 1) for rule in answer.headers["Content-Security-Policy"].split("; "))
    inline = re.findall(r"<script[^>]*>(.+?)</script>", await answer.text(), re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in inline]
    assert rules["script-src"] == f"'self' 'sha256-{digests[0]}'" and len(digests) == 1
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == rules["frame-ancestors"] == "'none'"
    assert rules["style-src"] == rules["img-src"] == rules["connect-src"] == "'self'"
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert "style=" not in await answer.text() and "<style" not in await answer.text()


async def test_every_file_has_its_type_and_is_asked_for_again_before_it_is_used(page: Dashboard) -> None:
    kinds = {"": "text/html", "app.js": "text/javascript", "style.css": "text/css", "icon.svg": "image/svg+xml"}
    for name, kind in {**kinds, "vendor/preact-LICENSE": "text/plain"}.items():
        answer = await page.ask("GET", f"/dashboard/{name}")
        kept = {"If-None-Match": answer.headers["ETag"]}
        again = await page.client.get(f"/dashboard/{name}", headers=kept)
        assert (answer.status, answer.content_type, again.status) == (200, kind, 304)
        assert answer.headers["Cache-Control"] == "no-cache"
        assert answer.headers["X-Content-Type-Options"] == "nosniff" and answer.headers["X-Frame-Options"] == "DENY"


async def test_the_root_leads_to_the_page_and_nothing_outside_its_folder_is_served(page: Dashboard) -> None:
    for path in ("/", "/dashboard"):
        answer = await page.client.get(path, allow_redirects=False)
        assert (answer.status, answer.headers["Location"]) == (307, "/dashboard/")
    for path in ("../README.md", "%2e%2e/README.md", "..%2f..%2fconfig.py", "vendor", "nothing.js"):
        assert (await page.client.get(f"/dashboard/{path}")).status == 404
    assert (await page.ask("GET", "/api/v1/bots")).headers["Cache-Control"] == "no-store"


def test_vendored_files_are_those_the_readme_names() -> None:
    told = dict(re.findall(r"^\| `(vendor/\S+)` .*`([0-9a-f]{64})` \|$", README, re.MULTILINE))
    found = {
        f"vendor/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest() for path in STATIC.glob("vendor/*.js")
    }
    assert told == found
    assert {path.name for path in STATIC.glob("vendor/*-LICENSE")} == {"preact-LICENSE", "htm-LICENSE"}


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_no_own_file_makes_markup_or_code_of_a_string(path: Path) -> None:
    text = path.read_text()
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "style="):
        assert word not in text
    assert text.startswith("// ") and len(text.splitlines()) <= 300


async def test_pictures_come_as_pictures_or_not_at_all(page: Dashboard) -> None:
    await page.sign_in()
    bot = await page.store.bot()
    folder = page.home / "evidence" / bot.id
    folder.mkdir(parents=True)
    (folder / "full.png").write_bytes(PNG)
    (folder / "page.png").write_bytes(b"<script>alert(1)</script>")
    (folder / "link.png").symlink_to(folder / "full.png")
    shown = await page.ask("GET", f"/api/v1/bots/{bot.id}/evidence/full.png")
    assert (shown.status, shown.content_type, await shown.read()) == (200, "image/png", PNG)
    assert (
        shown.headers["X-Content-Type-Options"] == "nosniff" and "sandbox" in shown.headers["Content-Security-Policy"]
    )
    for name, status in (
        ("page.png", 404),
        ("link.png", 404),
        ("no.png", 404),
        ("full.html", 422),
        ("..%2Fa.png", 422),
    ):
        assert (await page.ask("GET", f"/api/v1/bots/{bot.id}/evidence/{name}")).status == status
    assert (await page.ask("GET", "/api/v1/bots/nobody/evidence/full.png")).status == 404


async def test_what_a_bot_shows_is_there_once_it_has_shown_something(page: Dashboard) -> None:
    await page.sign_in()
    bot = await page.store.bot()
    address = f"/api/v1/bots/{bot.id}/picture"
    assert (await page.ask("GET", address)).status == 404
    kept = camera_picture(page.home, bot.id)
    kept.parent.mkdir(parents=True)
    kept.write_bytes(thumbnail(neutral_picture(320, 180)))
    shown = await page.ask("GET", f"{address}?at=1")
    assert (shown.status, shown.content_type, await shown.read()) == (200, "image/jpeg", kept.read_bytes())
    assert (await page.ask("GET", f"{address}?at=x")).status == 422


async def test_what_a_bot_showed_is_not_there_any_more_when_the_consent_to_its_face_has_ended(page: Dashboard) -> None:
    await page.sign_in()
    bot = await page.store.bot()
    kept = camera_picture(page.home, bot.id)
    kept.parent.mkdir(parents=True)
    kept.write_bytes(thumbnail(neutral_picture(320, 180)))
    mine = {"workspace_id": page.store.workspace.id}
    async with page.store.database.write() as session:
        await characters.withdraw_consent(session, bot.character_id, **mine, now=page.clock.now())
    assert (await page.ask("GET", f"/api/v1/bots/{bot.id}/picture")).status == 404


async def test_a_characters_picture_is_shown_where_there_is_one(page: Dashboard) -> None:
    await page.sign_in()
    new = characters.NewCharacter(name="Milo", image_path=str(SHIPPED / "portrait.png"), likeness="fictional")
    async with page.store.database.write() as session:
        made = await characters.create(session, workspace_id=page.store.workspace.id, new=new)
    shown = await page.ask("GET", f"/api/v1/characters/{made.id}/image")
    missing = await page.ask("GET", f"/api/v1/characters/{page.store.character.id}/image")
    assert (shown.status, shown.content_type, missing.status) == (200, "image/png", 404)
