"""What the simulator's pages say: platform x screen x variant x language, as data in `tables/`. Knows no drawing.

[[screens]]
name = "request_denied"            # a refusal's code, "lobby", or an ending: removed, ended, left, lost
variant = "plain"                  # the default; other ways this screen is known to look
moment = "knock"                   # open: at once, knock: after "Ask to join", call: in it
en = { heading = "...", text = "...", source = "vexa" }
missing = ["de", ...]              # languages whose words nobody has told: shown as such, never made up
title, captcha, marks, frames      # of the page; attributes of its parts; what the platform's server would say
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from connectors.base import Refusal

TABLES = Path(__file__).parent / "tables"
PLATFORMS = ("meet", "teams", "zoom")
LANGUAGES = ("en", "de", "fr", "es", "pt", "ja")
PLAIN = "plain"


class Moment(StrEnum):
    """When a scripted meeting shows its screen."""

    OPEN = "open"  # as soon as the page is opened
    KNOCK = "knock"  # after "Ask to join"
    CALL = "call"


@dataclass(frozen=True, kw_only=True, slots=True)
class Skin:
    """Which platform's page, in which language, in which of its variants: of a screen, or of what happens on the page
    (see `HAPPENINGS`)."""

    platform: str = "meet"
    language: str = "en"
    variants: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """A screen in one language. `known` False: its words in that language are not; the page says just that."""

    heading: str
    text: str = ""
    moment: Moment = Moment.OPEN
    captcha: bool = False  # shows a challenge frame beside the words
    title: str = ""
    marks: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    frames: tuple[str, ...] = ()
    known: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One place in the table."""

    platform: str
    name: str
    variant: str
    language: str


# What can happen on a page besides its screens, by the names a link gives as variants.
HAPPENINGS: dict[str, str] = {
    "modal_before": "a window stands before the door",
    "modal_late": "a window covers the call some seconds after it began",
    "recording_before": "a window before the door tells of a recording, with a button that agrees",
    "recording_late": "such a window comes some seconds after the call began",
    "hiding_toolbar": "controls are seen only while the pointer moves",
    "phantom": "the lobby shows a tile, and the button to leave",
    "lobby_stays": "the lobby's words stay beside whatever ends the waiting",
    "camera_off": "the camera is switched off while one waits",
    "microphone_off": "the microphone is switched off while one waits",
    "renamed_chat": "the chat's button says more than its name",
    "light": "after the launcher a lighter page is loaded, without the ids and labels of the full one",
    "light_at_knock": "the same after a knock, which that page knows nothing of",
    "shared": "Meet's page gets three tracks for all who speak, told apart by contributing sources",
    "one_track": "the same with one track, which those who speak take turns on",
    "nameless": "pictures of participants say not whose they are",
    "signed_in": "the page knows an account: it asks for no name",
}


@cache
def table(platform: str) -> dict[str, Any]:
    return tomllib.loads((TABLES / f"{platform}.toml").read_text("utf-8"))


@cache
def rows(platform: str) -> dict[tuple[str, str], dict[str, Any]]:
    """By name and variant."""
    return {(row["name"], row.get("variant", PLAIN)): row for row in table(platform)["screens"]}


def cells() -> list[Cell]:
    return [
        Cell(platform=platform, name=name, variant=variant, language=language)
        for platform in PLATFORMS
        for name, variant in rows(platform)
        for language in LANGUAGES
    ]


def notice(skin: Skin, name: str) -> Notice:
    """The platform's screen of that name; one nobody understands where it has none."""
    known = rows(skin.platform)
    variant = next((one for one in sorted(skin.variants) if (name, one) in known), PLAIN)
    row = known.get((name, variant)) or known[Refusal.PAGE_NOT_UNDERSTOOD.value, PLAIN]
    words = row.get(skin.language)
    said = words or {"heading": f"(the words of this screen are not known in {skin.language})", "text": ""}
    return Notice(
        heading=said["heading"],
        text=said["text"],
        moment=Moment(row.get("moment", Moment.OPEN)),
        captcha=row.get("captcha", False),
        title=row.get("title", ""),
        marks=row.get("marks", {}),
        frames=tuple(row.get("frames", ())),
        known=words is not None,
    )


def can_be_shown() -> list[Refusal]:
    """The refusals some platform has a screen for."""
    return [one for one in Refusal if any((one.value, PLAIN) in rows(platform) for platform in PLATFORMS)]


def as_json(skin: Skin) -> dict[str, Any]:
    """What a page needs of its table. Labels and words that go on are known in English alone."""
    lobby = notice(skin, "lobby")
    texts = {**table(skin.platform)["texts"], "lobby": lobby.heading, "lobby_text": lobby.text}
    lost = notice_message("lost", notice(skin, "lost"))
    return {"labels": table(skin.platform)["labels"], "texts": texts, "lost": lost}


def notice_message(screen: str, shown: Notice) -> dict[str, object]:
    """The signalling message that shows a notice."""
    return {
        "type": "notice",
        "screen": screen,
        "heading": shown.heading,
        "text": shown.text,
        "captcha": shown.captcha,
        "title": shown.title,
        "marks": shown.marks,
    }


_MEET = Skin()
REFUSALS: dict[Refusal, Notice] = {
    one: notice(_MEET, one.value) for one in Refusal if (one.value, PLAIN) in rows("meet")
}
ENDINGS: dict[str, Notice] = {name: notice(_MEET, name) for name in ("removed", "ended", "left", "lost")}
TEXTS: dict[str, str] = table("meet")["texts"]
