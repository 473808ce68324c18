"""The stage of a demo: the whole installation and a meeting simulator as one tree, the shipped character, an API key.

Nothing here is special to a demo but the simulator: the parts are those of `understudy up`, in processes of their own.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TextIO, TypeVar

from bot.config import Settings
from bot.rehearsal.client import Client
from bot.rehearsal.engine_server import tiny_engine_server
from bot.rehearsal.face import FaceRates
from bot.rehearsal.meeting import Host, free_port, simulator_child
from bot.supervision.installation import ensure_shipped_character, installation, local_key, upgrade_database
from bot.supervision.tree import ChildSpec, Tree, run_tree

Result = TypeVar("Result")


class Teller:
    """Plain lines with the time since the start, for a person who watches."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._began_s = stream, time.monotonic()

    def __call__(self, line: str) -> None:
        print(f"[{time.monotonic() - self._began_s:6.1f} s] {line}", file=self._stream, flush=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """What runs, for the one who plays on it."""

    settings: Settings
    tree: Tree
    host: Host
    client: Client
    character_id: str

    @property
    def api_url(self) -> str:
        return api_url(self.settings)


def api_url(settings: Settings) -> str:
    return settings.own_url


async def on_stage(
    settings: Settings,
    *,
    tell: Callable[[str], None],
    play: Callable[[Stage], Awaitable[Result]],
    engine: str | None = None,
    engine_ways: int | None = None,
) -> Result | None:
    """Set it up, `play`, take it down; the character's face is moved by its own engine, or by `engine`, or by an engine
    server whose tiny model is parted `engine_ways`. None where someone asked to stop first. Raises what `play` raises,
    and AddressInUse, NoBroker, CommandFailed, ChildFailed, ChildKeepsEnding, NoSimulator."""
    servers: tuple[ChildSpec, ...] = ()
    if engine_ways is not None:
        settings, served = tiny_engine_server(settings, engine_ways)
        servers = (served,)
    settings, children = installation(settings)
    tell("bringing the database and the shipped character up to date")
    await upgrade_database(settings)
    character_id = await ensure_shipped_character(settings, engine=engine)
    key = await local_key(settings)
    port = free_port()

    async def run(tree: Tree) -> Result:
        host = await Host.of(port, tree.log_of("simulator"))
        tell("running: simulator, " + ", ".join(child.name for child in (*servers, *children)))
        async with Client(api_url(settings), key) as client:
            stage = Stage(settings=settings, tree=tree, host=host, client=client, character_id=character_id)
            return await play(stage)

    # The simulator first: what starts first stops last, and bots say goodbye in their meeting.
    specs = (simulator_child(settings, port), *servers, *children)
    tell("starting the parts")
    faces = FaceRates(settings.home / "logs")
    result = await run_tree(specs, log_folder=settings.home / "logs", body=run)
    tell("all parts are stopped")
    for sentence in faces.told():
        tell(sentence)
    return result
