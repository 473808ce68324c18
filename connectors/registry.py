"""Link -> connector. A table; the platform's module is imported only when it is asked for."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path

from connectors.base import Connector, UnknownPlatform
from connectors.urls import find_meeting


@dataclass(frozen=True, kw_only=True, slots=True)
class Platform:
    """A row: meetings of platform `name`, as `connectors.urls` names it, are joined by `connector` of `module`."""

    name: str
    module: str
    connector: str


def platform_of(url: str) -> Platform:
    """Raises UnknownPlatform."""
    link = find_meeting(url)
    if link is None:
        raise UnknownPlatform("this is not a link of a meeting")
    known = next((platform for platform in PLATFORMS if platform.name == link.platform), None)
    if known is None:
        raise UnknownPlatform(f"no connector joins meetings of {link.platform} yet")
    return known


def open_connector(
    url: str,
    workdir: Path,
    *,
    headless: bool = True,
    chromium: str = "",
    camera: str = "auto",
    width: int = 640,
    height: int = 360,
    fps: int = 24,
) -> Connector:
    """A connector for this link, not yet entered. `workdir` keeps its evidence. Raises UnknownPlatform."""
    platform = platform_of(url)
    make = getattr(importlib.import_module(platform.module), platform.connector)
    connector: Connector = make(
        workdir, headless=headless, chromium=chromium, camera=camera, width=width, height=height, fps=fps
    )
    return connector


PLATFORMS: tuple[Platform, ...] = (
    Platform(name="meet", module="connectors.meet.connector", connector="MeetConnector"),
    Platform(name="simulator", module="connectors.meet.connector", connector="MeetConnector"),
)
