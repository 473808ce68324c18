"""Plain, slow statements of what the fast paths compute: a cache as a list, positions by counting."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.diffusion.config import Checkpoint, PositionPolicy
from engine.diffusion.model.attention import attention
from engine.diffusion.rope import Rotary, rotate
from tests.engine.diffusion.support import torch


def kept_latents(checkpoint: Checkpoint, newest: int) -> list[int]:
    """The latents a block whose last is `newest` can see: the sink and the most recent."""
    ring = checkpoint.window_latents - checkpoint.sink_latents
    return [k for k in range(newest + 1) if k < checkpoint.sink_latents or k > newest - ring]


def position(checkpoint: Checkpoint, latent: int, newest: int, base: int = 0) -> int:
    in_sink = latent < checkpoint.sink_latents
    match checkpoint.positions:
        case PositionPolicy.ABSOLUTE:
            return latent
        case PositionPolicy.RESET:
            return latent if in_sink else latent - base
        case PositionPolicy.RELATIVE:
            return kept_latents(checkpoint, newest).index(latent)
        case PositionPolicy.EXTENDED:
            distance = checkpoint.sink_distance_latents
            return latent + max(0, newest - distance) if in_sink else latent


@dataclass
class LiteralCache:
    """A `Memory` that keeps every unrotated key and value of every latent for ever, and looks up what it may see."""

    checkpoint: Checkpoint
    dtype: torch.dtype
    shift: int = 0  # added to every position
    current: tuple[int, ...] = ()
    kept: dict[tuple[int, int], tuple[torch.Tensor, torch.Tensor]] = field(default_factory=dict)

    def begin(self) -> None:
        start = self.current[-1] + 1 if self.current else 0
        self.current = tuple(range(start, start + self.checkpoint.block_latents))

    def angles(self, latents) -> tuple[torch.Tensor, torch.Tensor]:
        rows, columns = self.checkpoint.latent_height // 2, self.checkpoint.latent_width // 2
        rotary = Rotary(self.checkpoint.trunk.head_width, rows, columns)
        cos, sin = rotary.buffers(len(latents), self.dtype)
        where = [self.shift + position(self.checkpoint, k, self.current[-1]) for k in latents]
        rotary.write(torch.tensor(where), cos, sin)
        return cos.flatten(0, 1), sin.flatten(0, 1)

    def attend(self, layer, q, k, v):
        block = len(self.current)
        for latent, key, value in zip(self.current, k.chunk(block, 1), v.chunk(block, 1), strict=True):
            self.kept[layer, latent] = key, value
        seen = kept_latents(self.checkpoint, self.current[-1])
        keys, values = (torch.cat([self.kept[layer, n][part] for n in seen], 1) for part in (0, 1))
        return attention(rotate(q, *self.angles(self.current)), rotate(keys, *self.angles(seen)), values)
