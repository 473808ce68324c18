"""URL -> platform. A table; the platform's module is imported only when it is asked for."""

from __future__ import annotations

import importlib
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from connectors.base import Connector, UnknownPlatform
from connectors.meet import screens as meet


@dataclass(frozen=True, kw_only=True, slots=True)
class Platform:
    """A row: links that `knows` are served by the class `connector` of `module`."""

    name: str
    knows: Callable[[SplitResult], bool]
    module: str
    connector: str


def platform_of(url: str) -> Platform:
    """Raises UnknownPlatform."""
    try:
        parts = urlsplit(url.strip())
        known = next((platform for platform in PLATFORMS if parts.hostname and platform.knows(parts)), None)
    except ValueError as error:
        raise UnknownPlatform("this is not a link") from error
    if known is None:
        raise UnknownPlatform("no connector knows this link")
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


def _is_meet(parts: SplitResult) -> bool:
    return parts.scheme == "https" and parts.hostname == meet.HOST


def _is_simulator(parts: SplitResult) -> bool:
    """A meeting of our simulator: the shape of a Meet link, on this machine. Elsewhere a link of this shape may lead
    anywhere, and a bot gives the page its camera and microphone."""
    here = parts.scheme in ("http", "https") and _is_this_machine(parts.hostname or "")
    return here and meet.PATH.fullmatch(parts.path) is not None


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


PLATFORMS: tuple[Platform, ...] = (
    Platform(name="meet", knows=_is_meet, module="connectors.meet.connector", connector="MeetConnector"),
    Platform(name="simulator", knows=_is_simulator, module="connectors.meet.connector", connector="MeetConnector"),
)
