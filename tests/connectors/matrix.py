"""The simulator's table, cell by cell, before a real browser: what a connector's way in makes of each screen.

A cell is decided where its words are told, or where something besides words says what it is; each decided cell has one
right outcome, and each other one has to stay open: shown, and not taken for anything. A page needs no camera and no
sound for that, so one browser serves every cell. `recorded` is what was seen last, for tests that have no browser:
`python -m tests.connectors.matrix [PLATFORM ...]` records anew and says of how many cells what decides.
"""

from __future__ import annotations

import asyncio
import json
import random
import string
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from connectors.base import Evidence, JoinRefused, JoinRequest, Refusal
from connectors.kit.browser import Browser
from connectors.kit.web.admission import Way, refusal_of
from connectors.kit.web.classifier import Settled, Sighting, Verdict, classify
from connectors.kit.web.connector import WebConnector
from connectors.kit.web.hands import Hands
from connectors.kit.web.look import LOOK_JS, given, sighting_of
from connectors.kit.web.network import Overheard
from connectors.kit.web.screens import Place
from connectors.meet.connector import MeetConnector
from connectors.simulator import SimulatorServer
from connectors.simulator.screens import PLAIN, PLATFORMS, Cell, cells, rows
from connectors.teams.connector import TeamsConnector
from connectors.urls import find_meeting
from connectors.zoom.connector import ZoomConnector
from tests.polling import eventually

CONNECTORS: dict[str, type[WebConnector]] = {"meet": MeetConnector, "teams": TeamsConnector, "zoom": ZoomConnector}
LOOKS = Path(__file__).parents[1] / "data" / "looks.json"
NOT_UNDERSTOOD = "page_not_understood"
ENDINGS = {"removed": "removed", "ended": "ended", "lost": "cut", "left": "open"}  # ending: the scenario it is in
DECIDED_S, OPEN_S = 15.0, 2.0  # patience with a page of which something is known, and with one that stays open
NOT_TOLD = "not known in"  # what a page says where its words are missing
REPLICA, SOURCE, OPEN = "replica", "source", "open"


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What was decided, and the last look. `lobby`, `call`: whether the page was ever taken for one."""

    cell: Cell
    said: str
    lobby: bool
    call: bool
    evidence: Evidence | None
    seen: Sighting


def row_of(cell: Cell) -> dict[str, Any]:
    return rows(cell.platform)[cell.name, cell.variant]


def is_told(cell: Cell) -> bool:
    """Its words are known, with a source."""
    return cell.language in row_of(cell)


def is_marked(cell: Cell) -> bool:
    """Something besides words says what it is. The marks of a heading alone do not: they say that it is one."""
    row = row_of(cell)
    return bool(row.get("frames") or row.get("title") or row.get("captcha") or "notice" in row.get("marks", {}))


def is_decided(cell: Cell) -> bool:
    return is_told(cell) or is_marked(cell)


def to_record() -> list[Cell]:
    """Whose words are told; and one of each row that is marked, where they are not: those are all alike."""
    return [cell for cell in cells() if is_told(cell) or (is_marked(cell) and cell == untold(cell))]


def untold(cell: Cell) -> Cell:
    return replace(cell, language=next(iter(row_of(cell)["missing"]), ""))


def expected(cell: Cell) -> str:
    """What a cell has to come out as."""
    if not is_decided(cell):
        return NOT_UNDERSTOOD
    if row_of(cell).get("captcha") and not is_told(cell):
        return Refusal.CAPTCHA.value  # which it shows, whatever its words say of it
    if cell.name == "lobby":
        return "meeting_not_started" if cell.variant == "no_host" else "lobby_timeout"
    return cell.name


def decided_by(cell: Cell, looks: dict[str, dict[str, Any]]) -> str:
    """SOURCE: something that somebody has told of the platform. REPLICA: a mark of our page alone, which proves no more
    than our loop."""
    if not is_decided(cell):
        return OPEN
    alike = key(cell if is_told(cell) else untold(cell))
    screens = CONNECTORS[cell.platform].ways.screens
    verdict = classify(screens, sighting_from(looks[alike]))
    assert verdict is not None, f"{alike} was not understood when it was recorded"
    rule = next(one for one in screens.rules if one.id == verdict.rule)
    sources = {rule.source, *(screens.controls[name].source for name in rule.shows)}
    return REPLICA if REPLICA in sources else SOURCE


def counts() -> Counter[str]:
    """Of how many cells what decides."""
    looks = {key(cell): look for cell, look in recorded()}
    return Counter(decided_by(cell, looks) for cell in cells())


def meaning(cell: Cell, verdict: Verdict | None) -> str:
    """A verdict in the table's words."""
    if verdict is None:
        return NOT_UNDERSTOOD
    if verdict.place is Place.LOBBY:
        return (verdict.refusal or Refusal.LOBBY_TIMEOUT).value
    return verdict.place.value if cell.name in ENDINGS else refusal_of(verdict).value


class Looker:
    """One platform's way in, on a browser it shares."""

    def __init__(self, browser: Browser, cell: Cell) -> None:
        self._browser, self.ways = browser, CONNECTORS[cell.platform].ways
        self.hands = Hands(browser, self.ways.screens)
        self.overheard = Overheard(self.ways.hears)
        self.seen, self.called, self.joined = Sighting(), False, False
        browser.page.on("websocket", lambda socket: socket.on("framereceived", self.overheard.take))

    async def look(self) -> Sighting:
        asked = given(self.ways.screens, self.ways.roster, self.ways.least, "", joined=self.joined)
        self.seen = sighting_of(await self._browser.page.evaluate(LOOK_JS, asked), self.overheard.signs)
        verdict = classify(self.ways.screens, self.seen)
        self.called |= verdict is not None and verdict.place is Place.CALL
        return self.seen

    async def evidence(self, name: str, rule: str) -> Evidence:
        return await self._browser.evidence(name, rule)


