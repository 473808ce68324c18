"""How a VideoRoom's sound comes: relayed, never mixed; each participant's track is played in their panel."""

from __future__ import annotations

from pathlib import Path

from connectors.base import Capabilities
from connectors.janus.roster import ROSTER
from connectors.kit.web.ways import Tracks

TRACKS = Tracks(
    tile=", ".join(ROSTER.tile.find),
    participant=ROSTER.tile.attribute,
    sources=(Path(__file__).parent / "room.js").read_text("utf-8"),
)
CAPABILITIES = Capabilities(
    participant_audio=True,
    participant_names=True,
    camera=True,
    microphone=True,
    layout=True,
)
