"""What the way into a meeting is opened with stays out of what is kept of it: passcodes, tokens. Pure: text in, text
out.

Each character of a secret is found as pages write it: as it is, escaped for an address, for HTML, for JSON, in any
mixture and more than once. Not covered: what a picture shows, what a page packs otherwise (base64, a hash), secrets of
two letters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html.entities import codepoint2name
from string import ascii_letters, digits
from urllib.parse import parse_qsl, urlsplit

from connectors.base import JoinRequest

HIDDEN = "[hidden]"
SHORTEST = 3  # what is shorter would be found in every other word
_NAMES = frozenset({"pwd", "p", "tk", "pin", "token", "passcode", "password"})
_UNRESERVED = frozenset(f"{ascii_letters}{digits}-._~")  # which nobody escapes
_NAMED = {**codepoint2name, ord("'"): "apos", ord("+"): "plus"}
_QUOTED = frozenset("\"\\'/")  # where JSON and scripts put a stroke before it
_AND, _CLOSES = r"(?:&|%(?:25){0,8}26)(?:amp(?:;|%(?:25){0,8}3[bB])){0,8}", r"(?:;|%(?:25){0,8}3[bB])"
_CAUSE = re.compile(r"\bnet::ERR_[A-Z0-9_]{1,60}\b|\bTimeout \d{1,9}ms exceeded\b")


def secrets_of(address: str, request: JoinRequest) -> frozenset[str]:
    """Whatever lets someone in."""
    said = (*_named(address), request.passcode or "", request.identification or "")
    return frozenset(secret for secret in said if len(secret) >= SHORTEST)


def _named(address: str) -> list[str]:
    try:
        parts = urlsplit(address)
        return [value for text in (parts.query, parts.fragment) for name, value in parse_qsl(text) if name in _NAMES]
    except ValueError:  # what people paste need not be an address
        return []


def discreet(text: str, secrets: Iterable[str]) -> str:
    """The longest first: one may be part of another."""
    patterns = ["".join(map(_written, secret)) for secret in sorted(secrets, key=len, reverse=True)]
    return re.sub("|".join(patterns), HIDDEN, text) if patterns else text


def _written(character: str) -> str:
    """What a character may look like, as a pattern: it may have been escaped a few times."""
    if character in _UNRESERVED:
        return re.escape(character)
    number, units = ord(character), character.encode("utf-16-be", "surrogatepass").hex()
    octets = character.encode("utf-8", "surrogatepass")
    named = f"{_NAMED[number]}|" if number in _NAMED else ""
    ways = (
        (r"\\{0,8}" if character in _QUOTED else "") + re.escape(character),
        "".join(rf"%(?:25){{0,8}}(?i:{octet:02x})" for octet in octets),
        rf"{_AND}(?:{named}(?i:#0{{0,8}}{number}|#x0{{0,8}}{number:x})){_CLOSES}",
        "".join(rf"\\{{1,8}}u(?i:{units[at : at + 4]})" for at in range(0, len(units), 4)),
        rf"\\{{1,8}}x(?i:{number:02x})",
        *((r"\+", r"%(?:25){0,8}2[bB]") if character == " " else ()),
    )
    return f"(?:{'|'.join(ways)})"


def cause_of(message: str) -> str:
    """Of a page that did not open: the browser's own word alone, for what it says besides names the whole address."""
    found = _CAUSE.search(message)
    return found[0] if found else ""
