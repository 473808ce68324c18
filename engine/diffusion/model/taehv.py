"""The tiny decoder for Wan 2.1 latents (taew2_1): 9.8 million parameters, a softer picture, a thirtieth of the work.

Frame by frame 2-D convolutions; memory blocks also see their own input of the frame before. Four frames a latent from
the first latent on; of the first, three are dropped. It reads normalised latents. Keys are those of taew2_1.pth, of
which only `decoder.*` is used. Source: madebyollin/taehv.
"""

# B batch · C channels · T frames · H height · W width

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.diffusion.config import LATENT_CHANNELS
from engine.diffusion.model.vae import StreamState

WIDTHS = (256, 128, 64, 64)


class SoftClamp(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x / 3) * 3


class MemoryBlock(nn.Module):
    """Three convolutions of a frame and the frame before, around a skip."""

    kept = 1
    layout = torch.contiguous_format

    def __init__(self, width: int, frames: int) -> None:
        super().__init__()
        self.frames = frames
        self.conv = nn.Sequential(
            _convolution(2 * width, width), nn.ReLU(), _convolution(width, width), nn.ReLU(), _convolution(width, width)
        )

    def stream(self, x_TCHW: Tensor, state: StreamState) -> Tensor:
        joined_TCHW = state.push(self, x_TCHW.transpose(0, 1)[None])[0].transpose(0, 1)
        out_TCHW = F.relu(self.conv(torch.cat((x_TCHW, joined_TCHW[:-1]), dim=1)) + x_TCHW)
        state.shift(self, x_TCHW.shape[0])
        return out_TCHW


class Grow(nn.Module):
    """One frame to `times` frames."""

    def __init__(self, width: int, times: int) -> None:
        super().__init__()
        self.times = times
        self.conv = nn.Conv2d(width, width * times, 1, bias=False)

    def forward(self, x_TCHW: Tensor) -> Tensor:
        return self.conv(x_TCHW).unflatten(1, (self.times, -1)).flatten(0, 1)


class TinyDecoder(nn.Module):
    """Decodes one stream after another's state, as `WanVae.decode` does."""

    def __init__(self, widths: tuple[int, ...] = WIDTHS) -> None:
        super().__init__()
        layers: list[nn.Module] = [SoftClamp(), _convolution(LATENT_CHANNELS, widths[0]), nn.ReLU()]
        frames = 1
        for width, after, times in zip(widths, widths[1:], (1, 2, 2), strict=False):
            layers += [MemoryBlock(width, frames) for _ in range(3)]
            layers += [nn.Upsample(scale_factor=2), Grow(width, times), _convolution(width, after, bias=False)]
            frames *= times
        self.decoder = nn.Sequential(*layers, nn.ReLU(), _convolution(widths[-1], 3))

    def decode(self, latents_BCTHW: Tensor, state: StreamState, *, first: bool) -> Tensor:
        """(1, 16, T, H, W) to frames in -1 .. 1, (1, 3, 4T, 8H, 8W); a stream's first latent gives one frame."""
        x_TCHW = latents_BCTHW[0].transpose(0, 1)
        for layer in self.decoder:
            x_TCHW = layer.stream(x_TCHW, state) if isinstance(layer, MemoryBlock) else layer(x_TCHW)
        frames_BCTHW = x_TCHW.clamp(0, 1).mul(2).sub(1).transpose(0, 1)[None]
        return frames_BCTHW[:, :, 3:] if first else frames_BCTHW


def _convolution(inputs: int, outputs: int, *, bias: bool = True) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1, bias=bias)
