"""Who is in a VideoRoom: a panel each, for up to five others. The page marks nobody; `room.js` writes the server's own
ids and its word on who speaks, where the room tells that, into attributes."""

from __future__ import annotations

from connectors.janus.admission import SCREENS
from connectors.kit.web.look import roster_of

ROSTER = roster_of(SCREENS)
