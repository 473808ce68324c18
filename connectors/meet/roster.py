"""Who is in a Meet call, and what they wrote: a tile each, and the messages of the panel."""

from __future__ import annotations

from connectors.kit.web.look import roster_of
from connectors.meet.admission import SCREENS

ROSTER = roster_of(SCREENS)
