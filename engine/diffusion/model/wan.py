"""The Wan transformer with per-latent timesteps and pluggable self-attention memory; single-device.

Parameter names are those of the original checkpoints, so a state dict is its own key map. What earlier latents mean
to the current ones is the business of a `Memory`: a whole sequence with a mask, or a ring of kept keys and values.
Sources: wan/modules/model.py (Wan-Video/Wan2.1); OmniAvatar/models/wan_video_dit.py and audio_pack.py for the audio.
"""

# B batch · F latents · N tokens of one latent · T tokens, F * N · W width · H heads · D head width · C channels
# L text tokens · E audio hidden · J rows of a modulation

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Protocol, TypeAlias, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.diffusion.config import FRAMES_PER_LATENT, PATCH, TrunkShape
from engine.diffusion.model.attention import attention

Audio: TypeAlias = Tensor | tuple[Tensor, Tensor] | None  # what an adapter makes of the sound
TextMemory = Sequence[tuple[Tensor, Tensor]]  # of each layer: keys and values (B, L, H, D)


class Memory(Protocol):
    """Answers a layer's queries from the current keys and values and whatever it kept of earlier latents."""

    def attend(self, layer: int, q_BTHD: Tensor, k_BTHD: Tensor, v_BTHD: Tensor) -> Tensor:
        """(B, T, H, D) of the current tokens. Queries and keys come without positions."""
        ...


class RmsNorm(nn.Module):
    """Over all heads together, before they are parted; computed in float32 or better, cast, then weighted."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        wide = x if x.dtype == torch.float64 else x.float()
        return (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.eps)).to(x.dtype) * self.weight


class Attention(nn.Module):
    """Projections and q/k norms, shared by self- and cross-attention."""

    def __init__(self, shape: TrunkShape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.q = nn.Linear(shape.width, shape.width)
        self.k = nn.Linear(shape.width, shape.width)
        self.v = nn.Linear(shape.width, shape.width)
        self.o = nn.Linear(shape.width, shape.width)
        self.norm_q = RmsNorm(shape.width, shape.eps)
        self.norm_k = RmsNorm(shape.width, shape.eps)

    def queries(self, x_BTW: Tensor) -> Tensor:
        return self.norm_q(self.q(x_BTW)).unflatten(-1, (self.heads, -1))

    def keys_values(self, x_BTW: Tensor) -> tuple[Tensor, Tensor]:
        k_BTHD = self.norm_k(self.k(x_BTW)).unflatten(-1, (self.heads, -1))
        return k_BTHD, self.v(x_BTW).unflatten(-1, (self.heads, -1))

    def all_three(self, x_BTW: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of the same tokens."""
        return self.queries(x_BTW), *self.keys_values(x_BTW)

    def output(self, x_BTHD: Tensor) -> Tensor:
        return self.o(x_BTHD.flatten(-2))


