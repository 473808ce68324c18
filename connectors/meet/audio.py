"""How Meet's sound comes: a track for each who speaks, played by their tile. On live Meet a few tracks are shared by
all, and who is on one is told by its packets' contributing sources; then the mix is what is sure."""

from __future__ import annotations

from connectors.base import Capabilities
from connectors.kit.web.ways import Tracks

TRACKS = Tracks(tile="[data-participant-id]", participant="data-participant-id")
CAPABILITIES = Capabilities(
    chat=True,
    raise_hand=True,
    lobby=True,
    participant_audio=True,
    participant_names=True,
    screen_share=True,
    camera=True,
    microphone=True,
)
