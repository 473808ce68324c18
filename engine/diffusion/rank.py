"""One process of an engine group: python -m engine.diffusion.rank SOCKET PARENT. Does as its head says, in order.

Ranks that denoise are given the same orders in the same order, so their sums meet; each finishes an order before it
looks at the next, whatever has become of the speech it was for. Latents go to the decoding rank while the pass after
them runs here. A process ends when its socket closes, and the kernel kills it when its head dies.
"""

# B batch · C channels · F latents · T frames · H height · W width

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
import time
from datetime import timedelta
from pathlib import Path as FilePath
from typing import Any, assert_never

import torch
import torch.distributed as dist

from engine.api import EngineError
from engine.diffusion import orders
from engine.diffusion.batch import make_together
from engine.diffusion.bundle import Bundle, random_bundle
from engine.diffusion.config import LATENT_CHANNELS, MOTION_LATENTS, PRESETS, Checkpoint
from engine.diffusion.graphs import Path, Runner, compile_blocks
from engine.diffusion.halves import FrameHalf, LatentHalf
from engine.diffusion.handover import Handover, Sent, Within
from engine.diffusion.parallel import Share, part, require_parts
from engine.diffusion.weights import find, load

_PR_SET_PDEATHSIG = 1
JOIN_TIMEOUT = timedelta(seconds=120)


def main(arguments: list[str]) -> None:
    socket_fd, parent = (int(argument) for argument in arguments)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the head's
    if os.getppid() != parent:  # it died before the kernel was told
        return
    with socket.socket(fileno=socket_fd) as channel:
        try:
            _serve(channel)
        except (EOFError, ConnectionError):
            return  # the head is gone: there is nobody to tell


def _serve(channel: socket.socket) -> None:
    setup: orders.Setup = orders.receive(channel)
    try:
        rank = Rank(setup)
    except EngineError as error:
        channel.sendall(orders.packed(orders.Refused(code=error.code, message=str(error))))
        return
    channel.sendall(orders.packed(orders.Ready(checkpoint=rank.checkpoint)))
    before_s = 0.0
    with torch.inference_mode():
        while True:
            order = orders.receive(channel)
            began_s = time.monotonic()
            frames = rank.carry_out(order)
            ended_s = time.monotonic()
            channel.sendall(
                orders.packed(orders.Done(began_s=began_s, ended_s=ended_s, before_s=before_s, frames=frames))
            )
            rank.after(order)
            before_s = time.monotonic() - ended_s


