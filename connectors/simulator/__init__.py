"""A meeting server we ship: Google Meet's shape in the page, real WebRTC between the browsers behind it."""

from __future__ import annotations

from connectors.simulator.rooms import Policy, Room
from connectors.simulator.server import SimulatorServer

__all__ = ["Policy", "Room", "SimulatorServer"]
