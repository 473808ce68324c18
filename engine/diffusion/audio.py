"""Which sound a latent hears, as the sound arrives: a fixed window around its four frames. Knows no session.

Latent k shows frames 4k - 3 .. 4k; frame f >= 1 shows the samples (f - 1) * n .. f * n of the stream, n samples a
frame, so latent k >= 1 is exactly the stream's block k - 1 of four frames. Its features come from one window that ends
`look_ahead_latents` after its own sound; before the stream there is silence. A window is a function of the samples in
it alone, so how the sound was cut when it arrived cannot matter. The encoder looks both ways: the look-ahead is real
latency unless the voice runs ahead of the picture.
"""

# F latents · S samples · T frames · A audio width · E audio hidden

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from engine.api import Pcm
from engine.diffusion.config import FRAMES_PER_LATENT, AudioAdapter, Checkpoint
from engine.diffusion.model.wav2vec import Wav2Vec, between
from engine.diffusion.window import Window

ENCODER_RATE_HZ = 16_000
TAPS = 24  # input samples each side that one output sample is made of

ReadSamples = Callable[[int, int], Pcm]  # the stream's samples start .. end, zeros outside what is known


class AudioFeatures:
    """The encoder over windows: features of any latents of a stream that can be read."""

    def __init__(self, encoder: Wav2Vec, checkpoint: Checkpoint) -> None:
        weight = encoder.feature_projection["projection"].weight
        assert isinstance(weight, Tensor)
        self.encoder, self.window = encoder, Window(checkpoint)
        self.adapter = checkpoint.trunk.audio
        self.device, self.dtype = weight.device, weight.dtype
        self.filter = polyphase_filter().to(weight)

    def read(self, first_latent: int, latents: int, read_samples: ReadSamples) -> Tensor:
        """What the transformer's `hear` takes, for latents from `first_latent` on."""
        return self.of([read_samples(*self.window.samples(first_latent + n)) for n in range(latents)], first_latent)

    def of(self, windows: Sequence[Pcm], first_latent: int) -> Tensor:
        """The same, from the windows of these latents."""
        latents = len(windows)
        sound_FS = self._here(torch.from_numpy(np.stack(windows))).to(self.dtype) / 32768
        sound_FS = resample(sound_FS, self.filter)
        if self.adapter is AudioAdapter.S2V:
            return self._s2v(sound_FS, first_latent)
        features_FTA = self.encoder.features(sound_FS, self._moments(self.window.moments, first_latent, latents))
        own_FTA = features_FTA[:, self.window.own_frames()]
        if first_latent == 0:  # the still: its one frame four times
            own_FTA = torch.cat((own_FTA[:1, -1:].expand(-1, FRAMES_PER_LATENT, -1), own_FTA[1:]))
        return own_FTA

    def _s2v(self, sound_FS: Tensor, first_latent: int) -> Tensor:
        """(1, L, A, 4 * latents): every layer as it is on the grid, sampled afterwards."""
        moments_FT = self._moments(self.window.s2v_moments, first_latent, len(sound_FS))[:, self.window.own_frames()]
        layers_LFTA = torch.stack([between(state_FTA, moments_FT) for state_FTA in self.encoder(sound_FS)])
        return layers_LFTA.flatten(1, 2).mT[None]

    def _moments(self, of: Callable[[int], list[float]], first_latent: int, latents: int) -> Tensor:
        return self._here(torch.tensor([of(first_latent + n) for n in range(latents)], dtype=torch.float64))

    def _here(self, from_host: Tensor) -> Tensor:
        """On the device, in order with its other work: from pinned memory the host need not wait for the copy, and so
        not for the pass before it."""
        pinned = from_host.pin_memory() if self.device.type == "cuda" else from_host
        return pinned.to(self.device, non_blocking=True)


def polyphase_filter() -> Tensor:
    """(2, 1, taps): the two phases of 24 kHz to 16 kHz. A Kaiser-windowed sinc that passes 7.2 kHz."""
    cutoff = 2 / 3 * 0.95
    offsets = torch.arange(-TAPS, TAPS + 2, dtype=torch.float64)  # in input samples
    phases = []
    for at in (0.0, 1.5):  # where the two output samples lie
        distance = offsets - at
        inside = (1 - (distance / (TAPS + 1.5)) ** 2).clamp(min=0)
        taps = (
            torch.sinc(cutoff * distance)
            * cutoff
            * torch.i0(8.0 * inside.sqrt())
            / float(torch.i0(torch.tensor(8.0, dtype=torch.float64)))
        )
        phases.append(taps / taps.sum())
    return torch.stack(phases)[:, None]


def resample(sound_FS: Tensor, filter_: Tensor) -> Tensor:
    """24 kHz to 16 kHz: two samples out for three in, as one strided convolution."""
    padded = F.pad(sound_FS[:, None], (TAPS, TAPS + 1))
    pairs = F.conv1d(padded, filter_, stride=3)
    return pairs.mT.flatten(1)[:, : math.ceil(sound_FS.shape[1] * 2 / 3)]
