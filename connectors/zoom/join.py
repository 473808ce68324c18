"""The way to a Zoom meeting's door: its web client, a name typed key by key, join pressed by the page's own script.

The web client is a dead end for many meetings of other accounts: Zoom asks automated guests to use its SDK. Then the
page says so, and so do we (`sdk_required`).
"""

from __future__ import annotations

from urllib.parse import urlsplit

from connectors.base import JoinRequest
from connectors.kit.web.hands import Hands
from connectors.links.link import MeetingLink, with_passcode

LINKS = ("zoom", "simulator")
PASSES = ("cookies", "launcher", "devices_asked", "dismiss")
TURN_ON = ("turn_on_microphone", "turn_on_camera")
WEB_CLIENT = "https://app.zoom.us/wc"


def address(link: MeetingLink, request: JoinRequest) -> str:
    """Of the web client, where the link is Zoom's own and has a number; another portal's link stays as it is."""
    link = with_passcode(link, request.passcode)
    parts = urlsplit(link.join_url)
    if link.platform != "zoom" or not link.key.isdigit() or not (parts.hostname or "").endswith("zoom.us"):
        return link.join_url
    return f"{WEB_CLIENT}/{link.key}/join" + (f"?{parts.query}" if parts.query else "")


async def knock(hands: Hands, request: JoinRequest) -> bool:
    if not await hands.type("name", request.display_name):
        return False
    if request.passcode:
        await hands.type("passcode", request.passcode)
    for name in TURN_ON:
        await hands.press(name)
    return await hands.press_in_page("join")
