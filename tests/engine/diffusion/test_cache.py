"""The ring equals a list of everything, and the streaming transformer equals one masked forward."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.diffusion.config import PRESETS, CachePolicy, PositionPolicy
from tests.engine.diffusion.support import BOUND, error, random_trunk, torch  # first: it skips without torch

# isort: split
from engine.diffusion.cache import RingCache, View
from engine.diffusion.model.whole import WholeSequence, visible_latents
from engine.diffusion.rope import Rotary
from tests.engine.diffusion.literal import LiteralCache, kept_latents

TINY = PRESETS["tiny"]
SMALL = replace(TINY, trunk=replace(TINY.trunk, layers=1), width_px=32, height_px=16)


@st.composite
def ring_sizes(draw):
    sink = draw(st.integers(0, 4))
    block = draw(st.integers(1, 4))
    window = sink + draw(st.integers(block, block + 5))
    return replace(SMALL, sink_latents=sink, block_latents=block, window_latents=window)


def random_block(checkpoint, dtype):
    tokens = checkpoint.block_latents * checkpoint.tokens_per_latent
    return torch.randn(3, 1, tokens, checkpoint.trunk.heads, checkpoint.trunk.head_width, dtype=dtype).unbind(0)


@pytest.mark.parametrize("policy", PositionPolicy)
@settings(max_examples=12, deadline=None)
@given(checkpoint=ring_sizes())
def test_the_ring_equals_brute_force_over_five_wraps(policy, checkpoint):
    checkpoint = replace(checkpoint, positions=policy)
    with torch.inference_mode():
        ring, literal = RingCache(checkpoint, dtype=torch.float64), LiteralCache(checkpoint, torch.float64)
        ring_latents = checkpoint.window_latents - checkpoint.sink_latents
        for _ in range(-(-(5 * ring_latents + checkpoint.sink_latents) // checkpoint.block_latents)):
            ring.begin()
            literal.begin()
            block = random_block(checkpoint, torch.float64)
            assert error(ring.attend(0, *block), literal.attend(0, *block)) < 1e-9
            held = sorted(latent for latent in ring.slot_latent_S.tolist() if latent >= 0)
            assert held == kept_latents(checkpoint, literal.current[-1])


@settings(max_examples=25, deadline=None)
@given(checkpoint=ring_sizes(), blocks=st.integers(1, 12), data=st.data())
def test_truncation_leaves_what_was_shown_and_the_view_never_shows_a_forgotten_latent(checkpoint, blocks, data):
    ring = RingCache(checkpoint, dtype=torch.float32)
    for _ in range(blocks):
        ring.begin()
    last = data.draw(st.integers(0, ring.book.count - 1))
    before = set(ring.slot_latent_S.tolist()) - {-1}
    ring.truncate(last)
    assert set(ring.slot_latent_S.tolist()) - {-1} == {latent for latent in before if latent <= last}
    for _ in range(8):
        ring.begin()
        newest, slots = ring.book.count - 1, ring.slot_latent_S
        if ring.view is View.FULL:
            assert sorted(slots.tolist()) == kept_latents(checkpoint, newest)
        if ring.view is View.PREFIX:
            assert sorted(slots[: ring.book.count].tolist()) == kept_latents(checkpoint, newest)
        visible = ring.mask_SN.all(-1)
        assert set(slots[visible].tolist()) <= set(kept_latents(checkpoint, newest))
        assert ring.view is not View.MASKED or newest <= last + checkpoint.window_latents


def test_forgetting_part_of_a_block_costs_nothing():
    checkpoint = replace(SMALL, block_latents=3, window_latents=7)
    ring = RingCache(checkpoint, dtype=torch.float32)
    for _ in range(6):
        ring.begin()
    ring.truncate(ring.book.count - 3)
    ring.begin()
    assert ring.view is View.FULL
    assert sorted(ring.slot_latent_S.tolist()) == kept_latents(checkpoint, ring.book.count - 1)


def test_a_restored_snapshot_is_the_same_cache_at_the_same_address():
    ring = RingCache(SMALL, dtype=torch.float32)
    for _ in range(5):
        ring.begin()
        ring.attend(0, *random_block(SMALL, torch.float32))
    snapshot, address = ring.snapshot(), ring.keys_RYBSNHD.data_ptr()
    futures = []
    for _ in range(2):
        torch.manual_seed(3)
        ring.begin()
        futures.append(ring.attend(0, *random_block(SMALL, torch.float32)).clone())
        ring.restore(snapshot)
    assert (futures[0] == futures[1]).all()
    assert ring.keys_RYBSNHD.data_ptr() == address


@pytest.mark.parametrize("view", [View.MASKED, View.PREFIX])
def test_a_filling_ring_gives_the_same_with_a_mask_as_without(view):
    checkpoint = replace(SMALL, window_latents=6)
    ring, literal = RingCache(checkpoint, dtype=torch.float64), LiteralCache(checkpoint, torch.float64)
    for _ in range(4):
        ring.begin(view)
        literal.begin()
        block = random_block(checkpoint, torch.float64)
        out = ring.attend(0, *block)
        assert out.isfinite().all()
        assert error(out, literal.attend(0, *block)) < 1e-9


def stream(trunk, checkpoint, latents_BCFHW, t, text, audio_BFE, memory):
    """One pass over each block in turn, teacher-forced: as the clean pass sees finished latents."""
    out, size = [], checkpoint.block_latents
    for start in range(0, latents_BCFHW.shape[2], size):
        memory.begin()
        part = slice(start, start + size)
        t_BF = torch.full((1, size), t, dtype=latents_BCFHW.dtype)
        out.append(trunk(latents_BCFHW[:, :, part], t_BF, text, memory, audio_BFE[:, part]))
    return torch.cat(out, 2)


def teacher_forced(checkpoint, dtype, latents):
    trunk = random_trunk(checkpoint.trunk, dtype)
    shape = checkpoint.trunk
    x = torch.randn(1, shape.in_channels, latents, checkpoint.latent_height, checkpoint.latent_width, dtype=dtype)
    text_BLW = torch.randn(1, shape.text_tokens, shape.text_width, dtype=dtype)
    audio = trunk.audio_proj(torch.randn(1, 4 * latents, shape.audio_width, dtype=dtype))
    return trunk, x, text_BLW, audio


@pytest.mark.parametrize("dtype", BOUND, ids=str)
@pytest.mark.parametrize("block", [1, 3, 4])
def test_cached_streaming_equals_one_block_causal_masked_forward(block, dtype):
    checkpoint = replace(TINY, block_latents=block, window_latents=2 + 2 * block, sink_latents=2)
    trunk, x, text_BLW, audio = teacher_forced(checkpoint, dtype, 5 * block)
    text = trunk.text_memory(text_BLW)
    streamed = stream(trunk, checkpoint, x, 0.0, text, audio, RingCache(checkpoint, dtype=dtype))
    rotary = Rotary(checkpoint.trunk.head_width, checkpoint.latent_height // 2, checkpoint.latent_width // 2)
    seen = visible_latents(5 * block, block, checkpoint.window_latents, checkpoint.sink_latents)
    mask = seen.repeat_interleave(rotary.tokens, 0).repeat_interleave(rotary.tokens, 1)
    whole = WholeSequence(rotary, torch.arange(5 * block), dtype, mask)
    t_BF = torch.zeros(1, 5 * block, dtype=dtype)
    assert error(streamed, trunk(x, t_BF, text, whole, audio)) < BOUND[dtype]


@pytest.mark.parametrize("policy", PositionPolicy)
def test_every_position_policy_equals_its_literal_statement_through_the_transformer(policy):
    checkpoint = replace(TINY, positions=policy)
    trunk, x, text_BLW, audio = teacher_forced(checkpoint, torch.float64, 12)
    text = trunk.text_memory(text_BLW)
    ours, literal = (
        stream(trunk, checkpoint, x, 500.0, text, audio, memory)
        for memory in (RingCache(checkpoint, dtype=torch.float64), LiteralCache(checkpoint, torch.float64))
    )
    assert error(ours, literal) < 1e-9


def test_relative_positions_do_not_notice_a_shift():
    checkpoint = replace(TINY, positions=PositionPolicy.RELATIVE)
    trunk, x, text_BLW, audio = teacher_forced(checkpoint, torch.float32, 8)
    text = trunk.text_memory(text_BLW)
    ours = stream(trunk, checkpoint, x, 500.0, text, audio, RingCache(checkpoint, dtype=torch.float32))
    shifted = stream(trunk, checkpoint, x, 500.0, text, audio, LiteralCache(checkpoint, torch.float32, shift=700))
    assert error(ours, shifted) < 1e-4


def test_one_ring_for_each_timestep_keeps_the_noise_levels_apart():
    checkpoint = replace(SMALL, cache=CachePolicy.PER_TIMESTEP)
    ring = RingCache(checkpoint, dtype=torch.float32)
    ring.begin()
    ring.use_ring(0).attend(0, *random_block(checkpoint, torch.float32))
    before = ring.keys_RYBSNHD[0].clone()
    ring.use_ring(1).attend(0, *random_block(checkpoint, torch.float32))
    assert (ring.keys_RYBSNHD[0] == before).all()
    assert (ring.keys_RYBSNHD[1] != 0).any()
