"""Who is in a Teams call, and what they wrote. Live Teams tells its client by WebSocket, in changes to a list that has
to be asked for first; its tiles' marks change with its builds. What is read here are the replica's."""

from __future__ import annotations

from connectors.kit.web.look import Roster
from connectors.teams.screen import SHARING

ROSTER = Roster(
    tile='[data-tid="participant-tile"], [data-stream-type="Video"]',
    participant="data-participant",
    name='[data-tid="participant-name"]',
    own="[data-self]",
    own_name="data-self",
    speaking='[data-tid="voice-level-stream-outline"].vdi-frame-occlusion, .speaking',
    sharing=SHARING,
    message="[data-mid]",
    message_id="data-mid",
    sender='[data-tid="message-author-name"], .sender',
    own_message=".ChatMyMessage",
    peoples_words='[data-participant], [data-mid], [role="listitem"], .sender, [contenteditable], input',
    notices="#calling-retry-screen-title",
)
