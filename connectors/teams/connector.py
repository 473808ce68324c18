"""Microsoft Teams as a guest of its web client; and the simulator's page of that shape."""

from __future__ import annotations

from connectors.kit.web.connector import WebConnector
from connectors.kit.web.ways import Ways
from connectors.teams import admission, audio, chat, join, leave, roster, screen


class TeamsConnector(WebConnector):
    ways = Ways(
        screens=admission.SCREENS,
        least=admission.LEAST,
        hears=admission.hears,
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
