"""Erases what has been kept long enough, rows and files, a part at a time, and files of characters that a change left
behind. One of the dispatcher's steps."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import suppress
from pathlib import Path

from bot.clock import Clock
from bot.errors import BotError
from bot.library import keeping
from bot.log import get_log
from bot.store import erasure
from bot.store.session import Database

log = get_log(__name__)

AT_ONCE = 100
BY_RULE = {"by": "retention"}
TO_DO = "see that this user may remove the file; retention then erases at its next step, who asked asks again"


class FilesStay(BotError):
    """A file of the bot cannot be removed, so it does not count as erased; the server's log says which file and why."""

    code = "files_stay"


class Retention:
    """`home` has the files. Of a bot that kept its own in another home, as in a cluster, they are not reached."""

    def __init__(self, database: Database, *, home: Path, default_days: int, clock: Clock) -> None:
        self._database, self._home, self._default_days, self._clock = database, home, default_days, clock

    async def step(self) -> int:
        """Returns of how many bots something was erased: of all whose time has come and whose files can be removed."""
        await keeping.sweep(self._database, self._home)
        erased, stay = 0, set[str]()
        while part := await self._part(stay):
            erased += await self._erase(part, stay)
        if erased:
            log.info("what was kept long enough is erased", bots=erased)
        return erased

    async def _part(self, stay: set[str]) -> list[str]:
        async with self._database.read() as session:
            due = await erasure.due(
                session, default_days=self._default_days, now=self._clock.now(), limit=AT_ONCE + len(stay)
            )
        return [bot_id for bot_id in due if bot_id not in stay]

    async def _erase(self, part: list[str], stay: set[str]) -> int:
        """Whose files cannot be removed joins `stay` and keeps nothing from the others."""
        erased = 0
        for bot_id in part:
            try:
                await asyncio.to_thread(erase_files, self._home, bot_id)
            except FilesStay:
                stay.add(bot_id)
                continue
            async with self._database.write() as session:
                await erasure.erase(session, bot_id, by=BY_RULE, at=self._clock.now())
            erased += 1
        return erased


def erase_files(home: Path, bot_id: str) -> None:
    """A bot's screenshots and log in this home; before its rows, so that nothing is forgotten half-way. What is gone
    already is fine. Raises FilesStay."""
    if not bot_id.replace("-", "").isalnum():  # an id of ours, never a path
        return
    folder = home / "evidence" / bot_id
    try:
        _remove(folder)
        with suppress(FileNotFoundError):
            for log_file in (home / "logs" / "bots").iterdir():
                if log_file.name.startswith(f"{bot_id}-") and log_file.suffix == ".log":
                    log_file.unlink(missing_ok=True)
    except OSError as error:
        file, why = folder / (error.filename or ""), error.strerror or str(error)
        log.error("a bot's file cannot be removed", bot_id=bot_id, file=str(file), why=why, to_do=TO_DO)
        raise FilesStay from error


def _remove(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        if folder.exists():  # another process removes it too, and may yet fail
            raise