async def play(browser: Browser, base_url: str, cell: Cell) -> Outcome:
    """One cell, from its link to what was decided."""
    looker = Looker(browser, cell)
    told: list[str] = []
    request = JoinRequest(
        meeting_url=link_of(base_url, cell),
        display_name="Iris (AI)",
        page_timeout_s=DECIDED_S if is_decided(cell) else OPEN_S,
        lobby_timeout_s=0.5,
    )
    link = find_meeting(request.meeting_url)
    assert link is not None
    await browser.page.goto(looker.ways.address(link, request))
    way = Way(looker, looker.hands, looker.ways, request)
    said, evidence = "call", None
    try:
        await way.go(lambda: told.append("lobby"), lambda: looker.ways.leave(looker.hands))
        looker.joined = True
        if cell.name in ENDINGS:
            said, evidence = await ending(looker, cell)
    except JoinRefused as refused:
        said, evidence = refused.refusal.value, refused.evidence
    return Outcome(cell=cell, said=said, lobby=bool(told), call=looker.called, evidence=evidence, seen=looker.seen)


async def ending(looker: Looker, cell: Cell) -> tuple[str, Evidence]:
    """What the page turns to after the call."""
    if cell.name == "left":
        await looker.ways.leave(looker.hands)
    settled, found = Settled(), []

    async def over() -> bool:
        sure = settled.take(classify(looker.ways.screens, await looker.look()))
        if sure is not None and sure.place not in (Place.CALL, Place.DOOR):
            found.append(sure)
        return bool(found)

    with suppress(TimeoutError):
        await eventually_async(over, DECIDED_S if is_decided(cell) else OPEN_S + 2.0)
    said, rule = (found[0].place.value, found[0].rule) if found else (NOT_UNDERSTOOD, "")
    return said, await looker.evidence(said, rule)


async def eventually_async(ask: Any, deadline_s: float) -> None:
    """`eventually`, for a question that has to be awaited."""
    answers: list[bool] = []

    async def asking() -> None:
        while not answers:
            if await ask():
                answers.append(True)

    task = asyncio.create_task(asking())
    try:
        await eventually(lambda: answers or task.done(), deadline_s)
        await task
    finally:
        task.cancel()


def link_of(base_url: str, cell: Cell) -> str:
    letters = "".join(random.Random(str(cell)).choices(string.ascii_lowercase, k=10))
    code = f"{letters[:3]}-{letters[3:7]}-{letters[7:]}"
    path = f"/{code}" if cell.platform == "meet" else f"/{cell.platform}/{code}"
    fields = {"scenario": ENDINGS.get(cell.name, cell.name), "lang": cell.language, "after": "1.5"}
    fields |= {} if cell.variant == PLAIN else {"variant": cell.variant}
    assert urlsplit(base_url).hostname == "127.0.0.1"
    return f"{base_url}{path}?{urlencode(fields)}"


def wrong(outcome: Outcome) -> str:
    """What is wrong with it; empty when nothing is."""
    cell, said, evidence = outcome.cell, outcome.said, outcome.evidence
    if cell.name not in ENDINGS and outcome.call:
        return f"{cell}: taken for a call"
    if said != expected(cell):
        return f"{cell}: came out as {said}, seen was {outcome.seen}"
    if said == NOT_UNDERSTOOD and not any(NOT_TOLD in phrase for phrase in outcome.seen.phrases):
        return f"{cell}: left open before it was shown, seen was {outcome.seen}"
    if evidence is None or not (evidence.screenshot and evidence.html):
        return f"{cell}: no evidence"
    if said != NOT_UNDERSTOOD and not evidence.rule:
        return f"{cell}: no rule"
    return ""


def chosen(platform: str, language: str) -> list[Cell]:
    return [one for one in cells() if one.platform == platform and one.language == language]


def record(outcomes: list[Outcome]) -> None:
    """Keep what was seen, for tests without a browser."""
    kept = {key(cell): look for cell, look in recorded()} | {key(one.cell): look_of(one.seen) for one in outcomes}
    there = {key(cell) for cell in to_record()}
    told = {name: look for name, look in sorted(kept.items()) if name in there}
    LOOKS.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", "utf-8")


def recorded() -> Iterator[tuple[Cell, dict[str, Any]]]:
    read = json.loads(LOOKS.read_text("utf-8")) if LOOKS.exists() else {}
    for name, look in read.items():
        platform, screen, variant, language = name.split("/")
        yield Cell(platform=platform, name=screen, variant=variant, language=language), look


def key(cell: Cell) -> str:
    return f"{cell.platform}/{cell.name}/{cell.variant}/{cell.language}"


def look_of(seen: Sighting) -> dict[str, Any]:
    look = {"phrases": list(seen.phrases), "title": seen.title, "shown": sorted(seen.shown), "told": sorted(seen.told)}
    return {name: value for name, value in look.items() if value}


def sighting_from(look: dict[str, Any]) -> Sighting:
    """Of one that was recorded."""
    sets = {name: frozenset(look.get(name, ())) for name in ("shown", "told")}
    return Sighting(phrases=tuple(look.get("phrases", ())), title=look.get("title", ""), **sets)


async def main(platforms: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with Browser(Path(folder)) as browser, SimulatorServer() as simulator:
            chosen = [cell for cell in to_record() if cell.platform in platforms]
            outcomes = [await play(browser, simulator.base_url, cell) for cell in chosen]
    for outcome in outcomes:
        print(wrong(outcome) or f"{key(outcome.cell)}: {outcome.said}")
    record(outcomes)
    print(dict(counts()))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:] or list(PLATFORMS)))
