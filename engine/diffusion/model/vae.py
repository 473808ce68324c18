"""The Wan 2.1 autoencoder, run latent by latent with static buffers; single-device, knows no session.

The first latent of a stream gives one frame, every later one four. Each causal convolution keeps the last frames of
its input in a buffer that also takes the new ones, so nothing is concatenated. In the first call the two temporal
up-samplers are skipped and their buffers stay zero, which is what an empty cache means. Hence two shapes, first and
steady, each capturable. Keys are the original ones. Source: wan/modules/vae.py (Wan-Video/Wan2.1).
"""

# B batch · C channels · T frames · H height · W width · N pixels of a frame

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from threading import Lock
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.diffusion.config import FRAMES_PER_LATENT, VaeShape

LATENT_MEAN = (
    -0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508,
    0.4134, -0.0715, 0.5517, -0.3632, -0.1922, -0.9497, 0.2503, -0.2921,
)  # fmt: skip
LATENT_STD = (
    2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743,
    3.2687, 2.1526, 2.8652, 1.5579, 1.6382, 1.1253, 2.8251, 1.9160,
)  # fmt: skip


_ENCODING = Lock()  # what follows holds for the process


@contextmanager
def _whole_float32() -> Iterator[None]:
    """torch lets cuDNN convolve float32 in TF32 unless it is told otherwise: with 10 bits, to bfloat16's 7."""
    with _ENCODING:
        allowed = torch.backends.cudnn.allow_tf32
        torch.backends.cudnn.allow_tf32 = False
        try:
            yield
        finally:
            torch.backends.cudnn.allow_tf32 = allowed


class Keeper(Protocol):
    """A layer that needs the last frames of its own input: `kept` of them, `frames` new ones for each latent."""

    kept: int
    frames: int
    layout: torch.memory_format


class StreamState:
    """What one stream's convolutions remember: for each a buffer of kept frames followed by room for new ones."""

    def __init__(self, latents_per_call: int = 1) -> None:
        self.latents_per_call = latents_per_call
        self.buffers: dict[Keeper, Tensor] = {}

    def push(self, layer: Keeper, x_BCTHW: Tensor) -> Tensor:
        """Kept and new frames together, as a view."""
        buffer = self.buffers.get(layer)
        if buffer is None:
            batch, channels, _, *size = x_BCTHW.shape
            frames = layer.kept + layer.frames * self.latents_per_call
            buffer = x_BCTHW.new_zeros(batch, channels, frames, *size)
            self.buffers[layer] = buffer = buffer.contiguous(memory_format=layer.layout)
        joined = buffer[:, :, : layer.kept + x_BCTHW.shape[2]]
        joined[:, :, layer.kept :].copy_(x_BCTHW)
        return joined

    def shift(self, layer: Keeper, frames: int) -> None:
        """Keep the last frames. One copy after the other: source and target may overlap."""
        buffer = self.buffers[layer]
        for kept in range(layer.kept):
            buffer[:, :, kept].copy_(buffer[:, :, frames + kept])

    def reset(self) -> None:
        for buffer in self.buffers.values():
            buffer.zero_()

    def bytes(self) -> int:
        return sum(buffer.nbytes for buffer in self.buffers.values())


class CausalConv3d(nn.Conv3d):
    """Sees the present and two earlier frames. `frames` is how many there are of each latent at this depth."""

    def __init__(
        self, inputs: int, outputs: int, kernel: tuple[int, int, int], frames: int, *, time_stride: int = 1
    ) -> None:
        super().__init__(inputs, outputs, kernel, (time_stride, 1, 1), padding=(0, kernel[1] // 2, kernel[2] // 2))
        self.frames = frames
        self.kept = kernel[0] - time_stride
        self.layout = torch.contiguous_format

    def stream(self, x_BCTHW: Tensor, state: StreamState) -> Tensor:
        if not self.kept:
            return self(x_BCTHW)
        out = self(state.push(self, x_BCTHW))
        state.shift(self, x_BCTHW.shape[2])
        return out


class ChannelNorm(nn.Module):
    """Each pixel's channels scaled to length sqrt(C), times gamma."""

    def __init__(self, channels: int, *, image: bool = False) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels, *((1, 1) if image else (1, 1, 1))))

    def forward(self, x: Tensor) -> Tensor:
        wide = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
        return F.normalize(wide, dim=1).to(x.dtype) * (self.gamma * self.gamma.shape[0] ** 0.5)


