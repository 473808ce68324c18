"""What the way into a meeting is opened with stays out of what is kept of it: passcodes, tokens. Pure: text in, text
out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from urllib.parse import parse_qsl, quote, quote_plus, urlsplit

from connectors.base import JoinRequest

HIDDEN = "[hidden]"
SHORTEST = 3  # what is shorter would be found in every other word
_NAMES = frozenset({"pwd", "p", "tk", "pin", "token", "passcode", "password"})
_CAUSE = re.compile(r"\bnet::ERR_[A-Z0-9_]{1,60}\b|\bTimeout \d{1,9}ms exceeded\b")


def secrets_of(address: str, request: JoinRequest) -> frozenset[str]:
    """Whatever lets someone in, as it is and as addresses write it."""
    return frozenset(_spellings([*_named(address), request.passcode or "", request.identification or ""]))


def _named(address: str) -> list[str]:
    try:
        parts = urlsplit(address)
        return [value for text in (parts.query, parts.fragment) for name, value in parse_qsl(text) if name in _NAMES]
    except ValueError:  # what people paste need not be an address
        return []


def _spellings(secrets: Iterable[str]) -> Iterator[str]:
    for secret in secrets:
        if len(secret) >= SHORTEST:
            yield from (secret, quote(secret), quote(secret, safe=""), quote_plus(secret))


def discreet(text: str, secrets: Iterable[str]) -> str:
    """The longest first: one may be part of another."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def cause_of(message: str) -> str:
    """Of a page that did not open: the browser's own word alone, for what it says besides names the whole address."""
    found = _CAUSE.search(message)
    return found[0] if found else ""
