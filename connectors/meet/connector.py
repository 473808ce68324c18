"""Google Meet as a guest, or with the account its page is signed in with; and the simulator's page of Meet's shape."""

from __future__ import annotations

from connectors.kit.web.connector import WebConnector
from connectors.kit.web.ways import Ways
from connectors.meet import admission, audio, chat, join, leave, roster, screen


class MeetConnector(WebConnector):
    ways = Ways(
        screens=admission.SCREENS,
        least=admission.LEAST,
        roster=roster.ROSTER,
        tracks=audio.TRACKS,
        capabilities=audio.CAPABILITIES,
        links=join.LINKS,
        address=join.address,
        knock=join.knock,
        passes=(*join.PASSES, *screen.PASSES),
        turn_on=join.TURN_ON,
        open_chat=chat.open_chat,
        write=chat.write,
        leave=leave.press,
    )