class Rank:
    """All that one process of the group holds."""

    def __init__(self, setup: orders.Setup) -> None:
        self.setup, self.layout = setup, setup.layout
        self.denoises = setup.rank < setup.layout.tp
        self.decodes = setup.rank == setup.layout.decoder
        self.device = torch.device(setup.device)
        if self.device.type == "cpu":
            torch.set_num_threads(1)
        else:
            torch.cuda.set_device(self.device)
        group = self._join()
        self.share = None
        if self.denoises and setup.layout.tp > 1:
            self.share = Share(rank=setup.rank, ways=setup.layout.tp, group=group)
        self.bundle = self._load()
        self.checkpoint = self.bundle.checkpoint
        self.ring = self.share.ring_of(self.checkpoint) if self.share else self.checkpoint
        self.latents: dict[int, LatentHalf] = {}
        self.frames: dict[int, FrameHalf] = {}
        self.handover = self._handover()

    def carry_out(self, order: orders.Order) -> Any:
        """The frames, where the order was for some."""
        match order:
            case orders.Open():
                self._open(order)
            case orders.DenoiseTogether():
                self._denoise(order)
            case orders.Expect():
                self.handover.expect(order.session, order.block, self._latents_shape())
            case orders.Decode():
                return self._decode(order)
            case orders.Close():
                self.latents.pop(order.session, None)
                self.frames.pop(order.session, None)
                self.handover.forget(order.session)
            case orders.Setup():
                raise ValueError("a rank is set up once")
            case _:
                assert_never(order)
        return None

    def after(self, order: orders.Order) -> None:
        """What later blocks need of this one: once it has been answered, so that nobody waits for it."""
        if isinstance(order, orders.DenoiseTogether):
            for item in order.items:
                if item.session in self.latents:
                    self.latents[item.session].settle()

    # --- orders ------------------------------------------------------------------------------------------------------

    def _open(self, order: orders.Open) -> None:
        runner = Runner(Path(self.setup.path), self.device)
        shape = (1, LATENT_CHANNELS, MOTION_LATENTS, self.checkpoint.latent_height, self.checkpoint.latent_width)
        beside = not self.checkpoint.begins_with_reference
        if self.decodes:
            self.frames[order.session] = FrameHalf(self.bundle.decoder, self.checkpoint, runner=runner)
            if beside:
                self.handover.expect(order.session, -1, shape)
        if self.denoises:
            half = LatentHalf(
                self.bundle,
                torch.from_numpy(order.still).to(self.device),
                seed=order.seed,
                runner=runner,
                attention=self.setup.attention,
                ring=self.ring,
            )
            self.latents[order.session] = half
            if beside and self.setup.rank == 0:
                self.handover.put(order.session, -1, half.reference_BCTHW.float())
        if self.decodes and beside:
            self.frames[order.session].see(self.handover.take(order.session, -1))

    def _denoise(self, order: orders.DenoiseTogether) -> None:
        began_s = time.monotonic()
        for item in order.items:
            if item.forget_after is not None:
                self.latents[item.session].forget_after(item.forget_after)
        made = make_together([(self.latents[item.session], item.planned) for item in order.items])
        if self.setup.rank == 0:
            for item, latents_BCFHW in zip(order.items, made, strict=True):
                self.handover.put(item.session, item.block, latents_BCFHW.float())
        if self.setup.denoise_at_least_s:
            self.after(order)  # a simulated stage is all of its work
        self._until(began_s, self.setup.denoise_at_least_s)

    def _decode(self, order: orders.Decode) -> Any:
        began_s, half = time.monotonic(), self.frames[order.session]
        latents_BCFHW = self.handover.take(order.session, order.block)
        latent_BCTHW = latents_BCFHW[:, :, order.number : order.number + 1]
        if order.first:
            half.see(latent_BCTHW)
            return None
        half.lane.latents_are_made()
        half.lane.run(lambda: half.decode(latent_BCTHW))
        frames = half.hand_on()
        self._until(began_s, self.setup.decode_at_least_s)
        return frames

    def _until(self, began_s: float, at_least_s: float) -> None:
        if self.device.type == "cuda":
            torch.cuda.current_stream(self.device).synchronize()
        if (left_s := began_s + at_least_s - time.monotonic()) > 0:
            time.sleep(left_s)

    def _latents_shape(self) -> tuple[int, ...]:
        checkpoint = self.checkpoint
        size = (checkpoint.latent_height, checkpoint.latent_width)
        return (1, LATENT_CHANNELS, checkpoint.block_latents, *size)

    # --- setting up --------------------------------------------------------------------------------------------------

    def _join(self) -> str:
        """The group of those that denoise."""
        layout = self.layout
        if layout.ranks == 1:
            return ""
        backend = "nccl" if self.device.type == "cuda" else "gloo"
        store = dist.FileStore(  # type: ignore[attr-defined]  # made in C++
            self.setup.store, layout.ranks
        )
        dist.init_process_group(
            backend, store=store, rank=self.setup.rank, world_size=layout.ranks, timeout=JOIN_TIMEOUT
        )
        denoising = dist.new_group(list(range(layout.tp)))
        return getattr(denoising, "group_name", "")

    def _handover(self) -> Handover:
        if not self.layout.decode_apart:
            return Within()
        return Sent(sender=0, receiver=self.layout.decoder, device=self.device)

    def _load(self) -> Bundle:
        setup = self.setup
        if setup.checkpoint is not None:
            dtype = torch.bfloat16 if self.device.type == "cuda" else torch.float32
            bundle = load(find(FilePath(setup.checkpoint)), device=self.device, dtype=dtype, share=self.share)
        else:
            bundle = self._random(PRESETS[setup.preset])
        if Path(setup.path).compiled and self.denoises:
            compile_blocks(bundle.trunk)
        return bundle

    def _random(self, checkpoint: Checkpoint) -> Bundle:
        if self.share is None:
            return random_bundle(checkpoint, seed=self.setup.seed, device=self.device)
        require_parts(checkpoint, self.share.ways, self.share.split)
        share = self.share
        return random_bundle(
            checkpoint, seed=self.setup.seed, device=self.device, change=lambda trunk: part(trunk, share)
        )


if __name__ == "__main__":
    main(sys.argv[1:])
