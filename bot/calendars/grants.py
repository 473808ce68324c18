"""Grants by OAuth 2: a person's yes made into tokens, and the one that opens a calendar kept whenever it changes.

A provider may give another refresh token at every use. It is written down at once, in a transaction of its own and
before anything is read with it: what goes wrong later does not lose it, and no transaction waits for a server.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlencode

from bot.calendars import answers
from bot.calendars.answers import Row
from bot.calendars.fields import text
from bot.calendars.ics.feed import Sender
from bot.errors import Unavailable
from bot.store import calendars
from bot.store.calendars import Calendar
from bot.store.session import Database
from bot.vault import Vault


class GrantRevoked(Unavailable):
    """The grant to read this calendar has ended; connect it again."""

    code, retryable = "grant_revoked", False


class NoLastingGrant(Unavailable):
    """The provider let the calendar be read for an hour and no longer. Take this application out of what the account
    has allowed, and connect the calendar again."""

    code, retryable = "no_lasting_grant", False


class GrantReplaced(Unavailable):
    """Another grant has taken the place of this one while it was used; the calendar is read with that one."""

    code = "grant_replaced"


class BadRegistration(Unavailable):
    """The provider does not accept this installation's registration: its client secret is wrong or has ended."""

    code = "bad_registration"


# RFC 6749, 5.2, and what OpenID Connect adds: an operator's mistake ends nobody's grant.
ERRORS: tuple[Row, ...] = (
    (None, "invalid_grant", GrantRevoked),
    (None, "interaction_required", GrantRevoked),
    (None, "consent_required", GrantRevoked),
    (None, "login_required", GrantRevoked),
    (None, "invalid_client", BadRegistration),
    (None, "unauthorized_client", BadRegistration),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Registration:
    """This installation's, with a provider, and where the provider is."""

    client_id: str
    client_secret: str = field(repr=False)
    consent: str
    token: str
    api: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Grant:
    access_token: str = field(repr=False)
    refresh_token: str = field(default="", repr=False)  # empty: the one we have stays


class Provider(Protocol):
    """Who grants."""

    def consent_url(self, *, redirect_uri: str, state: str, challenge: str) -> str:
        """Where a person says yes."""
        ...

    async def exchange(self, code: str, *, redirect_uri: str, verifier: str) -> Grant:
        """Raises GrantRevoked for a code that is not one, or was asked for with another challenge."""
        ...

    async def access(self, refresh_token: str) -> Grant:
        """Raises GrantRevoked, BadRegistration."""
        ...


def challenge_of(verifier: str) -> str:
    """What is shown of a secret when a code is asked for (PKCE, RFC 7636, 4.2: S256): whoever only sees the code go by
    cannot use it."""
    return urlsafe_b64encode(hashlib.sha256(verifier.encode("ascii", "replace")).digest()).rstrip(b"=").decode()


def asked_for_code(at: Registration, *, redirect_uri: str, state: str, challenge: str) -> dict[str, str]:
    """What every provider is asked by (RFC 6749, 4.1.1; RFC 7636, 4.3)."""
    asked = {"client_id": at.client_id, "redirect_uri": redirect_uri, "response_type": "code", "state": state}
    return asked | {"code_challenge": challenge, "code_challenge_method": "S256"}


async def ask(
    sender: Sender, at: Registration, table: Sequence[Row], otherwise: type[Unavailable], **asked: str
) -> Grant:
    """Of the token endpoint. Raises GrantRevoked, BadRegistration, what the table says."""
    secret = {"client_id": at.client_id, "client_secret": at.client_secret}
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await sender.request("POST", at.token, headers=headers, body=urlencode({**asked, **secret}).encode())
    said = answers.read(answer, (*ERRORS, *table), otherwise)
    made = Grant(access_token=text(said.get("access_token")), refresh_token=text(said.get("refresh_token")))
    if not made.access_token:
        raise otherwise("The provider gave no token.")
    return made


async def opened(provider: Provider, calendar: Calendar, secret: str, *, database: Database, vault: Vault) -> Grant:
    """What reads this calendar now. Raises GrantRevoked, GrantReplaced, BadRegistration, what the provider's table
    says."""
    try:
        grant = await provider.access(secret)
    except GrantRevoked as error:  # a server may take each token once, and another reader has been first
        async with database.read() as session:
            if await calendars.is_opened_otherwise(session, calendar):
                raise GrantReplaced from error
        raise
    if grant.refresh_token and grant.refresh_token != secret:
        place = calendars.place(calendar.id)
        sealed = vault.seal(grant.refresh_token, place=place)
        async with database.write() as session:
            await calendars.rotated(
                session,
                calendar,
                sealed_secret=sealed,
                is_the_same=lambda stored: vault.open(stored, place=place) == secret,
            )
    return grant
