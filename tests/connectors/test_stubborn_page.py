"""Pages that hang, fail and navigate while they are driven, by stubs of the browser's page: each wait has an end, and
each end a name and evidence."""

from __future__ import annotations

import asyncio
import errno
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Error as PageError

from connectors.base import (
    Admitted,
    BrowserDied,
    ConnectionLost,
    ConnectorError,
    Event,
    Evidence,
    JoinRefused,
    JoinRequest,
    NotDone,
    Refusal,
    Removed,
)
from connectors.kit.browser import Browser
from connectors.kit.web.admission import Way
from connectors.kit.web.connector import EVENTS_HELD
from connectors.kit.web.hands import Hands
from connectors.kit.web.look import LOOK_JS
from connectors.kit.web.presence import Presence
from connectors.kit.web.ways import Ways
from connectors.teams.connector import TeamsConnector

QUICK_S = 0.02
REQUEST = JoinRequest(
    meeting_url="https://teams.microsoft.com/meet/2811234567890?p=abc",
    display_name="Iris (AI)",
    page_timeout_s=20.0,
)
HURRIED = replace(REQUEST, page_timeout_s=0.5, lobby_timeout_s=0.1)
NAVIGATES = PageError("Page.evaluate: Execution context was destroyed, most likely because of a navigation")
NO_BODY = PageError("TypeError: Failed to execute 'createTreeWalker' on 'Document'")
HANGS = TimeoutError()


def look(*shown: str, says: str = "", loaded: float = 1.0) -> dict[str, Any]:
    controls = dict.fromkeys(shown, 0)
    phrases = [says] if says else []
    return {
        "phrases": phrases,
        "title": "",
        "shown": controls,
        "people": [],
        "messages": [],
        "ways": {},
        "loaded": loaded,
    }


DOOR, ANOTHER_DOOR, CALL = look("name", "join"), look("name", "join", loaded=2.0), look("leave", "more", loaded=2.0)
REMOVED = look(says="You've been removed from this meeting")
STRANGE, DENIED = look(says="Take the tour"), look(says="Sorry, but you were denied access to the meeting.")
Look = dict[str, Any] | Exception


async def never(*_: object, **__: object) -> None:
    await asyncio.Event().wait()


async def at_once(*_: object, **__: object) -> None:
    """What a page that answers does."""


class StubPage:
    """Gives these looks one after the other, the last one for good. It is its own mouse, its context and its every
    control; `answer` is what its controls do."""

    url = "https://teams.microsoft.com/"
    frames: tuple[()] = ()
    says = "what stood there"

    def __init__(self, looks: list[Look], answer: Callable[..., Awaitable[object]]) -> None:
        self.looks = looks
        self.move = self.evaluate_all = self.grant_permissions = answer
        self.goto = at_once
        self.mouse = self

    async def evaluate(self, script: str, *_: object) -> object:
        if script != LOOK_JS:
            return await self.evaluate_all() if "window[name]" in script else self.says
        seen = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        if isinstance(seen, Exception):
            raise seen
        return seen

    def locator(self, *_: object, **__: object) -> StubPage:
        return self

    async def content(self) -> str:
        return f"<p>{self.says}</p>"

    async def screenshot(self, *, path: Path) -> None:
        await asyncio.to_thread(path.write_bytes, b"png")


class Bot(TeamsConnector):
    """On such a page, without much patience; keeps how often it knocked."""

    hanging_s = 4 * QUICK_S
    under_way_s = QUICK_S

    def __init__(
        self,
        folder: Path,
        *looks: Look,
        answer: Callable[..., Awaitable[object]] = at_once,
        knocks: tuple[Look, ...] = (),
    ) -> None:
        super().__init__(folder)
        self.page = StubPage(list(looks) or [STRANGE], answer)
        self.knocked, self._knocks = 0, list(knocks)
        self._browser = Browser(folder)
        self._browser._page = self._browser._context = self.page  # type: ignore[assignment]
        self._hands = Hands(self._browser, self.ways.screens, answer_s=QUICK_S)

    async def knock(self, hands: Hands, request: JoinRequest) -> bool:
        self.knocked += 1
        broken = self._knocks.pop(0) if self._knocks else None
        if isinstance(broken, Exception):
            raise broken
        return True

    @property
    def stubbed(self) -> Ways:
        return replace(TeamsConnector.ways, knock=self.knock)

    async def go(self, request: JoinRequest = REQUEST) -> None:
        """The way in alone."""
        await Way(self, self._hands, self.stubbed, request, look_s=0.0).go(lambda: None, self.leave)

    def presence(self, now_s: Callable[[], float] = time.monotonic) -> Presence:
        return Presence(
            self,
            self._hands,
            self.stubbed,
            tell=self._tell,
            now_s=now_s,
            leaving=lambda: False,
            spoken_s=lambda: 0.0,
            lobby_timeout_s=60.0,
            look_s=0.0,
        )

    async def stay(self) -> list[Event]:
        """The time in the call alone, and what is told of it until events() ends."""
        self._watching = asyncio.create_task(self._watch(self.presence()))
        async with asyncio.timeout(10):
            return [event async for event in self.events()]


