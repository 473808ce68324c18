"""Who is in a Zoom call, and what they wrote. The marks of people and messages are the replica's: those of the live web
client are not known well enough to go by."""

from __future__ import annotations

from connectors.kit.web.look import Roster
from connectors.zoom.screen import SHARING

ROSTER = Roster(
    tile=".video-avatar__avatar[data-user]",
    participant="data-user",
    name=".video-avatar__avatar-name",
    own="[data-self]",
    own_name="data-self",
    speaking=".video-avatar__avatar--active",
    sharing=SHARING,
    message=".new-chat-message__content[data-message]",
    message_id="data-message",
    sender=".chat-item__sender",
    own_message=".new-chat-message__container--mine",
    peoples_words='[data-user], [data-message], [role="listitem"], .sender, [contenteditable], input',
    notices=".zm-modal-body-title",
)
