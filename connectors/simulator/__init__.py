"""A meeting server we ship: Meet's, Teams' and Zoom's shapes in its pages, real WebRTC between the browsers."""

from __future__ import annotations

from connectors.simulator.rooms import Room
from connectors.simulator.scenarios import Policy
from connectors.simulator.server import SimulatorServer

__all__ = ["Policy", "Room", "SimulatorServer"]
