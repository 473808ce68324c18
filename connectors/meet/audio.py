"""How Meet's sound comes: a track for each who speaks, played by their tile; or a few tracks shared by all, and who is
on one is told by its contributing sources. Which source is whose, live Meet tells its page in a coding that is not read
here: there the mix is what is sure."""

from __future__ import annotations

from pathlib import Path

from connectors.base import Capabilities
from connectors.kit.web.ways import Tracks
from connectors.meet.roster import ROSTER

TRACKS = Tracks(
    tile=", ".join(ROSTER.tile.find),
    participant=ROSTER.tile.attribute,
    sources=(Path(__file__).parent / "sources.js").read_text("utf-8"),
)
CAPABILITIES = Capabilities(
    chat=True,
    raise_hand=True,
    lobby=True,
    participant_audio=True,
    participant_names=True,
    screen_share=True,
    camera=True,
    microphone=True,
    layout=True,
)
