"""Latents from those who make them to the one who decodes them: within a process, or sent while both go on.

Sending is double-buffered on both sides: a block may be on its way, or waiting, while the one before it is decoded.
What was made for speech that is over arrives like everything else and is overwritten: nobody leaves a transfer alone.
"""

# B batch · C channels · F latents · H height · W width

from __future__ import annotations

from typing import Any, Protocol

import torch
import torch.distributed as dist
from torch import Tensor

BUFFERS = 2


class Handover(Protocol):
    """`put` on the making side; `expect` in the same order, then `take`, on the decoding side."""

    def put(self, session: int, block: int, latents_BCFHW: Tensor) -> None: ...

    def expect(self, session: int, block: int, shape: tuple[int, ...]) -> None: ...

    def take(self, session: int, block: int) -> Tensor:
        """Waits until the block is there. It may be taken again until the next but one was put."""
        ...

    def forget(self, session: int) -> None: ...


class Within:
    """Both sides are this process."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, int], Tensor] = {}

    def put(self, session: int, block: int, latents_BCFHW: Tensor) -> None:
        self._kept[session, block] = latents_BCFHW.clone()
        self._kept.pop((session, block - BUFFERS), None)

    def expect(self, session: int, block: int, shape: tuple[int, ...]) -> None:
        """It will be there."""

    def take(self, session: int, block: int) -> Tensor:
        return self._kept[session, block]

    def forget(self, session: int) -> None:
        for key in [key for key in self._kept if key[0] == session]:
            del self._kept[key]


class Sent:
    """From rank to rank. Transfers of one pair of ranks arrive in the order they were begun."""

    def __init__(self, *, sender: int, receiver: int, device: torch.device) -> None:
        self._sender, self._receiver, self._device = sender, receiver, device
        self._sending: list[tuple[Tensor, Any] | None] = [None] * BUFFERS
        self._count = 0
        self._arriving: dict[tuple[int, int], Arrival] = {}

    def put(self, session: int, block: int, latents_BCFHW: Tensor) -> None:
        place = self._count % BUFFERS
        self._count += 1
        if (before := self._sending[place]) is not None:
            before[1].wait()
        parcel = latents_BCFHW.clone(memory_format=torch.contiguous_format)
        self._sending[place] = parcel, dist.isend(parcel, dst=self._receiver)

    def expect(self, session: int, block: int, shape: tuple[int, ...]) -> None:
        buffer = torch.empty(shape, dtype=torch.float32, device=self._device)
        self._arriving[session, block] = Arrival(buffer, dist.irecv(buffer, src=self._sender))
        if (old := self._arriving.pop((session, block - BUFFERS), None)) is not None:
            old.wait()

    def take(self, session: int, block: int) -> Tensor:
        return self._arriving[session, block].wait()

    def forget(self, session: int) -> None:
        for key in [key for key in self._arriving if key[0] == session]:
            self._arriving.pop(key).wait()


class Arrival:
    """A transfer under way; may be waited for again and again, where torch allows it once."""

    def __init__(self, latents_BCFHW: Tensor, work: Any) -> None:
        self._latents_BCFHW, self._work = latents_BCFHW, work

    def wait(self) -> Tensor:
        if self._work is not None:
            self._work.wait()
            self._work = None
        return self._latents_BCFHW
