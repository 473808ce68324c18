"""A VideoRoom of a Janus server as one of its publishers, by the page that comes with the server."""

from __future__ import annotations

from connectors.janus import admission, audio, chat, join, leave, roster, screen
from connectors.kit.web.connector import WebConnector
from connectors.kit.web.ways import Ways


class JanusConnector(WebConnector):
    ways = Ways(
        screens=admission.SCREENS,
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
