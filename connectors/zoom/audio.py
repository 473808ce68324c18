"""How Zoom's sound comes: one track, mixed by its server. Who speaks is told by its tile."""

from __future__ import annotations

from connectors.base import Capabilities
from connectors.kit.web.ways import Tracks

TRACKS: Tracks | None = None
CAPABILITIES = Capabilities(
    chat=True,
    raise_hand=True,
    lobby=True,
    participant_names=True,
    screen_share=True,
    camera=True,
    microphone=True,
    layout=True,
)
