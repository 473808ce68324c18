"""The head of an engine group: starts its ranks, gives them orders, and ends them all when one of them ends.

Ranks are processes of this machine with a socket pair each. The head holds no tensor: what is made when is a
`StreamPlan` for each session. A rank that dies or hangs ends the group at once: its sessions raise EngineDied, the
other ranks are killed whatever they wait for, and none outlives the head.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import tempfile
import time
from collections import deque
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.api import EngineDied, EngineError
from engine.diffusion import orders
from engine.diffusion.config import PRESETS, Checkpoint
from engine.diffusion.errors import BadCheckpoint, CannotBeParted, NotEnoughMemory, PartMissing

START_TIMEOUT_S = 600.0  # weights of many gigabytes from a slow disk
ORDER_TIMEOUT_S = 60.0  # a first block may compile or capture
STUCK_S = 10.0  # an order of a session that has had blocks
END_TIMEOUT_S = 2.0
WATCH_S = 0.25
KEPT_STAGES = 512
_ROOT = Path(__file__).resolve().parents[2]
_REFUSALS: dict[str, type[EngineError]] = {
    kind.code: kind for kind in (BadCheckpoint, CannotBeParted, NotEnoughMemory, PartMissing)
}


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupOptions:
    """How a group is made. `decode_device` "same": rank 0 decodes too, and the times of both add up."""

    tp: int = 1
    device: str = "cpu"  # "cuda": rank n is on device n
    decode_device: str = "same"
    checkpoint: str | None = None
    preset: str = "tiny"
    seed: int = 0
    path: str = "eager"
    attention: str = "auto"
    most_together: int = 4  # sessions in one run of the transformer
    denoise_at_least_s: float = 0.0
    decode_at_least_s: float = 0.0

    @property
    def layout(self) -> orders.Layout:
        return orders.Layout(tp=self.tp, decode_apart=self.decode_device != "same")

    def setup(self, rank: int, store: str) -> orders.Setup:
        device = f"cuda:{rank}" if self.device == "cuda" else self.device
        return orders.Setup(
            rank=rank,
            layout=self.layout,
            store=store,
            device=device if rank < self.tp else self.decode_device,
            checkpoint=self.checkpoint,
            preset=self.preset,
            seed=self.seed,
            path=self.path,
            attention=self.attention,
            denoise_at_least_s=self.denoise_at_least_s,
            decode_at_least_s=self.decode_at_least_s,
        )


class Rank:
    """The head's side of one process. Replies come in the order of the orders."""

    def __init__(self, number: int, process: asyncio.subprocess.Process) -> None:
        self.number, self.process = number, process
        self.waiting: deque[tuple[float, asyncio.Future[orders.Done]]] = deque()
        self.stages: dict[str, deque[orders.Done]] = {}
        self.slow_until_s = time.monotonic() + ORDER_TIMEOUT_S
        self._writer: asyncio.StreamWriter | None = None
        self._reader: asyncio.StreamReader | None = None

    async def connect(self, ours: socket.socket) -> None:
        self._reader, self._writer = await asyncio.open_unix_connection(sock=ours)

    async def set_up(self, setup: orders.Setup) -> Checkpoint:
        assert self._writer is not None and self._reader is not None
        self._writer.write(orders.packed(setup))
        reply = await orders.read(self._reader)
        if isinstance(reply, orders.Refused):
            raise _REFUSALS.get(reply.code, EngineError)(reply.message)
        checkpoint: Checkpoint = reply.checkpoint
        return checkpoint

    def ask(self, order: orders.Order) -> asyncio.Future[orders.Done]:
        answer: asyncio.Future[orders.Done] = asyncio.get_running_loop().create_future()
        answer.add_done_callback(_seen)
        self.waiting.append((time.monotonic(), answer))
        assert self._writer is not None
        self._writer.write(orders.packed(order))
        stage = type(order).__name__
        answer.add_done_callback(lambda done: self._note(stage, done))
        return answer

    async def read_replies(self) -> None:
        """Returns when the process has ended."""
        assert self._reader is not None
        with suppress(asyncio.IncompleteReadError, OSError):
            while True:
                reply = await orders.read(self._reader)
                _, answer = self.waiting.popleft()
                if not answer.done():
                    answer.set_result(reply)

    def stuck(self, now_s: float) -> bool:
        """Whether the oldest order has taken longer than any should."""
        return bool(self.waiting) and now_s > self.slow_until_s and now_s - self.waiting[0][0] > STUCK_S

    def fail(self, error: EngineDied) -> None:
        for _, answer in self.waiting:
            if not answer.done():
                answer.set_exception(error)
        self.waiting.clear()
        if self._writer is not None:
            self._writer.close()

    def _note(self, stage: str, done: asyncio.Future[orders.Done]) -> None:
        if not done.cancelled() and done.exception() is None:
            self.stages.setdefault(stage, deque(maxlen=KEPT_STAGES)).append(done.result())


def _seen(answer: asyncio.Future[orders.Done]) -> None:
    """Somebody looked: an error nobody waits for any more is no news."""
    if not answer.cancelled():
        answer.exception()


