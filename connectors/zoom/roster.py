"""Who is in a Zoom call, and what they wrote. The marks of people and messages are the replica's: those of the live web
client are not known well enough to go by."""

from __future__ import annotations

from connectors.kit.web.look import roster_of
from connectors.zoom.admission import SCREENS

ROSTER = roster_of(SCREENS)
