"""What a bot says of itself at a meeting's door, from its row and the settings. Pure."""

from __future__ import annotations

from bot.config import Settings
from bot.store.bots import Bot
from connectors.base import JoinRequest
from connectors.urls import find_meeting


def request_for(bot: Bot, settings: Settings) -> JoinRequest:
    """The passcode is the link's, which has what its invitation said; a platform's token is for that platform alone,
    which its connector sees to."""
    link = find_meeting(bot.meeting_url, own_hosts=settings.own_meeting_hosts)
    return JoinRequest(
        meeting_url=bot.meeting_url,
        display_name=bot.bot_name,
        passcode=link.passcode if link else None,
        identification=settings.teams_identification or None,
        lobby_timeout_s=settings.lobby_timeout_s,
    )
