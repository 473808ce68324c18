"""One face as a stream of four-frame blocks: sound in, frames out, in order, in one thread. Knows no event loop.

What is made when, and what is forgotten, is in `plan`; here it is done, on one device. Where a block takes longer to
make than to play, sound must not wait for it: a stream that keeps time hands out blocks that hold the last frame, as
many as it is behind, and makes the next frames for the sound that follows those.
"""

from __future__ import annotations

import time

import numpy as np
from torch import Tensor

from engine.api import AvBlock, Frames
from engine.diffusion.bundle import Bundle
from engine.diffusion.graphs import Path, Runner
from engine.diffusion.halves import FrameHalf, LatentHalf
from engine.diffusion.plan import StreamPlan


class FaceStream(StreamPlan):
    """All state of one session. `next_block` is called again and again from one thread."""

    def __init__(
        self,
        bundle: Bundle,
        still_BCTHW: Tensor,
        *,
        seed: int,
        path: Path = Path.EAGER,
        runner: Runner | None = None,
        keep_time: bool = False,
        attention: str = "auto",
    ) -> None:
        super().__init__(bundle.checkpoint)
        self.bundle, self.keep_time = bundle, keep_time
        self.runner = runner or Runner(path, bundle.device)
        self.latents = LatentHalf(bundle, still_BCTHW, seed=seed, runner=self.runner, attention=attention)
        self.decoding = FrameHalf(bundle.decoder, bundle.checkpoint, runner=self.runner)
        self.denoiser = self.latents.denoiser
        self.begin()
        if self.runner.path is not Path.EAGER:  # compiling and capturing come before anybody watches
            self.fill()
            self.forget_all()
            self.begin()

    # --- the stream ----------------------------------------------------------------------------------------------

    def next_block(self) -> AvBlock:
        """The next four frames with their sound."""
        if self.keep_time and not self.pending and self.behind_s > 0:
            self.note_held()
            return self.with_sound(np.repeat(self.decoding.shown_frames[-1:].numpy(), 4, axis=0))
        began = time.perf_counter()
        if self.pending and not self.plan_stands():
            self.forget_unshown()
        if not self.pending:
            self.make_latents()
        self.decode()
        if self.decoding.lane.apart:
            self.settle()  # goes on behind the frames, which do not wait for it
        frames = self.hand_on()
        self.note_made(time.perf_counter() - began)
        return self.with_sound(frames)

    def settle(self) -> None:
        """What a block leaves for those after it."""
        self.latents.settle()

    def forget_all(self) -> None:
        """As it was before `begin`, at the same addresses: captured graphs go on working."""
        self.decoding.lane.wait()
        self.start_over()
        self.latents.forget_all()
        self.decoding.forget_all()

    def forget_unshown(self) -> None:
        """Go back to the last latent shown."""
        self.latents.forget_after(self.drop_unshown())

    # --- its parts -----------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """The decoder first sees the still: as latent 0 of the first block, or, for S2V, as the latents before the
        stream."""
        seen_BCTHW = self.latents.reference_BCTHW
        if self.checkpoint.begins_with_reference:
            self.make_latents()
            seen_BCTHW = self.denoiser.latents_BCFHW[:, :, : self.show_next() + 1]
        else:
            self.decoding.lane.latents_are_made()
        self.decoding.lane.run(lambda: self.decoding.see(seen_BCTHW))
        if self.checkpoint.begins_with_reference:
            self.settle()
        self.decoding.lane.wait()

    def fill(self) -> None:
        """Until the window is full and the steady state has been run twice, which captures it."""
        checkpoint = self.checkpoint
        steady = checkpoint.window_latents + 3 * checkpoint.block_latents
        while self.denoiser.next_latent < steady or self.pending:
            self.behind_s = 0.0  # no time to keep
            self.settle()
            self.next_block()

    def make_latents(self) -> None:
        """The next block's, with the sound as it stands now."""
        self.settle()
        self.latents.make(self.plan_block())
        self.decoding.lane.latents_are_made()

    def decode(self) -> None:
        """Begin to decode the next latent; `hand_on` waits for its frames."""
        number = self.show_next()
        latent_BCTHW = self.denoiser.latents_BCFHW[:, :, number : number + 1]
        self.decoding.lane.run(lambda: self.decoding.decode(latent_BCTHW))

    def hand_on(self) -> Frames:
        return self.decoding.hand_on()
