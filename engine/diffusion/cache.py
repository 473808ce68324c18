"""Keys and values of earlier latents, fixed in address and size: a ring behind a sink. Knows no sampler, no session.

Latent k lives in slot k while k < sink, afterwards in slot sink + (k - sink) mod (window - sink): slot order does not
matter to a softmax, so nothing is ever shifted. Which latent a slot holds is a device tensor, as are slot numbers,
positions and mask: in steady state nothing is allocated and nothing synchronises, so a captured graph stays right
while the ring turns. The block being made is inside the window; every pass over it overwrites its own slots. In front
of the slots lie the tokens beside the stream, where a checkpoint has any (`condition`): always seen, never evicted.
"""

# R rings · Y layers · B batch · S slots · N tokens of one latent · H heads · D head width · T tokens, F * N
# F latents of a block · P rotary pairs · C condition tokens · X all tokens kept, C + S * N

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

import torch
from torch import Tensor

from engine.diffusion.condition import Condition
from engine.diffusion.config import CachePolicy, Checkpoint, PositionPolicy
from engine.diffusion.model.attention import Unmasked, attention
from engine.diffusion.rope import Rotary, rotate

ROTATED_WHEN_KEPT = (PositionPolicy.ABSOLUTE, PositionPolicy.RESET)


class View(StrEnum):
    """What part of the buffers the current block looks at. The first changes shape as the ring fills, the others do
    not and can be captured."""

    PREFIX = "prefix"  # slots 0 .. count - 1, before the first wrap
    MASKED = "masked"  # all slots, those without a latent masked
    FULL = "full"  # all slots, no mask


@dataclass(frozen=True, kw_only=True, slots=True)
class Book:
    """The host's own count of what the device holds, so that no decision has to ask the device."""

    count: int = 0  # latents begun
    base: int = 0  # RESET: the latent whose position is 0
    whole_from: int = 0  # the count at which slots emptied by `truncate` or `rebase` are filled again


@dataclass(frozen=True, kw_only=True, slots=True)
class CacheSnapshot:
    """Everything a ring holds at one moment."""

    keys: Tensor
    values: Tensor
    slot_latent_S: Tensor
    next_latent: Tensor
    base: Tensor
    book: Book