@pytest.mark.parametrize("broken", [NAVIGATES, NO_BODY, HANGS])
async def test_a_page_that_shows_nothing_for_a_while_is_waited_for(tmp_path: Path, broken: Exception) -> None:
    bot = Bot(tmp_path, broken, DOOR, *[broken] * 3, CALL)
    await bot.go()
    assert bot.knocked == 1


@pytest.mark.parametrize("broken", [NAVIGATES, HANGS])
async def test_a_page_that_is_lost_at_the_knock_is_knocked_at_again(tmp_path: Path, broken: Exception) -> None:
    bot = Bot(tmp_path, DOOR, DOOR, CALL, knocks=(broken,))
    await bot.go()
    assert bot.knocked == 2


async def test_a_page_loaded_after_the_knock_is_knocked_at_and_no_page_twice(tmp_path: Path) -> None:
    bot = Bot(tmp_path, DOOR, DOOR, NAVIGATES, *[ANOTHER_DOOR] * 3, CALL)
    await bot.go()
    assert bot.knocked == 2


async def test_a_page_that_is_gone_is_no_page_that_navigates(tmp_path: Path) -> None:
    class TargetClosedError(PageError):
        """As Playwright calls it."""

    bot = Bot(tmp_path, TargetClosedError("Target page, context or browser has been closed"))
    with pytest.raises(BrowserDied):
        await bot.join(REQUEST)


async def test_a_page_that_stays_busy_on_the_way_in_is_told_with_evidence(tmp_path: Path) -> None:
    bot = Bot(tmp_path, STRANGE, HANGS)
    with pytest.raises(BrowserDied) as died:
        await bot.join(HURRIED)
    assert died.value.evidence is not None and died.value.evidence.html == tmp_path / "hanging.html"


async def test_a_page_that_is_busy_for_a_while_is_told_by_what_it_shows_then(tmp_path: Path) -> None:
    with pytest.raises(JoinRefused) as refused:
        await Bot(tmp_path, HANGS, HANGS, DENIED).join(REQUEST)
    assert refused.value.refusal is Refusal.DENIED


async def test_a_way_in_whose_pointer_never_moves_has_an_end(tmp_path: Path) -> None:
    bot = Bot(tmp_path, DOOR, STRANGE, answer=never)
    with pytest.raises(JoinRefused) as refused:
        async with asyncio.timeout(10):
            await bot.go(HURRIED)
    assert refused.value.refusal is Refusal.PAGE_NOT_UNDERSTOOD


async def test_a_way_in_that_hangs_where_nothing_else_ends_it_ends_with_evidence(tmp_path: Path) -> None:
    with pytest.raises(BrowserDied) as died:
        async with asyncio.timeout(10):
            await Bot(tmp_path, answer=never).join(HURRIED)
    assert died.value.evidence is not None and died.value.evidence.screenshot is not None


async def test_a_call_whose_pointer_never_moves_has_an_end(tmp_path: Path) -> None:
    bot, seconds = Bot(tmp_path, STRANGE, answer=never), count(step=10)
    with pytest.raises(ConnectionLost):
        async with asyncio.timeout(10):
            await bot.presence(lambda: float(next(seconds))).last()


@pytest.mark.parametrize("asked", ["find", "press", "tell"])
async def test_nothing_is_asked_of_a_page_without_end(tmp_path: Path, asked: str) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(10) as patience:
            await getattr(Bot(tmp_path, answer=never)._hands, asked)("join")
    assert not patience.expired()


async def test_what_a_page_that_hangs_was_asked_to_do_is_not_done(tmp_path: Path) -> None:
    bot = Bot(tmp_path, answer=never)
    for asking in (bot.say_in_chat("hello"), bot.raise_hand(True)):
        with pytest.raises(NotDone):
            async with asyncio.timeout(10):
                await asking


