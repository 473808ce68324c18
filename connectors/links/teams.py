"""Microsoft Teams' links: the long form with a thread, the short one with a number, and the pages that open either.

A thread's name is the meeting's; `context` says whose it is (tenant and organiser) and has to be handed on.
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from connectors.links.address import Address, decoded, opened
from connectors.links.link import MeetingLink, link

TEAMS_HOST = "teams.microsoft.com"
PERSONAL_HOST = "teams.live.com"
CLOUDS = {"19:gcch:": "gov.teams.microsoft.us", "19:dod:": "dod.teams.microsoft.us"}
TEAMS_HOSTS = frozenset({TEAMS_HOST, PERSONAL_HOST, "teams.cloud.microsoft", *CLOUDS.values()})

COORDINATES_CHARACTERS = 6000
_CLOUD_CHARACTERS, _CLOUD_WRITTEN_CHARACTERS = 40, 80  # of a path: where its cloud stands, and that in escapes
_THREAD = r"19:[A-Za-z0-9_:.=+-]{1,300}@thread\.(?:v2|tacv2|skype)"
_THREAD_PATH = re.compile(
    rf"/(?:l/meetup-join|pre-join-calling)/({_THREAD})(?:/([0-9]{{1,20}}))?/?", re.IGNORECASE | re.ASCII
)
_SHORT_PATH = re.compile(r"/meet/([0-9]{5,20})/?", re.IGNORECASE | re.ASCII)
_LAUNCHER = re.compile(r"/dl/launcher/launcher\.html", re.IGNORECASE | re.ASCII)
_LIGHT = re.compile(r"/light-meetings/launch/?", re.IGNORECASE | re.ASCII)
_CLIENT = re.compile(r"/?|/_/?|/v2/?", re.ASCII)  # pages of the web client: the way to the meeting is in the fragment
_OWNER = r"[A-Za-z0-9_.-]{1,64}"
_QUOTE = "[\"'\u201c\u201d]"  # a mail program may have made the quotes pretty
_OWNERS = re.compile(
    rf"{_QUOTE}(Tid|Oid){_QUOTE}\s{{0,9}}:\s{{0,9}}{_QUOTE}({_OWNER}){_QUOTE}", re.IGNORECASE | re.ASCII
)


def teams(address: Address) -> MeetingLink | None:
    if _LIGHT.fullmatch(address.path):
        return _by_coordinates(address)
    if _LAUNCHER.fullmatch(address.path):
        address = _within(address, decoded(address.fields.get("url", ""), until="/"))
    if address.fragment.startswith("/") and _CLIENT.fullmatch(address.path):
        address = _within(address, address.fragment)
    address = opened(address)
    if short := _SHORT_PATH.fullmatch(address.path):
        return _short(address.host, short[1], address.value("p"))
    if thread := _THREAD_PATH.fullmatch(address.path):
        owners = {
            name.capitalize(): owner for name, owner in _OWNERS.findall(decoded(address.fields.get("context", "")))
        }
        return _thread(address.host, thread[1], thread[2], owners)
    return None


def at_app(rest: str) -> str:
    """`msteams:` and what follows, as a link of the web."""
    if rest.startswith("//"):
        return f"https:{rest}"
    written = rest[:_CLOUD_WRITTEN_CHARACTERS]
    beginning = decoded(written)[:_CLOUD_CHARACTERS] if "gcch" in written or "dod" in written else ""
    cloud = next((host for start, host in CLOUDS.items() if start in beginning), TEAMS_HOST)
    return f"https://{cloud}/{rest.removeprefix('/')}"


def _within(address: Address, way: str) -> Address:
    """The same host by a way that a link carries inside itself: `/_#/l/meetup-join/...?context=...`."""
    before, _, fragment = way.partition("#")
    path, _, query = before.partition("?")
    return replace(address, path=path, query=query, fragment=fragment)


def _by_coordinates(address: Address) -> MeetingLink | None:
    coordinates = _coordinates(address.fields.get("coords", ""))
    said = {name: str(value) for name, value in coordinates.items() if isinstance(value, str | int)}
    if number := re.fullmatch(r"[0-9]{5,20}", said.get("meetingCode", ""), re.ASCII):
        passcode = re.fullmatch(r"[!-~]{1,256}", said.get("passcode", ""))
        return _short(address.host, number[0], passcode[0] if passcode else address.value("p"))
    if not re.fullmatch(_THREAD, said.get("conversationId", ""), re.IGNORECASE | re.ASCII):
        return None
    message = re.fullmatch(r"[0-9]{1,20}", said.get("messageId", ""), re.ASCII)
    owners = {name: said.get(field, "") for name, field in (("Tid", "tenantId"), ("Oid", "organizerId"))}
    owners = {name: owner for name, owner in owners.items() if re.fullmatch(_OWNER, owner)}
    host = TEAMS_HOST if address.host == PERSONAL_HOST else address.host  # a thread is known there alone
    return _thread(host, said["conversationId"], message[0] if message else None, owners)


def _coordinates(text: str) -> dict[str, Any]:
    code = decoded(text).replace("+", "-").replace("/", "_").replace(" ", "-").rstrip("=")
    if len(code) > COORDINATES_CHARACTERS:
        return {}
    try:
        read = json.loads(urlsafe_b64decode(code + "=" * (-len(code) % 4)))
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


def _short(host: str, number: str, passcode: str | None) -> MeetingLink:
    return link("teams", key=number, url=f"https://{host}/meet/{number}", passcode=passcode, p=passcode)


def _thread(host: str, thread: str, message: str | None, owners: dict[str, str]) -> MeetingLink:
    name, _, kind = thread.rpartition("@")
    thread, message = f"{name}@{kind.lower()}", str(int(message or "0"))
    ordered = {name: owners[name] for name in ("Tid", "Oid") if name in owners}
    context = json.dumps(ordered, separators=(",", ":")) if ordered else None
    url = f"https://{host}/l/meetup-join/{quote(thread, safe='')}/{message}"
    return link("teams", key=thread if message == "0" else f"{thread}/{message}", url=url, context=context)
