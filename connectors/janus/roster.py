"""Who is in a VideoRoom: a panel each, for up to five others. The page marks nobody; `room.js` writes the server's own
ids and its word on who speaks, where the room tells that, into attributes."""

from __future__ import annotations

from connectors.janus.screen import SHARING
from connectors.kit.web.look import Roster

ROSTER = Roster(
    tile=".panel[data-participant]",
    participant="data-participant",
    name=".panel-title .label",
    own="[data-self]",
    own_name="data-self",
    speaking="[data-speaking]",
    sharing=SHARING,
    peoples_words=".panel-title .label, #you, input",
)