async def test_what_is_done_to_a_page_has_an_end_however_many_steps_it_takes(tmp_path: Path) -> None:
    with pytest.raises(NotDone):
        async with asyncio.timeout(10):
            await Bot(tmp_path)._do(never, "it took nothing")  # type: ignore[arg-type]


async def test_the_end_is_told_to_who_has_not_listened_for_long(tmp_path: Path) -> None:
    bot = Bot(tmp_path)
    for at_s in range(EVENTS_HELD):
        bot._tell(Admitted(at_s=at_s))
    bot._tell(Removed(at_s=EVENTS_HELD))
    bot._finish(None)
    told = [event async for event in bot.events()]
    assert told[-1] == Removed(at_s=EVENTS_HELD) and len(told) == EVENTS_HELD - 1
    assert [event.at_s for event in told] == sorted(event.at_s for event in told)


HALF = "Zo\ud83d\x00"  # what cutting a name in the middle of an emoji leaves, and what no database takes


async def test_a_refusal_is_told_whatever_stands_on_its_page(tmp_path: Path) -> None:
    bot = Bot(tmp_path, DENIED)
    bot.page.says = HALF
    with pytest.raises(JoinRefused) as refused:
        await bot.join(REQUEST)
    evidence = refused.value.evidence
    assert refused.value.refusal is Refusal.DENIED and evidence is not None
    assert evidence.heading == "Zo\ufffd" and evidence.left_out == ()
    assert evidence.html is not None and "Zo\ufffd" in evidence.html.read_text("utf-8")


async def test_a_refusal_whose_evidence_finds_no_room_is_told_and_so_is_that(tmp_path: Path) -> None:
    async def disk_full(*, path: Path) -> None:
        await asyncio.to_thread(path.write_bytes, b"the first part of a picture")
        raise OSError(errno.ENOSPC, "No space left on device")

    bot = Bot(tmp_path, DENIED)
    bot.page.screenshot = disk_full  # type: ignore[method-assign]
    (tmp_path / "request_denied.html").symlink_to("/dev/full")
    with pytest.raises(JoinRefused) as refused:
        await bot.join(REQUEST)
    evidence = refused.value.evidence
    assert refused.value.refusal is Refusal.DENIED and evidence is not None and evidence.rule
    assert evidence.left_out == ("picture", "page") and evidence.heading == bot.page.says
    assert evidence.screenshot is None and evidence.html is None


async def test_a_refusal_whose_browser_dies_of_it_is_told(tmp_path: Path) -> None:
    class Dies(Bot):
        async def evidence(self, name: str, rule: str = "") -> Evidence:
            self._browser.died.set()
            return await super().evidence(name, rule)

    with pytest.raises(JoinRefused) as refused:
        await Dies(tmp_path, DENIED).join(REQUEST)
    assert refused.value.refusal is Refusal.DENIED and refused.value.evidence is not None
    assert refused.value.evidence.left_out == ("picture", "page", "heading") and refused.value.evidence.rule


async def test_an_end_is_told_whatever_stands_on_its_page(tmp_path: Path) -> None:
    bot = Bot(tmp_path, CALL, REMOVED)
    bot.page.says = HALF
    end = (await bot.stay())[-1]
    assert isinstance(end, Removed) and end.evidence is not None and end.evidence.heading == "Zo\ufffd"


@pytest.mark.parametrize("broken", [ValueError("pwd=abc"), KeyError("phrases"), AttributeError(), OSError(), None])
async def test_whatever_breaks_in_a_call_ends_what_is_told_of_it_by_an_error(
    tmp_path: Path, broken: Exception | None
) -> None:
    bot = Bot(tmp_path, CALL, broken or {"phrases": 1})
    bot._secrets = frozenset({"abc"})
    with pytest.raises(ConnectorError) as told:
        await bot.stay()
    assert type(told.value) is ConnectorError and "abc" not in str(told.value)
    assert told.value.evidence is not None and told.value.__cause__ is not None
    assert [chunk async for chunk in bot.audio()] == []


async def test_a_watch_that_is_cancelled_ends_what_is_told(tmp_path: Path) -> None:
    bot = Bot(tmp_path, CALL)
    staying = asyncio.create_task(bot.stay())
    for _ in range(5):
        await asyncio.sleep(0)
    assert bot._watching is not None
    bot._watching.cancel()
    with pytest.raises(BrowserDied):
        await staying
