"""The way to Meet's door: the link is the meeting's own; a name is typed where a guest is asked for one, and the button
to join is pressed, whatever it says ("Ask to join", "Join now")."""

from __future__ import annotations

from connectors.base import JoinRequest
from connectors.kit.web.hands import Hands
from connectors.links.link import MeetingLink

LINKS = ("meet", "simulator")
PASSES = ("devices_asked", "dismiss")
TURN_ON = ("turn_on_microphone", "turn_on_camera")


def address(link: MeetingLink, request: JoinRequest) -> str:
    """Of the meeting's page. The words of its screens are asked for in English, which is known best."""
    return f"{link.join_url}?hl=en" if link.platform == "meet" else link.join_url


async def knock(hands: Hands, request: JoinRequest) -> bool:
    """An account that is signed in is asked for no name: its own is shown."""
    if await hands.appears("name"):
        await hands.fill("name", request.display_name)
    for name in TURN_ON:
        await hands.press(name)
    return await hands.press("join")
