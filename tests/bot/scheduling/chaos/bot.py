"""A bot of a second's stay: the product's own lease, pen, fence and retry rule around a meeting that is a locked file.

Two processes in one room at a time are seen by the lock, and left behind as evidence.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import random
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

from bot.clock import RealClock
from bot.domain.lifecycle import BotState
from bot.meeting.lease import Lease
from bot.meeting.punctual import until_time
from bot.meeting.record import Recorder
from bot.store import bots
from bot.store.fence import Fenced
from bot.store.own_thread import OwnThread
from bot.store.session import Database, DatabaseUnavailable
from tests.bot.store.test_bots import SEGMENT

FENCED, REFUSED, BROKEN = 50, 29, 40
STAY_S = (0.5, 2.5)
FLAKY = "flaky"  # in the link of a meeting whose page fails once


class Room:
    """The scripted connector: in the meeting is who holds the lock."""

    def __init__(self, folder: Path, name: str, who: str) -> None:
        self._path, self._who, self._folder = folder / f"{name}.room", who, folder
        self._file: int | None = None

    async def join(self) -> None:
        self._file = os.open(self._path, os.O_CREAT | os.O_RDWR)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            (self._folder / f"{self._who}.doubled").touch()

    async def leave(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


async def attend(url: str, bot_id: str, attempt: int, rooms: Path) -> int:
    """As `bot.meeting.run` does it, without a face. Returns the exit code."""
    async with OwnThread(Database.open(url, held=1)) as database:
        bot = await database.reading(lambda session: bots.get(session, bot_id))
        clock = RealClock()
        recorder = Recorder(database, bot_id=bot_id, attempt=attempt, clock=clock)
        lease = Lease(recorder.renew, fenced=Fenced, unreachable=(DatabaseUnavailable, OSError), clock=clock)
        room = Room(rooms, bot.meeting_key.rpartition("/")[2].rpartition(":")[2], f"{bot_id}-{attempt}")
        keeping = asyncio.create_task(lease.keep(lambda command: None))
        writing = asyncio.create_task(recorder.run())
        stay = asyncio.create_task(_stay(bot, recorder, room, clock))
        try:
            await asyncio.wait({keeping, writing, stay}, return_when=asyncio.FIRST_COMPLETED)
            return stay.result() if stay.done() else FENCED
        except Fenced:
            return FENCED
        finally:
            await room.leave()
            for task in (keeping, writing, stay):
                task.cancel()
            await asyncio.gather(keeping, writing, stay, return_exceptions=True)


async def _stay(bot: bots.Bot, recorder: Recorder, room: Room, clock: RealClock) -> int:
    async def unmoved() -> Any:
        return bot.join_at

    recorder.note("process.started", pid=os.getpid())
    await until_time(bot.join_at, unmoved, clock)
    late_s = (clock.now() - bot.join_at).total_seconds()
    await recorder.move(BotState.JOINING, late_s=round(late_s, 3))
    if FLAKY in bot.meeting_url and bot.tries == 0:
        await recorder.fail("platform_error", "The page failed.")
        return REFUSED
    await room.join()
    await recorder.move(BotState.IN_CALL)
    words = {name: getattr(SEGMENT, name) for name in ("speaker_id", "speaker_name", "text", "source")}
    recorder.segment(**words, start_s=0.0, end_s=1.0, confidence=1.0, own=False)
    await clock.sleep(random.Random(bot.id).uniform(*STAY_S))
    await recorder.move(BotState.LEAVING)
    await room.leave()
    await recorder.move(BotState.POST_PROCESSING)
    await recorder.move(BotState.ENDED, code="everyone_left")
    return 0


def become(url: str, bot_id: str, attempt: int, rooms: Path) -> None:
    """In a process forked for it: be the bot, and end. Nothing of the one it was forked from is used or closed."""
    os.closerange(3, 4096)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    code = BROKEN
    try:
        asyncio.events._set_running_loop(None)
        code = asyncio.run(attend(url, bot_id, attempt, rooms))
    finally:
        if code == BROKEN:  # there is nobody above to raise it to
            traceback.print_exc()
            sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    sys.exit(asyncio.run(attend(sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))))
