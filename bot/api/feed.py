"""What happens to bots, told to everyone who listens: one look at the database per tick, however many listen.

Each change gets a number, `<run>-<number>`; the latest are kept, so that a listener who comes back within a while
hears what it missed. One who was away too long, or comes to another process, is told to read the lists again. A
listener that does not keep up is dropped: it will come back, and memory stays bounded. Knows no HTTP.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace

from bot.api.schemas import BotView, EventView, SegmentView
from bot.domain.personal import PREFIX, without_people
from bot.errors import BotError, Unavailable
from bot.log import get_log
from bot.store import bots, live, transcripts
from bot.store.live import Mark
from bot.store.session import Database, Session

log = get_log(__name__)

KEPT = 2000
KEPT_CHARACTERS = 8_000_000
MOST_WAITING = 500
MOST_LISTENERS = 20  # per workspace
LONGEST_DATA = 64_000  # characters; of more, a listener is only told where to read it
ROWS_PER_TICK = 100  # per bot; the rest waits for the next tick
ROWS_OF_A_STRANGER = 20  # of a bot not watched until now


class TooManyListeners(BotError):
    """This workspace has as many live streams open as it may; close one."""

    code, http_status, retryable = "too_many_streams", 429, True


class NotFollowing(Unavailable):
    """What happens cannot be followed now; the lists can be read."""

    code = "not_following"


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    tick_s: float = 0.5
    idle_s: float = 60.0  # goes on so long without a listener: one who comes back has missed nothing
    ready_timeout_s: float = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """`topic`: bot, event or segment of a bot; or hello, resumed, reset, which begin a stream."""

    cursor: str
    workspace_id: str
    topic: str
    data: str  # JSON


class Listener:
    def __init__(self, workspace_id: str, topics: frozenset[str], *, words: bool = False) -> None:
        self.workspace_id, self._topics, self._words = workspace_id, topics, words
        self._waiting: asyncio.Queue[Change | None] = asyncio.Queue(MOST_WAITING + 1)
        self.over = False

    def tell(self, change: Change) -> None:
        if self.over or change.workspace_id != self.workspace_id or change.topic not in self._topics:
            return
        if self._waiting.qsize() >= MOST_WAITING:
            self.end()
        else:
            self._waiting.put_nowait(change if self._words else _without_people(change))

    def end(self) -> None:
        """Nothing more comes; what was waiting is still given."""
        if not self.over:
            self.over = True
            self._waiting.put_nowait(None)

    async def next(self, timeout_s: float) -> Change | None:
        """None when it is over. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            return await self._waiting.get()


