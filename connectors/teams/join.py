"""The way to a Teams meeting's door: on in this browser, a name, devices on, join. The window that asks whether one
really wants no sound and no picture may come before the door and after it.

A bot that is registered says so: Microsoft's token for bots is handed over in the link.
"""

from __future__ import annotations

from urllib.parse import quote

from connectors.base import JoinRequest
from connectors.kit.web.hands import Hands
from connectors.links.link import MeetingLink, with_passcode

LINKS = ("teams", "simulator")
PASSES = ("launcher", "no_devices")
TURN_ON = ("turn_on_microphone", "turn_on_camera")


def address(link: MeetingLink, request: JoinRequest) -> str:
    """Of the meeting's page, with the bot's own identification where one is configured."""
    url, token = with_passcode(link, request.passcode).join_url, request.identification
    return f"{url}#token={quote(token, safe='')}" if token and link.platform == "teams" else url


async def knock(hands: Hands, request: JoinRequest) -> bool:
    if not await hands.fill("name", request.display_name):
        return False
    for name in TURN_ON:
        await hands.press(name)
    return await hands.press("join")