class Residual(nn.Module):
    """Two convolutions, each behind norm and SiLU, around a shortcut."""

    def __init__(self, inputs: int, outputs: int, frames: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            ChannelNorm(inputs),
            nn.SiLU(),
            CausalConv3d(inputs, outputs, (3, 3, 3), frames),
            ChannelNorm(outputs),
            nn.SiLU(),
            nn.Identity(),
            CausalConv3d(outputs, outputs, (3, 3, 3), frames),
        )
        self.shortcut = CausalConv3d(inputs, outputs, (1, 1, 1), frames) if inputs != outputs else nn.Identity()

    def stream(self, x_BCTHW: Tensor, state: StreamState, first: bool) -> Tensor:
        return self.shortcut(x_BCTHW) + stream_all(self.residual, x_BCTHW, state, first)


class FrameAttention(nn.Module):
    """One head over the pixels of each frame alone."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = ChannelNorm(channels, image=True)
        self.to_qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.proj = nn.Conv2d(channels, channels, 1)

    def stream(self, x_BCTHW: Tensor, state: StreamState, first: bool) -> Tensor:
        frames = x_BCTHW.transpose(1, 2).flatten(0, 1)
        q, k, v = self.to_qkv(self.norm(frames)).flatten(2).transpose(1, 2).chunk(3, dim=-1)
        attended = F.scaled_dot_product_attention(q[:, None], k[:, None], v[:, None])[:, 0]
        projected = self.proj(attended.transpose(1, 2).reshape(frames.shape))
        return x_BCTHW + projected.unflatten(0, (x_BCTHW.shape[0], -1)).transpose(1, 2)


class Resample(nn.Module):
    """Half or double the size of each frame; with `time_conv` the rate too, except in a stream's first call."""

    def __init__(self, channels: int, frames: int, *, up: bool, in_time: bool) -> None:
        super().__init__()
        self.up = up
        self.resample = (
            nn.Sequential(
                nn.Upsample(scale_factor=2.0, mode="nearest-exact"),
                nn.Conv2d(channels, channels // 2, 3, padding=1),
            )
            if up
            else nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(channels, channels, 3, 2))
        )
        self.time_conv = None
        if in_time:
            outputs, stride = (2 * channels, 1) if up else (channels, 2)
            self.time_conv = CausalConv3d(channels, outputs, (3, 1, 1), frames, time_stride=stride)

    def stream(self, x_BCTHW: Tensor, state: StreamState, first: bool) -> Tensor:
        if self.up and self.time_conv is not None and not first:
            doubled = self.time_conv.stream(x_BCTHW, state).unflatten(1, (2, -1))  # B 2 C T H W
            x_BCTHW = doubled.permute(0, 2, 3, 1, 4, 5).flatten(2, 3)
        frames = self.resample(x_BCTHW.transpose(1, 2).flatten(0, 1))
        x_BCTHW = frames.unflatten(0, (x_BCTHW.shape[0], -1)).transpose(1, 2)
        if self.up or self.time_conv is None:
            return x_BCTHW
        if first:  # the first frame is a latent by itself, and the past of the next
            state.push(self.time_conv, x_BCTHW)
            state.shift(self.time_conv, 1)
            return x_BCTHW
        return self.time_conv.stream(x_BCTHW, state)


def stream_all(layers: nn.Sequential, x: Tensor, state: StreamState, first: bool) -> Tensor:
    for layer in layers:
        match layer:
            case CausalConv3d():
                x = layer.stream(x, state)
            case Residual() | FrameAttention() | Resample():
                x = layer.stream(x, state, first)
            case _:
                x = layer(x)
    return x


def middle(channels: int, frames: int) -> nn.Sequential:
    return nn.Sequential(
        Residual(channels, channels, frames), FrameAttention(channels), Residual(channels, channels, frames)
    )


class Encoder(nn.Module):
    """Frames to twice the latent channels: means, then log-variances."""

    def __init__(self, shape: VaeShape) -> None:
        super().__init__()
        widths, frames = [shape.base * factor for factor in (1, 1, 2, 4, 4)], FRAMES_PER_LATENT
        self.conv1 = CausalConv3d(3, widths[0], (3, 3, 3), frames)
        layers: list[nn.Module] = []
        for level, (inputs, outputs) in enumerate(pairwise(widths)):
            layers += [Residual(inputs, outputs, frames), Residual(outputs, outputs, frames)]
            if level < 3:
                layers.append(Resample(outputs, frames, up=False, in_time=level > 0))
                frames = frames // 2 if level > 0 else frames
        self.downsamples = nn.Sequential(*layers)
        self.middle = middle(widths[-1], frames)
        self.head = nn.Sequential(
            ChannelNorm(widths[-1]), nn.SiLU(), CausalConv3d(widths[-1], 2 * shape.latent_channels, (3, 3, 3), frames)
        )

    def stream(self, x: Tensor, state: StreamState, first: bool) -> Tensor:
        x = self.conv1.stream(x, state)
        for part in (self.downsamples, self.middle, self.head):
            x = stream_all(part, x, state, first)
        return x