class Feed:
    """Looks only while someone listens, and a little longer. Its owner closes it."""

    def __init__(self, database: Database, pace: Pace | None = None) -> None:
        self._database, self._pace = database, pace or Pace()
        self._listeners: set[Listener] = set()
        self._task: asyncio.Task[None] | None = None
        self._forget()

    def _forget(self) -> None:
        self._run, self._number = secrets.token_hex(4), 0
        self._kept: deque[Change] = deque()
        self._kept_characters = 0
        self._known: dict[str, Mark] = {}
        self._since = 0
        self._ready = asyncio.Event()

    @property
    def cursor(self) -> str:
        return f"{self._run}-{self._number}"

    @property
    def listeners(self) -> int:
        return len(self._listeners)

    @asynccontextmanager
    async def listening(self, *, workspace_id: str, words: bool, after: str = "") -> AsyncIterator[Listener]:
        """From the change behind `after`, when that is still known. `words`: segments too, and what people
        said and are called in events. Raises TooManyListeners, NotFollowing."""
        if sum(one.workspace_id == workspace_id for one in self._listeners) >= MOST_LISTENERS:
            raise TooManyListeners
        beginnings = {"hello", "resumed", "reset", "bot", "event"}
        listener = Listener(workspace_id, frozenset(beginnings | ({"segment"} if words else set())), words=words)
        self._listeners.add(listener)
        try:
            await self._following()
            self._begin(listener, after)
            yield listener
        finally:
            self._listeners.discard(listener)

    async def _following(self) -> None:
        if self._task is None or self._task.done():
            self._forget()
            self._task = asyncio.create_task(self._follow(), name="feed")
        with suppress(TimeoutError):
            async with asyncio.timeout(self._pace.ready_timeout_s):
                await self._ready.wait()
        if not self._ready.is_set():
            raise NotFollowing

    def _begin(self, listener: Listener, after: str) -> None:
        missed = self._after(after) if after else []
        topic = "reset" if missed is None else "resumed" if after else "hello"
        cursor = after if topic == "resumed" else self.cursor
        listener.tell(Change(cursor=cursor, workspace_id=listener.workspace_id, topic=topic, data="{}"))
        for change in missed or ():
            listener.tell(change)

    def _after(self, cursor: str) -> list[Change] | None:
        """What came behind `cursor`; None when that is not known any more."""
        run, _, text = cursor.partition("-")
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 16 else -1
        oldest = self._number - len(self._kept)
        if run != self._run or not oldest <= number <= self._number:
            return None
        return list(self._kept)[number - oldest :]

    async def _follow(self) -> None:
        idle_s = 0.0
        try:
            while idle_s < self._pace.idle_s:
                try:
                    async with asyncio.timeout(self._pace.ready_timeout_s):
                        await self.look()
                except (BotError, TimeoutError) as error:
                    log.warning("the live feed cannot look", error=type(error).__name__)
                await asyncio.sleep(self._pace.tick_s)
                idle_s = 0.0 if self._listeners else idle_s + self._pace.tick_s
        finally:
            for listener in self._listeners:
                listener.end()

    async def look(self) -> None:
        """Tell what has changed since the last look; the first only finds out where everything stands."""
        first = not self._ready.is_set()
        async with self._database.read() as session:
            marks, since = await live.marks(session, since=self._since)
            known: dict[str, Mark] = {}
            changes: list[tuple[str, str, str, str]] = []
            for mark in marks:
                before = mark if first else self._known.get(mark.bot_id) or _stranger(mark)
                known[mark.bot_id] = mark if mark == before else await self._read(session, before, mark, changes)
        for bot_id, workspace_id, topic, data in changes:
            self._tell(bot_id, workspace_id, topic, data)
        self._known, self._since = known, since
        self._ready.set()

    async def _read(self, session: Session, before: Mark, now: Mark, changes: list[tuple[str, str, str, str]]) -> Mark:
        """Adds what is new of one bot; returns how far that goes."""
        events, segments = before.events, before.segments
        for event in await bots.events(session, now.bot_id, after=events, limit=ROWS_PER_TICK):
            changes.append((now.bot_id, now.workspace_id, "event", _row(now.bot_id, EventView.of(event, words=True))))
            events = event.sequence
        for sequence, segment in await transcripts.list(
            session,
            now.bot_id,
            after=segments,
            limit=ROWS_PER_TICK,
            history=True,  # who listens may have any of it
        ):
            view = SegmentView.of(sequence, segment)
            changes.append((now.bot_id, now.workspace_id, "segment", _row(now.bot_id, view)))
            segments = sequence
        if events > before.events:
            view_of_bot = BotView.of(await bots.get(session, now.bot_id))
            changes.append((now.bot_id, now.workspace_id, "bot", view_of_bot.model_dump_json()))
        return Mark(bot_id=now.bot_id, workspace_id=now.workspace_id, events=events, segments=segments)

    def _tell(self, bot_id: str, workspace_id: str, topic: str, data: str) -> None:
        self._number += 1
        change = Change(cursor=self.cursor, workspace_id=workspace_id, topic=topic, data=data)
        self._kept.append(change)
        self._kept_characters += len(data)
        while len(self._kept) > KEPT or self._kept_characters > KEPT_CHARACTERS:
            self._kept_characters -= len(self._kept.popleft().data)
        for listener in list(self._listeners):
            listener.tell(change)

    async def close(self) -> None:
        """Every stream ends; nothing is looked at any more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


def _stranger(mark: Mark) -> Mark:
    """A bot not watched until now: new, or come to life. Whoever wants all of it reads its lists."""
    return Mark(
        bot_id=mark.bot_id,
        workspace_id=mark.workspace_id,
        events=max(0, mark.events - ROWS_OF_A_STRANGER),
        segments=max(0, mark.segments - ROWS_OF_A_STRANGER),
    )


def _without_people(change: Change) -> Change:
    if change.topic != "event" or f'"{PREFIX}' not in change.data:
        return change
    return replace(change, data=json.dumps(without_people(json.loads(change.data)), ensure_ascii=False))


def _row(bot_id: str, view: EventView | SegmentView) -> str:
    text = json.dumps({"bot_id": bot_id, **view.model_dump(mode="json")}, ensure_ascii=False)
    return text if len(text) <= LONGEST_DATA else json.dumps({"bot_id": bot_id, "sequence": view.sequence})
