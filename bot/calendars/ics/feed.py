"""Fetching a feed: by the guarded egress, only when it has changed, following a few redirects, each judged anew."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urljoin, urlsplit

from bot.calendars.answers import retry_after_s
from bot.egress import addresses
from bot.egress.addresses import Network
from bot.egress.requests import Answer, Limits
from bot.errors import Unavailable

MOST_BYTES = 16 * 1024 * 1024
MOST_REDIRECTS = 3
LIMITS = Limits(total_s=60.0, body_bytes=MOST_BYTES, body_s=40.0)
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SHOWN_CHARACTERS = 4


class FeedRefused(Unavailable):
    """The calendar's server does not give the feed; its address may have been withdrawn or need a sign-in."""

    code, retryable = "feed_refused", False


class FeedGone(Unavailable):
    """The calendar's server knows no feed at this address."""

    code = "feed_gone"


class FeedUnavailable(Unavailable):
    """The calendar's server cannot give the feed now."""

    code = "feed_unavailable"


class NoCalendar(Unavailable):
    """What the address leads to is no calendar, or one that is too long."""

    code = "no_calendar"


# status: what it means; of those not named 4xx is a refusal, and anything else is tried again
_FAILURES: dict[int, type[Unavailable]] = {
    401: FeedRefused,
    403: FeedRefused,
    404: FeedGone,
    408: FeedUnavailable,
    410: FeedGone,
    425: FeedUnavailable,
    429: FeedUnavailable,
}


class Sender(Protocol):
    async def request(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """Raises AddressRefused, NameUnknown, NoAnswer."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Fetched:
    text: str | None  # None: as it was
    cursor: dict[str, Any]


def feed_address(text: str, allow: tuple[Network, ...] = ()) -> str:
    """The address of a feed as it is asked for; webcal:// is https://. Raises AddressRefused."""
    text = text.strip()
    scheme, _, rest = text.partition("://")
    text = f"https://{rest}" if scheme.lower() in ("webcal", "webcals") else text
    return addresses.parse(text, allow).url


def shown(url: str) -> str:
    """What of an address may be shown: not the part that opens the calendar."""
    return f"{urlsplit(url).hostname}/…{url[-_SHOWN_CHARACTERS:]}"


async def fetch(sender: Sender, url: str, cursor: Mapping[str, Any]) -> Fetched:
    """Raises FeedRefused, FeedGone, FeedUnavailable, NoCalendar, AddressRefused, NameUnknown, NoAnswer."""
    asked = {"Accept": "text/calendar, */*;q=0.1", "User-Agent": "Understudy"}
    known = {"If-None-Match": cursor.get("etag"), "If-Modified-Since": cursor.get("last_modified")}
    headers = asked | {name: value for name, value in known.items() if value}
    for _ in range(MOST_REDIRECTS + 1):
        answer = await sender.request("GET", url, headers=headers)
        said = {name.lower(): value for name, value in answer.headers.items()}
        if answer.status not in _REDIRECTS or "location" not in said:
            return _read(answer, said, cursor)
        try:
            url = urljoin(url, said["location"])
        except ValueError as error:
            raise FeedUnavailable("The calendar's server sends us to what is no address.") from error
    raise FeedUnavailable("The calendar's server sends us from one address to the next.")


def _read(answer: Answer, said: Mapping[str, str], cursor: Mapping[str, Any]) -> Fetched:
    if answer.status == 304:
        return Fetched(text=None, cursor=dict(cursor))
    if answer.status != 200:
        refused = FeedRefused if 400 <= answer.status < 500 else FeedUnavailable
        raise _FAILURES.get(answer.status, refused)(None, status=answer.status, asked_s=retry_after_s(said))
    if answer.cut:
        raise NoCalendar(f"The calendar is longer than {MOST_BYTES // 2**20} MB, or came too slowly.")
    text = answer.body.decode("utf-8-sig", errors="replace")
    if "BEGIN:VCALENDAR" not in text[:4096].upper():
        raise NoCalendar
    digest = hashlib.sha256(answer.body).hexdigest()
    kept = {"etag": said.get("etag", "")[:512], "last_modified": said.get("last-modified", "")[:128], "sha256": digest}
    return Fetched(text=None if digest == cursor.get("sha256") else text, cursor=kept)