class RingCache:
    """The `Memory` of a streaming session. `begin` makes room for a block; then passes run, each with `use_ring`."""

    def __init__(
        self, checkpoint: Checkpoint, *, dtype: torch.dtype, device: torch.device | str = "cpu", batch: int = 1
    ):
        trunk, slots, block = checkpoint.trunk, checkpoint.window_latents, checkpoint.block_latents
        self.checkpoint = checkpoint
        self.rings = checkpoint.schedule.steps if checkpoint.cache is CachePolicy.PER_TIMESTEP else 1
        tokens, beside = checkpoint.tokens_per_latent, checkpoint.condition_tokens
        size = (beside + slots * tokens, trunk.heads, trunk.head_width)
        self.keys_RYBXHD = torch.zeros(self.rings, trunk.layers, batch, *size, dtype=dtype, device=device)
        self.values_RYBXHD = torch.zeros_like(self.keys_RYBXHD)
        self.keys_RYBSNHD, self.values_RYBSNHD = (
            kept[:, :, :, beside:].unflatten(3, (slots, tokens)) for kept in (self.keys_RYBXHD, self.values_RYBXHD)
        )
        self.slot_latent_S = torch.full((slots,), -1, dtype=torch.long, device=device)
        self.next_latent = torch.zeros((), dtype=torch.long, device=device)
        self.base = torch.zeros((), dtype=torch.long, device=device)  # RESET: the latent whose position is 0
        self.offsets_F = torch.arange(block, device=device)
        self.slots_F = self.offsets_F.clone()
        self.mask_X = torch.ones(1, 1, 1, size[0], dtype=torch.bool, device=device)
        self.mask_SN = self.mask_X[0, 0, 0, beside:].view(slots, tokens)
        self.rotary = Rotary(
            trunk.head_width,
            checkpoint.latent_height // 2,
            checkpoint.latent_width // 2,
            device=device,
            half=checkpoint.half_angles,
        )
        self.block_angles = self.rotary.buffers(block, dtype)
        self.kept_rotated = checkpoint.positions in ROTATED_WHEN_KEPT
        if not self.kept_rotated:
            self.slot_angles = self.rotary.buffers(slots, dtype)
        self.beside = beside
        self.condition = Condition(checkpoint, self.rotary, self.values_RYBXHD[:, :, :, :beside]) if beside else None
        self.attention: Unmasked = attention  # a faster one may be put here; where a mask is needed torch's own serves
        self.book = Book()
        self.view = View.PREFIX
        self.ring = 0

    # --- between blocks ------------------------------------------------------------------------------------------

    def choose_view(self) -> View:
        """What the block that begins next can look at, from host-side counts alone."""
        after = self.book.count + self.checkpoint.block_latents
        if after < self.book.whole_from:
            return View.MASKED
        return View.FULL if after >= len(self.slot_latent_S) else View.PREFIX

    def begin(self, view: View | None = None) -> None:
        """Make room for the next block: evict what leaves the window, set slots, positions and mask. `advance` and
        `place` are its host and device halves; a graph captures `place` alone."""
        self.advance(view or self.choose_view())
        self.place()

    def advance(self, view: View) -> None:
        self.view = view
        self.book = replace(self.book, count=self.book.count + self.checkpoint.block_latents)

    def place(self) -> None:
        sink, slots = self.checkpoint.sink_latents, len(self.slot_latent_S)
        latents_F = self.next_latent + self.offsets_F
        self.slots_F.copy_(torch.where(latents_F < sink, latents_F, sink + (latents_F - sink) % (slots - sink)))
        self.slot_latent_S.index_copy_(0, self.slots_F, latents_F)
        self.next_latent += self.checkpoint.block_latents
        self.mask_SN.copy_((self.slot_latent_S >= 0)[:, None].expand(-1, self.rotary.tokens))
        positions_F = self.positions(latents_F)
        self.rotary.write(positions_F, *self.block_angles)
        if self.condition is not None:
            self.condition.place(positions_F[:1])
        if not self.kept_rotated:
            self.rotary.write(self.positions(self.slot_latent_S), *self.slot_angles)

    def positions(self, latents: Tensor) -> Tensor:
        """Temporal positions of these latents as the block begun last sees them."""
        checkpoint, newest = self.checkpoint, self.next_latent - 1
        in_sink = latents < checkpoint.sink_latents
        match checkpoint.positions:
            case PositionPolicy.ABSOLUTE:
                return latents
            case PositionPolicy.RESET:
                return torch.where(in_sink, latents, latents - self.base)
            case PositionPolicy.RELATIVE:
                passed = (newest - (checkpoint.window_latents - 1)).clamp(min=0)
                return torch.where(in_sink, latents, latents - passed)
            case PositionPolicy.EXTENDED:
                follows = (newest - checkpoint.sink_distance_latents).clamp(min=0)
                return torch.where(in_sink, latents + follows, latents)

    # --- a pass --------------------------------------------------------------------------------------------------

    def use_ring(self, ring: int) -> RingCache:
        """The ring that the next pass reads and writes: the step's own, or the one there is."""
        self.ring = ring % self.rings
        return self

    def attend(self, layer: int, q_BTHD: Tensor, k_BTHD: Tensor, v_BTHD: Tensor) -> Tensor:
        angles_TP = tuple(angle.flatten(0, 1) for angle in self.block_angles)
        q_BTHD = rotate(q_BTHD, *angles_TP)
        if self.kept_rotated:
            k_BTHD = rotate(k_BTHD, *angles_TP)
        keys_BSNHD = self.keys_RYBSNHD[self.ring, layer]
        values_BSNHD = self.values_RYBSNHD[self.ring, layer]
        latents_tokens = (len(self.slots_F), self.rotary.tokens)
        keys_BSNHD.index_copy_(1, self.slots_F, k_BTHD.unflatten(1, latents_tokens))
        values_BSNHD.index_copy_(1, self.slots_F, v_BTHD.unflatten(1, latents_tokens))
        return self._attend(layer, q_BTHD)

    def _attend(self, layer: int, q_BTHD: Tensor) -> Tensor:
        seen = self.book.count if self.view is View.PREFIX else len(self.slot_latent_S)
        end = self.beside + seen * self.rotary.tokens
        keys_BXHD = self.keys_RYBXHD[self.ring, layer, :, :end]
        values_BXHD = self.values_RYBXHD[self.ring, layer, :, :end]
        if self.condition is not None:
            keys_BXHD[:, : self.beside].copy_(self.condition.keys(layer))
        if not self.kept_rotated:
            angles_TP = (angle[:seen].flatten(0, 1) for angle in self.slot_angles)
            turned_BTHD = rotate(keys_BXHD[:, self.beside :], *angles_TP)
            keys_BXHD = torch.cat((keys_BXHD[:, : self.beside], turned_BTHD), dim=1) if self.beside else turned_BTHD
        if self.view is View.MASKED:
            return attention(q_BTHD, keys_BXHD, values_BXHD, self.mask_X)
        return self.attention(q_BTHD, keys_BXHD, values_BXHD)

    # --- leaving the straight line -------------------------------------------------------------------------------

    def truncate(self, last_latent: int) -> None:
        """Forget every latent after `last_latent`; the next block begins behind it. Forgetting no more than a block
        costs nothing: what those latents had evicted, the next block would evict anyway."""
        count, slots = self.book.count, len(self.slot_latent_S)
        if last_latent >= count - 1:
            return
        self.slot_latent_S.masked_fill_(self.slot_latent_S > last_latent, -1)
        self.next_latent.fill_(last_latent + 1)
        whole_from = min(count, last_latent + 1 + slots) if count > slots else 0
        self.book = replace(self.book, count=last_latent + 1, whole_from=max(self.book.whole_from, whole_from))

    @property
    def must_rebuild(self) -> bool:
        """RESET only: the next block would pass the position limit."""
        checkpoint, book = self.checkpoint, self.book
        after = book.count + checkpoint.block_latents - book.base
        return checkpoint.positions is PositionPolicy.RESET and after > checkpoint.position_limit

    def rebase(self, kept: int) -> None:
        """RESET: empty the ring and go back by `kept` latents, which the caller runs again at their new positions,
        right behind the sink."""
        sink, slots = self.checkpoint.sink_latents, len(self.slot_latent_S)
        count = self.book.count - kept
        self.slot_latent_S[sink:].fill_(-1)
        self.next_latent.fill_(count)
        self.base.fill_(count - sink)
        self.book = Book(count=count, base=count - sink, whole_from=count + slots - sink)

    def clear(self) -> None:
        self.slot_latent_S.fill_(-1)
        self.next_latent.zero_()
        self.base.zero_()
        self.book = Book()

    def snapshot(self) -> CacheSnapshot:
        return CacheSnapshot(
            keys=self.keys_RYBXHD.clone(),
            values=self.values_RYBXHD.clone(),
            slot_latent_S=self.slot_latent_S.clone(),
            next_latent=self.next_latent.clone(),
            base=self.base.clone(),
            book=self.book,
        )

    def restore(self, snapshot: CacheSnapshot) -> None:
        """Exactly as it was, in place: captured graphs go on working."""
        self.keys_RYBXHD.copy_(snapshot.keys)
        self.values_RYBXHD.copy_(snapshot.values)
        self.slot_latent_S.copy_(snapshot.slot_latent_S)
        self.next_latent.copy_(snapshot.next_latent)
        self.base.copy_(snapshot.base)
        self.book = snapshot.book
