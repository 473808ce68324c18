"""What the head of a group asks of its ranks, and what they answer. Knows neither side.

An order is answered by exactly one reply, in order, so neither carries a number. Both travel over a socket pair that
only the head and its own child hold: 4 bytes of length, then the pickled dataclass.
"""

from __future__ import annotations

import pickle
import socket
import struct
from asyncio import StreamReader
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.api import Frames
from engine.diffusion.config import Checkpoint
from engine.diffusion.plan import Planned

LENGTH = struct.Struct("!I")


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """Which ranks there are. Ranks 0 .. tp - 1 denoise; a rank of its own decodes, or rank 0 does both."""

    tp: int
    decode_apart: bool

    @property
    def ranks(self) -> int:
        return self.tp + self.decode_apart

    @property
    def decoder(self) -> int:
        return self.tp if self.decode_apart else 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Setup:
    """The first order. `store` is the file over which the ranks find each other."""

    rank: int
    layout: Layout
    store: str
    device: str
    checkpoint: str | None  # folder of weights; None: random ones of `preset`
    preset: str
    seed: int
    path: str
    attention: str
    denoise_at_least_s: float  # a stage takes no less than this: what a benchmark simulates
    decode_at_least_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Open:
    session: int
    still: NDArray[np.float32]  # (1, 3, 1, height, width) in -1 .. 1
    seed: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Denoise:
    """A block of latents of one session. `forget_after`: go back to this latent first."""

    session: int
    block: int
    planned: Planned
    forget_after: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class DenoiseTogether:
    """Blocks of several sessions, in one run of the transformer for each step."""

    items: tuple[Denoise, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Expect:
    """To a decoder of its own: latents of this block are on their way."""

    session: int
    block: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Decode:
    """`first`: latent 0 of a stream, the still itself, whose frame nobody sees."""

    session: int
    block: int
    number: int
    first: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Close:
    session: int


Order = Setup | Open | DenoiseTogether | Expect | Decode | Close


@dataclass(frozen=True, kw_only=True, slots=True)
class Ready:
    checkpoint: Checkpoint


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """Monotonic seconds, the same clock for all processes of a machine."""

    began_s: float
    ended_s: float
    before_s: float = 0.0  # what the rank did after its last answer: the pass that later blocks see
    frames: Frames | None = None

    @property
    def busy_s(self) -> float:
        return self.ended_s - self.began_s


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """The order cannot be carried out; the rank goes on."""

    code: str
    message: str


Reply = Ready | Done | Refused


def packed(message: Order | Reply) -> bytes:
    body = pickle.dumps(message, protocol=5)
    return LENGTH.pack(len(body)) + body


async def read(reader: StreamReader) -> Any:
    """Raises asyncio.IncompleteReadError when the rank has ended."""
    (length,) = LENGTH.unpack(await reader.readexactly(LENGTH.size))
    return pickle.loads(await reader.readexactly(length))


def receive(channel: socket.socket) -> Any:
    """Raises EOFError when the head has ended."""
    (length,) = LENGTH.unpack(_exactly(channel, LENGTH.size))
    return pickle.loads(_exactly(channel, length))


def _exactly(channel: socket.socket, count: int) -> bytes:
    received = bytearray()
    while len(received) < count:
        part = channel.recv(min(1 << 20, count - len(received)))
        if not part:
            raise EOFError
        received += part
    return bytes(received)
