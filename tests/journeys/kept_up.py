"""`understudy up` for tests that end its parts again and again: each is started again at once, however often it ends.

`python -m tests.journeys.kept_up` takes its settings from the environment, writes `ready` into its home when all of it
runs, and stops as `up` does.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from bot.config import load_settings
from bot.supervision.installation import installation, only_one
from bot.supervision.tree import Restarts, Tree, run_tree

READY = "ready"
AT_ONCE = Restarts(most=1000, first_delay_s=0.1, longest_delay_s=0.1)


async def keep_up() -> None:
    settings, specs = installation(load_settings())

    async def serve(tree: Tree) -> None:
        (settings.home / READY).touch()
        await tree.until_stopped()

    kept = [replace(spec, restarts=AT_ONCE) for spec in specs]
    with only_one(settings.home):
        await run_tree(kept, log_folder=settings.home / "logs", body=serve)


if __name__ == "__main__":
    asyncio.run(keep_up())
