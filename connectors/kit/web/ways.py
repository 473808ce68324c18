"""A platform in one value: its page as data, and the few things that are done differently there. Each is in the
platform's file of that name: join, admission, roster, audio, chat, screen, leave.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from connectors.base import Capabilities, JoinRequest
from connectors.kit.web.hands import Hands
from connectors.kit.web.look import Roster
from connectors.kit.web.network import Hears, hears_nothing
from connectors.kit.web.screens import Screens
from connectors.links.link import MeetingLink


@dataclass(frozen=True, kw_only=True, slots=True)
class Tracks:
    """Where each one's sound is played: media elements inside `tile`, whose attribute `participant` is the id. What is
    on a track no tile plays is told by contributing sources; `sources` is the script that learns which is whose."""

    tile: str
    participant: str
    sources: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ways:
    """`links` are the platforms, as `connectors.urls` names them, whose meetings it joins. `passes`: controls that are
    pressed whenever they are seen on the way in. `turn_on`: those that switch camera and microphone on. `tracks` None:
    the platform sends one mixed track. `knock` and `write` say whether the page took it: it may not be whole yet."""

    screens: Screens
    roster: Roster
    capabilities: Capabilities
    links: tuple[str, ...]
    address: Callable[[MeetingLink, JoinRequest], str]
    knock: Callable[[Hands, JoinRequest], Awaitable[bool]]
    leave: Callable[[Hands], Awaitable[None]]
    open_chat: Callable[[Hands], Awaitable[None]]
    write: Callable[[Hands, str], Awaitable[bool]]
    passes: tuple[str, ...] = ()
    turn_on: tuple[str, ...] = ()
    tracks: Tracks | None = None
    hears: Hears = hears_nothing
    least: Mapping[str, tuple[int, int]] = field(default_factory=dict)  # as `look.given` takes it