class Decoder(nn.Module):
    """Latents to frames."""

    def __init__(self, shape: VaeShape) -> None:
        super().__init__()
        widths, frames = [shape.base * factor for factor in (4, 4, 4, 2, 1)], 1
        self.conv1 = CausalConv3d(shape.latent_channels, widths[0], (3, 3, 3), frames)
        self.middle = middle(widths[0], frames)
        layers: list[nn.Module] = []
        for level, (inputs, outputs) in enumerate(pairwise(widths)):
            inputs = inputs // 2 if level else inputs  # the up-sampler before has halved them
            layers += [Residual(inputs, outputs, frames)] + [Residual(outputs, outputs, frames) for _ in range(2)]
            if level < 3:
                layers.append(Resample(outputs, frames, up=True, in_time=level < 2))
                frames = 2 * frames if level < 2 else frames
        self.upsamples = nn.Sequential(*layers)
        self.head = nn.Sequential(ChannelNorm(widths[-1]), nn.SiLU(), CausalConv3d(widths[-1], 3, (3, 3, 3), frames))

    def stream(self, x: Tensor, state: StreamState, first: bool) -> Tensor:
        x = self.conv1.stream(x, state)
        for part in (self.middle, self.upsamples, self.head):
            x = stream_all(part, x, state, first)
        return x


class WanVae(nn.Module):
    """Pictures to normalised latents and back. `conv1` and `conv2` are the layers around the latent."""

    def __init__(self, shape: VaeShape) -> None:
        super().__init__()
        self.encoder = Encoder(shape)
        self.conv1 = CausalConv3d(2 * shape.latent_channels, 2 * shape.latent_channels, (1, 1, 1), 1)
        self.conv2 = CausalConv3d(shape.latent_channels, shape.latent_channels, (1, 1, 1), 1)
        self.decoder = Decoder(shape)
        for name, values in (("latent_mean", LATENT_MEAN), ("latent_std", LATENT_STD)):  # over (B, 16, T, H, W)
            constant = torch.tensor(values[: shape.latent_channels], device="cpu")[:, None, None, None]
            self.register_buffer(name, constant, persistent=False)

    latent_mean: Tensor
    latent_std: Tensor

    def channels_last(self) -> WanVae:
        """Weights and stream buffers with the channel fastest, as tensor cores want them; the same numbers."""
        for module in self.modules():
            if isinstance(module, CausalConv3d):
                module.layout = torch.channels_last_3d
                module.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
            elif isinstance(module, nn.Conv2d):
                module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return self

    def encode(self, video_BCTHW: Tensor) -> Tensor:
        """(B, 3, 1 + 4k, H, W) in -1 .. 1 to normalised latents (B, 16, 1 + k, H / 8, W / 8), the posterior's mean.
        Refuses less than float32: encoding in bfloat16 ruins image conditioning (FastVideo pull 1472)."""
        if video_BCTHW.dtype not in (torch.float32, torch.float64):
            raise TypeError("the autoencoder encodes in float32 or float64 only")
        state = StreamState()
        chunks = [video_BCTHW[:, :, :1], *video_BCTHW[:, :, 1:].split(FRAMES_PER_LATENT, dim=2)]
        with _whole_float32():
            encoded = [
                self.encoder.stream(chunk, state, first=number == 0)
                for number, chunk in enumerate(chunks)
                if chunk.shape[2]
            ]
            mean = self.conv1(torch.cat(encoded, dim=2)).chunk(2, dim=1)[0]
        return (mean - self.latent_mean) / self.latent_std

    def decode(self, latents_BCTHW: Tensor, state: StreamState, *, first: bool) -> Tensor:
        """Normalised latents, the next of this stream, to frames in -1 .. 1: (B, 3, 4T, 8H, 8W). In a stream's `first`
        call exactly one latent, which gives one frame; later at most `state.latents_per_call`."""
        raw_BCTHW = latents_BCTHW * self.latent_std + self.latent_mean
        return self.decoder.stream(self.conv2(raw_BCTHW), state, first).clamp(-1, 1)
