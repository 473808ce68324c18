"""Link -> connector. A table; the platform's module is imported only when it is asked for."""

from __future__ import annotations

import importlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from connectors.base import Connector, UnknownPlatform
from connectors.urls import find_meeting


@dataclass(frozen=True, kw_only=True, slots=True)
class Platform:
    """A row: meetings of platform `name`, as `connectors.urls` names it, whose link has a path that begins with
    `path`, are joined by `connector` of `module`."""

    name: str
    module: str
    connector: str
    path: str = "/"


def platform_of(url: str, *, own_hosts: Collection[str] = ()) -> Platform:
    """`own_hosts` as `find_meeting` takes them. Raises UnknownPlatform."""
    link = find_meeting(url, own_hosts=own_hosts)
    if link is None:
        raise UnknownPlatform("this is not a link of a meeting")
    path = urlsplit(link.join_url).path
    known = next((one for one in PLATFORMS if one.name == link.platform and path.startswith(one.path)), None)
    if known is None:
        raise UnknownPlatform(f"no connector joins meetings of {link.platform} yet")
    return known


def open_connector(
    url: str,
    workdir: Path,
    *,
    headless: bool = True,
    chromium: str = "",
    profile: Path | None = None,
    camera: str = "auto",
    width: int = 640,
    height: int = 360,
    fps: int = 24,
    own_hosts: Collection[str] = (),
) -> Connector:
    """A connector for this link, not yet entered. `workdir` keeps its evidence; `profile` is one of a browser that is
    signed in, of which it takes a copy. Raises UnknownPlatform."""
    platform = platform_of(url, own_hosts=own_hosts)
    make = getattr(importlib.import_module(platform.module), platform.connector)
    connector: Connector = make(
        workdir,
        headless=headless,
        chromium=chromium,
        profile=profile,
        camera=camera,
        width=width,
        height=height,
        fps=fps,
        own_hosts=own_hosts,
    )
    return connector


PLATFORMS: tuple[Platform, ...] = (
    Platform(name="meet", module="connectors.meet.connector", connector="MeetConnector"),
    Platform(name="teams", module="connectors.teams.connector", connector="TeamsConnector"),
    Platform(name="zoom", module="connectors.zoom.connector", connector="ZoomConnector"),
    Platform(name="janus", module="connectors.janus.connector", connector="JanusConnector"),
    Platform(name="simulator", path="/teams/", module="connectors.teams.connector", connector="TeamsConnector"),
    Platform(name="simulator", path="/zoom/", module="connectors.zoom.connector", connector="ZoomConnector"),
    Platform(name="simulator", module="connectors.meet.connector", connector="MeetConnector"),
)
