"""The way into a VideoRoom: the page is started, a name typed, "Join the room" pressed. There is no lobby.

The page's box takes letters and digits alone, and asks for no PIN; the server takes any name and may want one. What is
said to it goes into the page's own message (`room.js`): the name as it is given, "(AI)" included.
"""

from __future__ import annotations

import re

from connectors.base import JoinRequest
from connectors.kit.web.hands import Hands
from connectors.links.link import MeetingLink

LINKS = ("janus",)
PASSES = ("start",)
TURN_ON = ("turn_on_microphone",)
_NOT_TYPED = re.compile(r"[^a-zA-Z0-9]")


def address(link: MeetingLink, request: JoinRequest) -> str:
    """Of the room's page, without the PIN, which is for the server and not for logs of pages."""
    return link.join_url.partition("&pin=")[0]


async def knock(hands: Hands, request: JoinRequest) -> bool:
    said = {"display": request.display_name, **({"pin": request.passcode} if request.passcode else {})}
    await hands.tell("understudyJoinAs", said)
    name = _NOT_TYPED.sub("", request.display_name) or "bot"
    return await hands.fill("name", name) and await hands.press("join")