class Block(nn.Module):
    """Self-attention and feed-forward, each shifted, scaled and gated by the timestep; text attention between."""

    def __init__(self, shape: TrunkShape, layer: int) -> None:
        super().__init__()
        self.layer, self.width, self.eps = layer, shape.width, shape.eps
        self.self_attn = Attention(shape)
        self.cross_attn = Attention(shape)
        self.norm3 = nn.LayerNorm(shape.width, shape.eps)
        self.ffn = nn.Sequential(
            nn.Linear(shape.width, shape.ffn_width),
            nn.GELU(approximate="tanh"),
            nn.Linear(shape.ffn_width, shape.width),
        )
        self.modulation = nn.Parameter(torch.randn(1, 6, shape.width) / shape.width**0.5)

    def forward(self, x_BFNW: Tensor, time_BFJW: Tensor, text: tuple[Tensor, Tensor], memory: Memory) -> Tensor:
        modulation = self.modulation + time_BFJW
        attended_BTHD = memory.attend(self.layer, *self.before(x_BFNW, modulation))
        return self.after(x_BFNW, attended_BTHD, modulation, *text)

    def before(self, x_BFNW: Tensor, modulation_BFJW: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of the current tokens, without positions."""
        shift, scale = modulation_BFJW[:, :, 0, None], modulation_BFJW[:, :, 1, None]
        normed_BTW = (self.norm(x_BFNW) * (1 + scale) + shift).flatten(1, 2)
        return self.self_attn.all_three(normed_BTW)

    def after(
        self, x_BFNW: Tensor, attended_BTHD: Tensor, modulation_BFJW: Tensor, keys_BLHD: Tensor, values_BLHD: Tensor
    ) -> Tensor:
        """What the attention found, then the text, then the feed-forward."""
        gate, ffn_shift, ffn_scale, ffn_gate = modulation_BFJW[:, :, 2:, None].unbind(2)
        x_BFNW = x_BFNW + gate * self.self_attn.output(attended_BTHD).view_as(x_BFNW)
        queries_BTHD = self.cross_attn.queries(self.norm3(x_BFNW).flatten(1, 2))
        x_BFNW = x_BFNW + self.cross_attn.output(attention(queries_BTHD, keys_BLHD, values_BLHD)).view_as(x_BFNW)
        return x_BFNW + ffn_gate * self.ffn(self.norm(x_BFNW) * (1 + ffn_scale) + ffn_shift)

    def norm(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, (self.width,), eps=self.eps)


class Head(nn.Module):
    """Tokens to latent pixels."""

    def __init__(self, shape: TrunkShape) -> None:
        super().__init__()
        self.width, self.eps = shape.width, shape.eps
        self.head = nn.Linear(shape.width, PATCH**2 * shape.out_channels)
        self.modulation = nn.Parameter(torch.randn(1, 2, shape.width) / shape.width**0.5)

    def forward(self, x_BFNW: Tensor, time_BFW: Tensor) -> Tensor:
        shift, scale = (self.modulation + time_BFW[:, :, None])[:, :, :, None].unbind(2)
        return self.head(F.layer_norm(x_BFNW, (self.width,), eps=self.eps) * (1 + scale) + shift)


class AudioPack(nn.Module):
    """The features of the four frames of a latent, packed to one small vector; time slowest, as they are stored."""

    def __init__(self, shape: TrunkShape) -> None:
        super().__init__()
        self.proj = nn.Linear(FRAMES_PER_LATENT * shape.audio_width, shape.audio_hidden)
        self.norm_out = nn.LayerNorm(shape.audio_hidden)

    def forward(self, frames_BTA: Tensor) -> Tensor:
        """(B, 4 * F, audio width) to (B, F, E)."""
        return self.norm_out(self.proj(frames_BTA.unflatten(1, (-1, FRAMES_PER_LATENT)).flatten(2)))


class CausalWan(nn.Module):
    """Velocity of a block of latents. Weights are whatever was loaded; `memory` says what else is seen."""

    def __init__(self, shape: TrunkShape) -> None:
        super().__init__()
        self.shape = shape
        self.patch_embedding = nn.Conv3d(shape.in_channels, shape.width, (1, PATCH, PATCH), stride=(1, PATCH, PATCH))
        self.text_embedding = nn.Sequential(
            nn.Linear(shape.text_width, shape.width), nn.GELU(approximate="tanh"), nn.Linear(shape.width, shape.width)
        )
        self.time_embedding = nn.Sequential(
            nn.Linear(shape.frequency_width, shape.width), nn.SiLU(), nn.Linear(shape.width, shape.width)
        )
        self.time_projection = nn.Sequential(nn.SiLU(), nn.Linear(shape.width, 6 * shape.width))
        self.blocks = nn.ModuleList(self.make_block(layer) for layer in range(shape.layers))
        self.head = Head(shape)
        if shape.audio_projections:
            self.audio_proj = AudioPack(shape)
            self.audio_cond_projs = nn.ModuleList(
                nn.Linear(shape.audio_hidden, shape.width) for _ in range(shape.audio_projections)
            )

    def make_block(self, layer: int) -> nn.Module:
        return Block(self.shape, layer)

    def text_memory(self, text_BLW: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Keys and values of a prompt for every layer; constant while the prompt is. (B, L, text width), zeros past
        the prompt's end: there is no mask."""
        embedded_BLW = self.text_embedding(text_BLW)
        return [block.cross_attn.keys_values(embedded_BLW) for block in cast(Iterable[Block], self.blocks)]

    def forward(self, x_BCFHW: Tensor, t_BF: Tensor, text: TextMemory, memory: Memory, audio: Audio = None) -> Tensor:
        """Velocity (B, 16, F, H, W) at timesteps 0 .. 1000, one for each latent; `audio` (B, F, E) of `audio_proj`."""
        rows, columns = x_BCFHW.shape[-2] // PATCH, x_BCFHW.shape[-1] // PATCH
        x_BFNW = self.embed(x_BCFHW)
        time_BFW, time_BFJW = self.times(t_BF, x_BFNW.dtype)
        for layer, block in enumerate(self.blocks):
            x_BFNW = self.before_block(layer, x_BFNW, audio)
            x_BFNW = block(x_BFNW, time_BFJW, text[layer], memory)
            x_BFNW = self.after_block(layer, x_BFNW, audio)
        return to_latents(self.head(x_BFNW, time_BFW), rows, columns)

    def hear(self, features: Tensor) -> Audio:
        """What `forward` takes as `audio`: the features (latents, 4, audio width) of `AudioFeatures`, packed."""
        return self.audio_proj(features.flatten(0, 1)[None])

    def times(self, t_BF: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """A timestep's embedding (B, F, W), and what modulates the blocks (B, F, 6, W)."""
        time_BFW = self.time_embedding(sinusoid(t_BF, self.shape.frequency_width).to(dtype))
        return time_BFW, self.time_projection(time_BFW).unflatten(-1, (6, -1))

    def before_block(self, layer: int, x_BFNW: Tensor, audio: Audio) -> Tensor:
        """OmniAvatar: the packed sound, projected for this layer, is added to every token of its latent."""
        if isinstance(audio, Tensor) and 0 <= layer - 2 < self.shape.audio_projections:
            return x_BFNW + self.audio_cond_projs[layer - 2](audio)[:, :, None]
        return x_BFNW

    def after_block(self, layer: int, x_BFNW: Tensor, audio: Audio) -> Tensor:
        return x_BFNW

    def embed(self, x_BCFHW: Tensor) -> Tensor:
        """Patches to tokens: a convolution whose stride is its kernel is one matrix product."""
        patches = x_BCFHW.unflatten(-1, (-1, PATCH)).unflatten(-3, (-1, PATCH))  # B C F rows 2 columns 2
        tokens_BFNC = patches.permute(0, 2, 3, 5, 1, 4, 6).flatten(4).flatten(2, 3)
        return F.linear(tokens_BFNC, self.patch_embedding.weight.flatten(1), self.patch_embedding.bias)


def sinusoid(t_BF: Tensor, width: int) -> Tensor:
    """(B, F, width) in float64: cosines first, then sines."""
    half = width // 2
    frequencies = torch.exp(torch.arange(half, dtype=torch.float64, device=t_BF.device) * (-math.log(10_000.0) / half))
    angles = t_BF.to(torch.float64)[..., None] * frequencies
    return torch.cat((angles.cos(), angles.sin()), dim=-1)


def to_latents(x_BFNJ: Tensor, rows: int, columns: int) -> Tensor:
    """Undo the patches; within a patch the channel is the fastest."""
    x = x_BFNJ.unflatten(-1, (PATCH, PATCH, -1)).unflatten(2, (rows, columns))  # B F rows columns 2 2 C
    return x.permute(0, 6, 1, 2, 4, 3, 5).flatten(-2).flatten(-3, -2)
