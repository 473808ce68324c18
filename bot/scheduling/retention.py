"""Erases what has been kept long enough, rows and files, a part at a time. One of the dispatcher's steps."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from bot.clock import Clock
from bot.log import get_log
from bot.store import erasure
from bot.store.session import Database

log = get_log(__name__)

AT_ONCE = 100
BY_RULE = {"by": "retention"}


class Retention:
    """`home` has the files; those on other hosts are erased by the dispatchers there."""

    def __init__(self, database: Database, *, home: Path, default_days: int, clock: Clock) -> None:
        self._database, self._home, self._default_days, self._clock = database, home, default_days, clock

    async def step(self) -> int:
        """Returns of how many bots something was erased: of all whose time has come."""
        erased = 0
        while part := await self._part():
            erased += part
            if part < AT_ONCE:
                break
        return erased

    async def _part(self) -> int:
        now = self._clock.now()
        async with self._database.read() as session:
            due = await erasure.due(session, default_days=self._default_days, now=now, limit=AT_ONCE)
        for bot_id in due:
            await asyncio.to_thread(erase_files, self._home, bot_id)
            async with self._database.write() as session:
                await erasure.erase(session, bot_id, by=BY_RULE, at=now)
        if due:
            log.info("what was kept long enough is erased", bots=len(due))
        return len(due)


def erase_files(home: Path, bot_id: str) -> None:
    """A bot's screenshots and log on this host; before its rows, so that nothing is forgotten half-way."""
    if not bot_id.replace("-", "").isalnum():  # an id of ours, never a path
        return
    shutil.rmtree(home / "evidence" / bot_id, ignore_errors=True)
    for log_file in (home / "logs" / "bots").glob(f"{bot_id}-*.log"):
        log_file.unlink(missing_ok=True)
