"""One shard of a tensor-parallel transformer, alone: its layers' shapes without the sums between the shards.

A shard has its share of the heads, of both attentions and of S2V's injectors, and of the feed-forward. What it leaves
out, the sums over all shards after each output, is given as a model: the bytes a ring moves, at the speed published for
four GPUs on NVLink. The numbers it computes mean nothing; its times are those of a rank between two sums.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from engine.diffusion.config import AudioAdapter, Checkpoint

RING_BYTES_PER_S = 350e9


def shard_of(checkpoint: Checkpoint, ways: int) -> Checkpoint:
    """The checkpoint whose ring holds a shard's heads."""
    trunk = checkpoint.trunk
    if trunk.heads % ways or trunk.ffn_width % ways:
        raise ValueError(f"{trunk.heads} heads and {trunk.ffn_width} cannot be parted {ways} ways")
    return replace(checkpoint, trunk=replace(trunk, width=trunk.width // ways, heads=trunk.heads // ways))


def shard_bundle(bundle: Any, ways: int) -> Any:
    """The same model with the first shard's layers; the transformer is changed in place."""
    import torch

    with torch.inference_mode():
        for block in bundle.trunk.blocks:
            for attention in (block.self_attn, block.cross_attn):
                _cut_attention(attention, ways)
            block.ffn[0], block.ffn[2] = _rows(block.ffn[0], ways), _columns(block.ffn[2], ways)
        if bundle.trunk.shape.audio is AudioAdapter.S2V:
            for injector in bundle.trunk.audio_injector["injector"]:
                _cut_attention(injector, ways)
        shape, weight = bundle.trunk.shape, bundle.trunk.patch_embedding.weight
        prompt = torch.randn(1, shape.text_tokens, shape.text_width, dtype=weight.dtype, device=weight.device)
        text = bundle.trunk.text_memory(prompt)
    return replace(bundle, checkpoint=shard_of(bundle.checkpoint, ways), speaking=text, listening=text)


def modelled_sums_ms(checkpoint: Checkpoint, ways: int) -> float:
    """Of four frames: three sums a layer and one an injector, each of all tokens of the latent in bfloat16."""
    trunk = checkpoint.trunk
    sums = checkpoint.passes * (3 * trunk.layers + len(trunk.injected_after))
    message_bytes = 2 * checkpoint.tokens_per_latent * trunk.width
    return 1e3 * sums * message_bytes * 2 * (ways - 1) / ways / RING_BYTES_PER_S


def _cut_attention(attention: Any, ways: int) -> None:
    attention.heads //= ways
    attention.q, attention.k, attention.v = (_rows(part, ways) for part in (attention.q, attention.k, attention.v))
    attention.o = _columns(attention.o, ways)
    for norm in (attention.norm_q, attention.norm_k):
        norm.weight.data = norm.weight.data[: len(norm.weight) // ways].clone()


def _rows(linear: Any, ways: int) -> Any:
    outputs = linear.out_features // ways
    return _linear(linear.weight[:outputs], linear.bias[:outputs])


def _columns(linear: Any, ways: int) -> Any:
    return _linear(linear.weight[:, : linear.in_features // ways], linear.bias)


def _linear(weight: Any, bias: Any) -> Any:
    import torch

    made = torch.nn.Linear(weight.shape[1], weight.shape[0], device="meta")
    made.weight = torch.nn.Parameter(weight.clone(), requires_grad=False)
    made.bias = torch.nn.Parameter(bias.clone(), requires_grad=False)
    return made
