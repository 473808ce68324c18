"""Decoding beside denoising: on a GPU on a stream of its own, on a CPU in line; the same calls either way.

On one GPU both share the same arithmetic, so nothing becomes faster than their sum; what is won is that the frames need
not wait for the pass that follows their latents (the clean pass), and that gaps between small kernels are filled. The
lane has the higher priority: frames are shown now, what later blocks see is needed later.
"""

from __future__ import annotations

from collections.abc import Callable

import torch


class DecodeLane:
    """One for each session. Host and device meet in `wait` alone."""

    def __init__(self, device: torch.device) -> None:
        self.apart = device.type == "cuda"  # whether work goes on beside; else `run` returns when it is done
        self._device = device
        if self.apart:
            self._stream = torch.cuda.Stream(device, priority=-1)
            self._ready, self._done = torch.cuda.Event(), torch.cuda.Event()

    def latents_are_made(self) -> None:
        """What was begun on the main stream so far is what the next decoding reads; later work there it need not
        wait for."""
        if self.apart:
            self._ready.record(torch.cuda.current_stream(self._device))

    def run(self, work: Callable[[], None]) -> None:
        if not self.apart:
            work()
            return
        with torch.cuda.stream(self._stream):
            self._stream.wait_event(self._ready)
            work()
            self._done.record(self._stream)

    def wait(self) -> None:
        """Until the last decoding is done; only then may its latents be written again."""
        if self.apart:
            self._done.synchronize()
