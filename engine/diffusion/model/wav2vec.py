"""wav2vec 2.0 as the avatar checkpoints use it: features at the video's rate, every layer's output kept.

The convolutions give 50 vectors a second; they are interpolated linearly to the moments of the video frames before the
transformer sees them. Keys are those of Hugging Face's Wav2Vec2Model, with the weight norm of the positional
convolution folded in. Sources: facebook/wav2vec2-base-960h and its configuration; LiveTalk's use of it.
"""

# B batch · S samples · T frames · C channels · W width · H heads · D head width

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.diffusion.config import SoundShape

KERNELS_STRIDES = ((10, 5), (3, 2), (3, 2), (3, 2), (3, 2), (2, 2), (2, 2))


class Convolution(nn.Module):
    """One strided convolution of the waveform; the base model normalises the first only, by groups."""

    def __init__(self, shape: SoundShape, layer: int) -> None:
        super().__init__()
        kernel, stride = KERNELS_STRIDES[layer]
        width = shape.convolution_width
        self.by_layer = shape.layer_norm_in_convolutions
        self.conv = nn.Conv1d(width if layer else 1, width, kernel, stride, bias=self.by_layer)
        self.layer_norm: nn.Module | None = None
        if self.by_layer:
            self.layer_norm = nn.LayerNorm(width)
        elif layer == 0:
            self.layer_norm = nn.GroupNorm(width, width)

    def forward(self, x_BCT: Tensor) -> Tensor:
        x_BCT = self.conv(x_BCT)
        if self.layer_norm is not None:
            x_BCT = self.layer_norm(x_BCT.mT).mT if self.by_layer else self.layer_norm(x_BCT)
        return F.gelu(x_BCT)


class SelfAttention(nn.Module):
    def __init__(self, shape: SoundShape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.q_proj = nn.Linear(shape.width, shape.width)
        self.k_proj = nn.Linear(shape.width, shape.width)
        self.v_proj = nn.Linear(shape.width, shape.width)
        self.out_proj = nn.Linear(shape.width, shape.width)

    def forward(self, x_BTW: Tensor) -> Tensor:
        q, k, v = (
            projection(x_BTW).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for projection in (self.q_proj, self.k_proj, self.v_proj)
        )
        return self.out_proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(-2))


class FeedForward(nn.Module):
    def __init__(self, shape: SoundShape) -> None:
        super().__init__()
        self.intermediate_dense = nn.Linear(shape.width, shape.ffn_width)
        self.output_dense = nn.Linear(shape.ffn_width, shape.width)

    def forward(self, x: Tensor) -> Tensor:
        return self.output_dense(F.gelu(self.intermediate_dense(x)))


class Layer(nn.Module):
    """Norms after each part (base) or before it (large)."""

    def __init__(self, shape: SoundShape) -> None:
        super().__init__()
        self.norm_first = shape.norm_first
        self.attention = SelfAttention(shape)
        self.layer_norm = nn.LayerNorm(shape.width)
        self.feed_forward = FeedForward(shape)
        self.final_layer_norm = nn.LayerNorm(shape.width)

    def forward(self, x: Tensor) -> Tensor:
        if self.norm_first:
            x = x + self.attention(self.layer_norm(x))
            return x + self.feed_forward(self.final_layer_norm(x))
        x = self.layer_norm(x + self.attention(x))
        return self.final_layer_norm(x + self.feed_forward(x))


class Positions(nn.Module):
    """A wide grouped convolution in place of position numbers; an even kernel's last output is dropped."""

    def __init__(self, shape: SoundShape) -> None:
        super().__init__()
        kernel = shape.position_kernel
        self.conv = nn.Conv1d(shape.width, shape.width, kernel, padding=kernel // 2, groups=shape.position_groups)

    def forward(self, x_BTW: Tensor) -> Tensor:
        return F.gelu(self.conv(x_BTW.mT)[..., : x_BTW.shape[1]]).mT


class Wav2Vec(nn.Module):
    """Sound at 16 kHz to the outputs of every layer at the video's rate."""

    def __init__(self, shape: SoundShape) -> None:
        super().__init__()
        self.shape = shape
        self.feature_extractor = nn.ModuleDict(
            {"conv_layers": nn.ModuleList(Convolution(shape, layer) for layer in range(len(KERNELS_STRIDES)))}
        )
        self.feature_projection = nn.ModuleDict(
            {
                "layer_norm": nn.LayerNorm(shape.convolution_width),
                "projection": nn.Linear(shape.convolution_width, shape.width),
            }
        )
        self.encoder = nn.ModuleDict(
            {
                "pos_conv_embed": Positions(shape),
                "layer_norm": nn.LayerNorm(shape.width),
                "layers": nn.ModuleList(Layer(shape) for _ in range(shape.layers)),
            }
        )

    def convolved(self, sound_BS: Tensor) -> Tensor:
        """(B, T at 50 Hz, C) of sound normalised as a whole."""
        x_BCT = normalised(sound_BS)[:, None]
        for layer in cast(nn.ModuleList, self.feature_extractor["conv_layers"]):
            x_BCT = layer(x_BCT)
        return x_BCT.mT

    def forward(self, sound_BS: Tensor, moments_BT: Tensor | None = None) -> list[Tensor]:
        """What went into the first layer and what came out of each, (B, T, W). `moments_BT`: where on the grid of 50 a
        second each frame lies, beginning with the sound; without it the grid itself."""
        x_BTC = self.convolved(sound_BS)
        if moments_BT is not None:
            x_BTC = between(x_BTC, moments_BT)
        x_BTW = self.feature_projection["projection"](self.feature_projection["layer_norm"](x_BTC))
        x_BTW = x_BTW + self.encoder["pos_conv_embed"](x_BTW)
        if not self.shape.norm_first:
            x_BTW = self.encoder["layer_norm"](x_BTW)
        states = [x_BTW]
        for layer in cast(nn.ModuleList, self.encoder["layers"]):
            states.append(layer(states[-1]))
        if self.shape.norm_first:
            states[-1] = self.encoder["layer_norm"](states[-1])
        return states

    def features(self, sound_BS: Tensor, moments_BT: Tensor) -> Tensor:
        """(B, T, (layers + 2) * W) as OmniAvatar concatenates them: the last output first, then all in order."""
        states = self(sound_BS, moments_BT)
        return torch.cat([states[-1], *states], dim=-1)


def between(x_BTC: Tensor, moments_BT: Tensor) -> Tensor:
    """Linear interpolation at fractional indices, held at the ends."""
    moments_BT = moments_BT.clamp(0, x_BTC.shape[1] - 1)
    lower = moments_BT.floor().clamp(max=x_BTC.shape[1] - 2)
    index = lower.long()[..., None].expand(-1, -1, x_BTC.shape[2])
    share = (moments_BT - lower).to(x_BTC.dtype)[..., None]
    return torch.lerp(x_BTC.gather(1, index), x_BTC.gather(1, index + 1), share)


def whole_file_moments(sound_samples: int, frames: int) -> Tensor:
    """(1, frames): how the checkpoints were trained on a clip, first and last vector on first and last frame."""
    return torch.linspace(0, (sound_samples - 400) // 320, frames, dtype=torch.float64)[None]


def normalised(sound_BS: Tensor) -> Tensor:
    """Zero mean and unit variance over the whole of it, as Wav2Vec2FeatureExtractor does; silence stays silence."""
    variance, mean = torch.var_mean(sound_BS, dim=-1, correction=0, keepdim=True)
    return (sound_BS - mean) * torch.rsqrt(variance + 1e-7)
