"""Who is in a Teams call, and what they wrote. Live Teams tells its client by WebSocket, in changes to a list that has
to be asked for first; its tiles' marks change with its builds. What is read here are the replica's."""

from __future__ import annotations

from connectors.kit.web.look import roster_of
from connectors.teams.admission import SCREENS

ROSTER = roster_of(SCREENS)
