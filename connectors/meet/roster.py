"""Who is in a Meet call, and what they wrote: a tile each, and the messages of the panel."""

from __future__ import annotations

from connectors.kit.web.look import Roster
from connectors.meet.screen import SHARING

ROSTER = Roster(
    tile="[data-participant-id]",
    participant="data-participant-id",
    name=".notranslate",
    own="[data-self-name]",
    own_name="data-self-name",
    speaking=".speaking",  # the replica's; Meet's own class changes with its builds and is left to other evidence
    sharing=SHARING,
    message="[data-message-id]",
    message_id="data-message-id",
    sender=".sender",
    peoples_words='[data-participant-id], [data-message-id], [role="listitem"], .sender, textarea, input',
)
