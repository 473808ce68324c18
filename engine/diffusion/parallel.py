"""A transformer parted over the ranks of a group, from outside: the model's files know nothing of it.

*Tensor*: each rank has its share of the heads and of the feed-forward. q, k, v and the first feed-forward layer are cut
by their outputs, o and the second by their inputs, whose results are summed over the ranks. The q/k norms span all
heads, so their sums of squares are summed too, both in one small message. Weights and kept latents shrink by the number
of ranks. *Sequence*: each rank has its share of the tokens and all weights; around each self-attention tokens are
exchanged for heads. Far fewer bytes travel. Both keep the same ring, parted by heads.

The sums return their result instead of writing into their argument, so that compiled code goes on over them.
"""

# B batch · F latents · N tokens of one latent · T tokens, F * N · W width · H heads · D head width · R ranks

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.diffusion.config import AudioAdapter, Checkpoint, TrunkShape
from engine.diffusion.errors import CannotBeParted
from engine.diffusion.model.s2v import S2vWan
from engine.diffusion.model.wan import Attention, Block, CausalWan, RmsNorm

CUTS: tuple[tuple[re.Pattern[str], int], ...] = tuple(  # which parameters are cut, and along which axis
    (re.compile(rf"(.+\.)?{name}"), axis)
    for name, axis in (
        (r"(self_attn|cross_attn|injector\.\d+)\.[qkv]\.(weight|bias)", 0),
        (r"(self_attn|cross_attn|injector\.\d+)\.norm_[qk]\.weight", 0),
        (r"(self_attn|cross_attn|injector\.\d+)\.o\.weight", 1),
        (r"ffn\.0\.(weight|bias)", 0),
        (r"ffn\.2\.weight", 1),
    )
)