class Group:
    """One set of processes, from `start` to its end. After an end it is of no use: make another."""

    def __init__(self, options: GroupOptions) -> None:
        self.options, self.layout = options, options.layout
        self.ranks: list[Rank] = []
        self.checkpoint: Checkpoint = PRESETS[options.preset]
        self.died: EngineDied | None = None
        self.ended = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._folder = tempfile.TemporaryDirectory(prefix="engine-group-")
        self._queue: deque[tuple[orders.Denoise, asyncio.Future[orders.Done]]] = deque()
        self._work = asyncio.Event()
        self._sessions = 0

    # --- life --------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Until weights are loaded and the ranks have met. Raises EngineDied, BadCheckpoint, CannotBeParted."""
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                for number in range(self.layout.ranks):
                    self.ranks.append(await _spawned(number))
                store = str(Path(self._folder.name) / "store")
                ready = [rank.set_up(self.options.setup(rank.number, store)) for rank in self.ranks]
                self.checkpoint = (await _all_or_first_error(ready))[0]
        except TimeoutError as error:
            await self.aclose()
            raise EngineDied(f"the engine group was not ready in {START_TIMEOUT_S:.0f} s") from error
        except (asyncio.IncompleteReadError, OSError) as error:
            await self.aclose()
            raise EngineDied("a process of the engine group ended while it started") from error
        except BaseException:
            await self.aclose()
            raise
        self._tasks = [asyncio.create_task(self._until_ended(rank), name=f"rank {rank.number}") for rank in self.ranks]
        self._tasks += [asyncio.create_task(self._watch()), asyncio.create_task(self._denoise())]

    async def aclose(self) -> None:
        """End every process. Safe twice."""
        self.fail("the engine group was closed")
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for rank in self.ranks:
            await _ended(rank.process)
        self._folder.cleanup()

    def fail(self, why: str) -> None:
        """The end of all: whoever waits is told, whoever hangs is killed."""
        if self.died is not None:
            return
        self.died = EngineDied(why)
        for rank in self.ranks:
            rank.fail(self.died)
            with suppress(ProcessLookupError):
                rank.process.kill()
        for _, answer in self._queue:
            if not answer.done():
                answer.set_exception(self.died)
        self._queue.clear()
        self.ended.set()

    async def _until_ended(self, rank: Rank) -> None:
        await rank.read_replies()
        self.fail(f"rank {rank.number} of the engine group ended")

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_S)
            for rank in self.ranks:
                if rank.stuck(time.monotonic()):
                    self.fail(f"rank {rank.number} of the engine group gave no answer in {STUCK_S:.0f} s")

    def figures(self) -> dict[str, float]:
        """Median milliseconds of each stage on each rank."""
        return {
            f"{stage.lower()}_ms_rank_{rank.number}": 1e3 * median(done.busy_s for done in times)
            for rank in self.ranks
            for stage, times in rank.stages.items()
        }

    # --- work --------------------------------------------------------------------------------------------------------

    async def open(self, still: NDArray[np.float32], seed: int) -> int:
        """A new session's number. Raises EngineDied."""
        self._require_alive()
        self._sessions += 1
        number = self._sessions
        opening = orders.Open(session=number, still=still, seed=seed)
        for rank in self.ranks:
            rank.slow_until_s = time.monotonic() + ORDER_TIMEOUT_S
        await asyncio.gather(*(rank.ask(opening) for rank in self.ranks))
        return number

    def close(self, session: int) -> None:
        if self.died is None:
            for rank in self.ranks:
                rank.ask(orders.Close(session=session))

    def denoise(self, order: orders.Denoise) -> asyncio.Future[orders.Done]:
        """Put behind what waits; several sessions' blocks are made together. Raises EngineDied, here or later."""
        self._require_alive()
        answer: asyncio.Future[orders.Done] = asyncio.get_running_loop().create_future()
        answer.add_done_callback(_seen)
        self._queue.append((order, answer))
        self._work.set()
        return answer

    def decode(self, order: orders.Decode) -> asyncio.Future[orders.Done]:
        self._require_alive()
        return self.ranks[self.layout.decoder].ask(order)

    async def _denoise(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            while self._queue:
                most = self.options.most_together
                batch = [self._queue.popleft() for _ in range(min(most, len(self._queue)))]
                done = await self._denoised([order for order, _ in batch])
                for _, answer in batch:
                    if not answer.done():
                        answer.set_result(done) if isinstance(done, orders.Done) else answer.set_exception(done)

    async def _denoised(self, batch: Sequence[orders.Denoise]) -> orders.Done | EngineDied:
        order = orders.DenoiseTogether(items=tuple(batch))
        if self.layout.decode_apart:
            for item in batch:
                self.ranks[self.layout.decoder].ask(orders.Expect(session=item.session, block=item.block))
        try:
            return (await asyncio.gather(*(rank.ask(order) for rank in self.ranks[: self.layout.tp])))[0]
        except EngineDied as error:
            return error

    def _require_alive(self) -> None:
        if self.died is not None:
            raise self.died


async def _all_or_first_error(ready: Sequence[Coroutine[Any, Any, Checkpoint]]) -> list[Checkpoint]:
    """The first rank to fail decides; the others may wait for it for ever."""
    tasks = [asyncio.create_task(one) for one in ready]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()


async def _spawned(number: int) -> Rank:
    ours, theirs = socket.socketpair()
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "engine.diffusion.rank", str(theirs.fileno()), str(os.getpid()),
            pass_fds=(theirs.fileno(),), stdin=asyncio.subprocess.DEVNULL, cwd=_ROOT,
        )  # fmt: skip
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    rank = Rank(number, process)
    await rank.connect(ours)
    return rank


async def _ended(process: asyncio.subprocess.Process) -> None:
    """It was killed already, or ends by itself when its socket closes."""
    try:
        async with asyncio.timeout(END_TIMEOUT_S):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
