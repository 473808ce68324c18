"""Connecting a calendar by its owner's consent: there by an address of ours, and back with a code.

The way there leaves a cookie in the browser that goes it, and the way back is good for that browser alone, for ten
minutes: nobody can send another's browser back with a consent of their own, or use one that they have seen go by; the
provider checks the same (PKCE, with the cookie as verifier). What was asked for travels along, sealed.
"""

from __future__ import annotations

import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from bot.api.problems import InvalidRequest
from bot.calendars.channels import hashed, new_token
from bot.calendars.connect import connect_granted
from bot.calendars.grants import NoLastingGrant, Provider, challenge_of
from bot.calendars.model import Rules
from bot.calendars.owners import owner_of
from bot.calendars.shape import rules_body, rules_of
from bot.clock import Clock
from bot.store.session import Database
from bot.vault import SecretUnreadable, Vault

COOKIE = "understudy_consent"
LASTS = timedelta(minutes=10)
PAGE = "/dashboard/#/calendar"


def begin_path(provider: str) -> str:
    return f"/calendars/{provider}/begin"


def callback_path(provider: str) -> str:
    return f"/calendars/{provider}/callback"


def begin_url(
    vault: Vault,
    *,
    provider: str,
    public_url: str,
    workspace_id: str,
    owner: str,
    calendar: str,
    character_id: str,
    rules: Rules,
    now: datetime,
) -> str:
    """What a person opens to let their calendar be read; for ten minutes. Raises BadOwner."""
    wanted: dict[str, Any] = {
        "workspace_id": workspace_id,
        "owner": owner_of(owner),
        "calendar": calendar,
        "character_id": character_id,
    }
    wanted |= {"rules": rules_body(rules), "until": (now + LASTS).isoformat()}
    asked = vault.seal(json.dumps(wanted), place=_place(provider, "asked"))
    return f"{public_url.rstrip('/')}{begin_path(provider)}?asked={asked}"


class ConsentDoor:
    def __init__(
        self, database: Database, vault: Vault, client: Provider, *, provider: str, public_url: str, clock: Clock
    ) -> None:
        self._database, self._vault, self._client, self._clock = database, vault, client, clock
        self._provider, self._public_url = provider, public_url.rstrip("/")
        self._redirect_uri = f"{self._public_url}{callback_path(provider)}"

    def add_to(self, router: web.UrlDispatcher) -> None:
        router.add_get(begin_path(self._provider), self._begin)
        router.add_get(callback_path(self._provider), self._come_back)

    def consent_url(self, *, workspace_id: str, owner: str, calendar: str, character_id: str, rules: Rules) -> str:
        """Where a person says yes. Raises BadOwner."""
        return begin_url(
            self._vault,
            provider=self._provider,
            public_url=self._public_url,
            workspace_id=workspace_id,
            owner=owner,
            calendar=calendar,
            character_id=character_id,
            rules=rules,
            now=self._clock.now(),
        )

    async def _begin(self, request: web.Request) -> web.Response:
        """Raises InvalidRequest."""
        wanted = self._opened(request.query.get("asked", ""), "asked")
        if wanted is None:
            raise InvalidRequest([])
        browser = new_token()
        state = self._vault.seal(
            json.dumps({**wanted, "browser_sha256": hashed(browser)}), place=_place(self._provider, "state")
        )
        shown = challenge_of(browser)  # the cookie is its verifier
        to = self._client.consent_url(redirect_uri=self._redirect_uri, state=state, challenge=shown)
        answer = web.Response(status=303, headers={"Location": to, "Referrer-Policy": "no-referrer"})
        answer.set_cookie(COOKIE, browser, **self._cookie(), max_age=round(LASTS.total_seconds()))
        return answer

    async def _come_back(self, request: web.Request) -> web.Response:
        """With a code, or with nothing where they said no. Raises InvalidRequest, GrantRevoked, BadRegistration,
        NoLastingGrant."""
        if request.query.get("error"):
            return web.Response(status=303, headers={"Location": PAGE})
        wanted = self._opened(request.query.get("state", ""), "state")
        code, browser = request.query.get("code", ""), request.cookies.get(COOKIE, "")
        if wanted is None or not code or not hmac.compare_digest(hashed(browser), wanted["browser_sha256"]):
            raise InvalidRequest([])
        grant = await self._client.exchange(code, redirect_uri=self._redirect_uri, verifier=browser)
        if not grant.refresh_token:
            raise NoLastingGrant
        async with self._database.write() as session:
            await connect_granted(
                session,
                self._vault,
                provider=self._provider,
                workspace_id=wanted["workspace_id"],
                owner=wanted["owner"],
                calendar=wanted["calendar"],
                refresh_token=grant.refresh_token,
                character_id=wanted["character_id"],
                rules=rules_of(wanted["rules"]),
                now=self._clock.now(),
            )
        answer = web.Response(status=303, headers={"Location": PAGE})
        answer.del_cookie(COOKIE, **self._cookie())
        return answer

    def _cookie(self) -> dict[str, Any]:
        """Sent along when another site leads back to us, and to nothing else of ours."""
        secure = self._public_url.lower().startswith("https:")
        return {"path": f"/calendars/{self._provider}", "httponly": True, "samesite": "Lax", "secure": secure}

    def _opened(self, sealed: str, what: str) -> dict[str, Any] | None:
        try:
            wanted: dict[str, Any] = json.loads(self._vault.open(sealed, place=_place(self._provider, what)))
        except SecretUnreadable:
            return None
        return wanted if datetime.fromisoformat(wanted["until"]).astimezone(UTC) > self._clock.now() else None


def _place(provider: str, what: str) -> str:
    return f"calendars.{provider}_{what}"
