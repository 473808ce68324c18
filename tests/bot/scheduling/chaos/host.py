"""A bot host whose bots are forked instead of started anew, so that hundreds fit on a small machine; the rest is the
product's own.

    python -m tests.bot.scheduling.chaos.host DATABASE_URL HOME ROOMS
"""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from pathlib import Path

from bot.clock import RealClock
from bot.commands.stopping import stop_event
from bot.scheduling.host import BotHost
from bot.scheduling.launchers import Launch
from bot.scheduling.launchers.subprocess import host_socket
from bot.store.session import Database
from bot.supervision.kernel import dying_with_parent
from tests.bot.scheduling.chaos import bot

MOST = 60


class ForkingHost(BotHost):
    def __init__(self, *args: object, url: str, rooms: Path, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        self._url, self._rooms = url, rooms

    async def _spawn(self, launch: Launch) -> asyncio.subprocess.Process:
        dies_with_us = dying_with_parent(signal.SIGTERM)

        def become() -> None:
            dies_with_us()
            bot.become(self._url, launch.bot_id, launch.attempt, self._rooms)

        with (self._logs / "bots.log").open("ab") as output:
            return await asyncio.create_subprocess_exec(
                "true",
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=become,  # does not come back
            )


async def main(url: str, home: str, rooms: str) -> None:
    async with Database.open(url) as database:
        host = ForkingHost(
            database,
            socket=host_socket(Path(home)),
            logs=Path(home) / "logs",
            max_bots=MOST,
            clock=RealClock(),
            url=url,
            rooms=Path(rooms),
        )
        gc.freeze()
        await host.run(stop_event())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))