class Split(StrEnum):
    """What of the work is shared out."""

    TENSOR = "tensor"
    SEQUENCE = "sequence"


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """One rank's part. `group` is the name torch gave the process group."""

    rank: int
    ways: int
    group: str
    split: Split = Split.TENSOR

    def cut(self, name: str, whole: Tensor) -> Tensor:
        """This rank's part of the transformer's parameter `name`; all of it where it is not parted."""
        if self.split is Split.TENSOR:
            for pattern, axis in CUTS:
                if pattern.fullmatch(name):
                    return whole.chunk(self.ways, axis)[self.rank].contiguous()
        return whole

    def ring_of(self, checkpoint: Checkpoint) -> Checkpoint:
        """The checkpoint as the ring sees it: with this rank's heads. Raises CannotBeParted."""
        trunk = checkpoint.trunk
        require_parts(checkpoint, self.ways, self.split)
        return replace(checkpoint, trunk=replace(trunk, width=trunk.width // self.ways, heads=trunk.heads // self.ways))

    def sum(self, x: Tensor) -> Tensor:
        """Over all ranks."""
        summed = torch.ops._c10d_functional.all_reduce(x.contiguous(), "sum", self.group)
        return torch.ops._c10d_functional.wait_tensor(summed)

    def exchange(self, parts_R: Tensor) -> Tensor:
        """Part i goes to rank i; what comes back at i is from rank i."""
        sizes = [1] * self.ways
        parts_R = parts_R.contiguous()
        taken = torch.ops._c10d_functional.all_to_all_single(parts_R, sizes, sizes, self.group)
        return torch.ops._c10d_functional.wait_tensor(taken)


def require_parts(checkpoint: Checkpoint, ways: int, split: Split = Split.TENSOR) -> None:
    """Raises CannotBeParted."""
    trunk = checkpoint.trunk
    if trunk.heads % ways:
        raise CannotBeParted(f"{checkpoint.name} has {trunk.heads} heads, which cannot be parted {ways} ways")
    if split is Split.TENSOR and trunk.ffn_width % ways:
        raise CannotBeParted(f"{checkpoint.name}: a width of {trunk.ffn_width} cannot be parted {ways} ways")
    if split is Split.SEQUENCE and checkpoint.tokens_per_latent % ways:
        raise CannotBeParted(f"{checkpoint.tokens_per_latent} tokens of a latent cannot be parted {ways} ways")
    if split is Split.SEQUENCE and trunk.audio is AudioAdapter.S2V:
        raise CannotBeParted("the tokens beside S2V's stream are not parted: use tensor parallelism")


def better_split(checkpoint: Checkpoint, ways: int, *, weights_fit: bool) -> Split:
    """SEQUENCE moves a fraction of the bytes, and wants the whole weights on each device and tokens enough that every
    rank's products stay large; else TENSOR."""
    try:
        require_parts(checkpoint, ways, Split.SEQUENCE)
    except CannotBeParted:
        return Split.TENSOR
    rows = checkpoint.block_latents * checkpoint.tokens_per_latent // ways
    return Split.SEQUENCE if weights_fit and rows >= LARGE_PRODUCT_ROWS else Split.TENSOR


LARGE_PRODUCT_ROWS = 512  # fewer tokens than this leave a matrix unit idle; not measured, see LOG.md


def part(trunk: CausalWan, share: Share) -> CausalWan:
    """Change the transformer into this rank's part of it, in place. On the meta device too, so that only the part is
    ever loaded. Raises CannotBeParted."""
    if share.split is Split.SEQUENCE:
        _part_tokens(trunk, share)
        return trunk
    for name, parameter in list(trunk.named_parameters()):
        mine = share.cut(name, parameter.data)
        if mine is not parameter.data:
            owner, _, own = name.rpartition(".")
            setattr(trunk.get_submodule(owner), own, nn.Parameter(mine.clone(), requires_grad=False))
    for block in cast("Iterable[Block]", trunk.blocks):
        block.self_attn = SharedAttention(block.self_attn, trunk.shape, share)
        block.cross_attn = SharedAttention(block.cross_attn, trunk.shape, share)
        block.ffn[2] = SummedLinear(cast("nn.Linear", block.ffn[2]), share)
    if isinstance(trunk, S2vWan):
        injectors = cast("nn.ModuleList", trunk.audio_injector["injector"])
        for number, injector in enumerate(injectors):
            injectors[number] = SharedAttention(cast("Attention", injector), trunk.shape, share)
    return trunk


# --- tensor ------------------------------------------------------------------------------------------------------


class SummedLinear(nn.Module):
    """Has a part of the inputs; the sum over the ranks is the whole, to which the bias is added once."""

    def __init__(self, linear: nn.Linear, share: Share) -> None:
        super().__init__()
        self.weight, self.bias, self.share = linear.weight, linear.bias, share

    def forward(self, x: Tensor) -> Tensor:
        return self.share.sum(F.linear(x, self.weight)) + self.bias


class SharedAttention(Attention):
    """A rank's heads. The norms before they are parted span all heads of all ranks."""

    def __init__(self, whole: Attention, shape: TrunkShape, share: Share) -> None:
        nn.Module.__init__(self)
        self.heads, self.share, self.full_width = shape.heads // share.ways, share, shape.width
        self.q, self.k, self.v = whole.q, whole.k, whole.v
        self.o = SummedLinear(whole.o, share)  # type: ignore[assignment]
        self.norm_q, self.norm_k = whole.norm_q, whole.norm_k

    def queries(self, x_BTW: Tensor) -> Tensor:
        (q_BTW,) = self._normed((self.q(x_BTW), self.norm_q))
        return q_BTW.unflatten(-1, (self.heads, -1))

    def keys_values(self, x_BTW: Tensor) -> tuple[Tensor, Tensor]:
        (k_BTW,) = self._normed((self.k(x_BTW), self.norm_k))
        return k_BTW.unflatten(-1, (self.heads, -1)), self.v(x_BTW).unflatten(-1, (self.heads, -1))

    def all_three(self, x_BTW: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        q_BTW, k_BTW = self._normed((self.q(x_BTW), self.norm_q), (self.k(x_BTW), self.norm_k))
        q_BTHD, k_BTHD, v_BTHD = (x.unflatten(-1, (self.heads, -1)) for x in (q_BTW, k_BTW, self.v(x_BTW)))
        return q_BTHD, k_BTHD, v_BTHD

    def _normed(self, *pairs: tuple[Tensor, RmsNorm]) -> list[Tensor]:
        """Each part under its norm over the full width; the sums of squares travel together."""
        wide = [x if x.dtype == torch.float64 else x.float() for x, _ in pairs]
        squares = self.share.sum(torch.stack([x.square().sum(-1, keepdim=True) for x in wide]))
        return [
            (full * torch.rsqrt(square / self.full_width + norm.eps)).to(x.dtype) * norm.weight
            for full, square, (x, norm) in zip(wide, squares.unbind(0), pairs, strict=True)
        ]


# --- sequence ----------------------------------------------------------------------------------------------------


def _part_tokens(trunk: CausalWan, share: Share) -> None:
    """Each rank embeds all tokens and goes on with its own; the head's result is put together again."""
    if trunk.shape.audio is AudioAdapter.S2V:
        raise CannotBeParted("the tokens beside S2V's stream are not parted: use tensor parallelism")
    embed_all = trunk.embed

    def embed(x_BCFHW: Tensor) -> Tensor:
        return embed_all(x_BCFHW).chunk(share.ways, dim=2)[share.rank]

    trunk.embed = embed  # type: ignore[method-assign]
    head = trunk.head.forward

    def whole_head(x_BFNW: Tensor, time_BFW: Tensor) -> Tensor:
        mine_BFNJ = head(x_BFNW, time_BFW)
        taken_R = share.exchange(mine_BFNJ[None].expand(share.ways, -1, -1, -1, -1))
        return torch.cat(taken_R.unbind(0), dim=2)

    trunk.head.forward = whole_head  # type: ignore[method-assign]
    for block in cast("Iterable[Block]", trunk.blocks):
        _exchange_around(block, share)


def _exchange_around(block: Block, share: Share) -> None:
    before: Callable[..., tuple[Tensor, Tensor, Tensor]] = block.before
    after: Callable[..., Tensor] = block.after

    def tokens_for_heads(x_BFNW: Tensor, modulation_BFJW: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        latents = x_BFNW.shape[1]
        mine = torch.stack(before(x_BFNW, modulation_BFJW)).unflatten(2, (latents, -1))  # 3 B F n H D
        taken_R = share.exchange(torch.stack(mine.chunk(share.ways, dim=4)))
        q_BTHD, k_BTHD, v_BTHD = torch.cat(taken_R.unbind(0), dim=3).flatten(2, 3).unbind(0)
        return q_BTHD, k_BTHD, v_BTHD

    def heads_for_tokens(x_BFNW: Tensor, attended_BTHD: Tensor, *rest: Tensor) -> Tensor:
        theirs = attended_BTHD.unflatten(1, (x_BFNW.shape[1], -1)).chunk(share.ways, dim=2)  # B F n H/R D
        taken_R = share.exchange(torch.stack(theirs))
        return after(x_BFNW, torch.cat(taken_R.unbind(0), dim=3).flatten(1, 2), *rest)

    block.before = tokens_for_heads  # type: ignore[method-assign]
    block.after = heads_for_tokens  # type: ignore[method-assign,assignment]
