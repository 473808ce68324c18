"""Blocks of latents from noise: what stays in the cache, what conditions do, and that it runs for ever."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import pytest

from engine.diffusion.config import (
    PRESETS,
    TRUNK_CAUSAL_FORCING,
    AudioAdapter,
    CachePolicy,
    PositionPolicy,
    SamplerKind,
    Schedule,
)
from tests.engine.diffusion.support import BOUND, error, random_trunk, torch  # first: it skips without torch

# isort: split
from engine.diffusion.cache import RingCache, View
from engine.diffusion.denoiser import Denoiser
from engine.diffusion.model.whole import visible_latents
from tests.engine.diffusion.oracle import MaskedProcessor, add_audio, diffusers_twin, forward_twin

TINY, TINY_3 = PRESETS["tiny"], PRESETS["tiny-3"]
FRAMEWISE = replace(TINY, trunk=replace(TINY.trunk, in_channels=16, audio=AudioAdapter.NONE))


def make(checkpoint, dtype=torch.float32, seed=0):
    denoiser = Denoiser(random_trunk(checkpoint.trunk, dtype), checkpoint, seed=seed)
    torch.manual_seed(5)
    denoiser.set_reference(torch.randn_like(denoiser.reference_BCHW))
    text_BLW = torch.randn(1, checkpoint.trunk.text_tokens, checkpoint.trunk.text_width, dtype=dtype)
    denoiser.set_prompt(denoiser.trunk.text_memory(text_BLW))
    return denoiser


def run(denoiser, blocks):
    made = []
    for _ in range(blocks):
        made.append(denoiser.denoise().clone())
        denoiser.remember()
    return torch.cat(made, 2)


@pytest.mark.parametrize("checkpoint", [TINY, TINY_3, FRAMEWISE], ids=["1", "3", "no sound"])
def test_after_a_block_the_ring_holds_one_clean_pass_over_it_bit_for_bit(checkpoint):
    denoiser = make(checkpoint)
    run(denoiser, 2)
    before = denoiser.cache.snapshot()
    latents = denoiser.denoise().clone()
    denoiser.remember()
    after = denoiser.cache.snapshot()
    denoiser.cache.restore(before)
    denoiser.prepare(denoiser.cache.choose_view())
    denoiser.cache.place()
    denoiser.run(latents, len(denoiser.levels), ring=0)
    assert (denoiser.cache.keys_RYBXHD == after.keys).all()
    assert (denoiser.cache.values_RYBXHD == after.values).all()


def test_per_timestep_rings_hold_each_step_and_no_clean_pass():
    checkpoint = replace(TINY, cache=CachePolicy.PER_TIMESTEP)
    denoiser = make(checkpoint)
    run(denoiser, 1)
    before = denoiser.cache.snapshot()
    denoiser.denoise()
    rings = denoiser.cache.keys_RYBXHD.clone()
    denoiser.remember()
    assert (denoiser.cache.keys_RYBXHD == rings).all()
    assert all((ring != old).any() for ring, old in zip(rings, before.keys, strict=True))
    assert (rings[0] != rings[1]).any()


@pytest.mark.parametrize("dtype", BOUND, ids=str)
def test_a_noisy_block_on_a_clean_cache_equals_diffusers_under_a_block_causal_mask(dtype):
    checkpoint, blocks, size = TINY_3, 4, 3
    trunk, shape = random_trunk(checkpoint.trunk, dtype), checkpoint.trunk
    latents, tokens = blocks * size, checkpoint.tokens_per_latent
    x = torch.randn(1, shape.in_channels, latents, checkpoint.latent_height, checkpoint.latent_width, dtype=dtype)
    text_BLW = torch.randn(1, shape.text_tokens, shape.text_width, dtype=dtype)
    audio = trunk.audio_proj(torch.randn(1, 4 * latents, shape.audio_width, dtype=dtype))
    cache, text, t_BF = (
        RingCache(checkpoint, dtype=dtype),
        trunk.text_memory(text_BLW),
        torch.zeros(1, size, dtype=dtype),
    )
    for start in range(0, latents, size):
        cache.begin()
        part = slice(start, start + size)
        noisy = trunk(x[:, :, part], t_BF + 832, text, cache, audio[:, part])
        clean = trunk(x[:, :, part], t_BF, text, cache, audio[:, part])
    twin = diffusers_twin(trunk)
    add_audio(twin, trunk, audio, tokens)
    seen = visible_latents(latents, size, checkpoint.window_latents, checkpoint.sink_latents)
    mask = MaskedProcessor(seen.repeat_interleave(tokens, 0).repeat_interleave(tokens, 1))
    for block in twin.blocks:
        block.attn1.processor = mask
    t_BF = torch.zeros(1, latents, dtype=dtype)
    assert error(clean, forward_twin(twin, x, t_BF, text_BLW)[:, :, -size:]) < BOUND[dtype]
    t_BF[:, -size:] = 832
    assert error(noisy, forward_twin(twin, x, t_BF, text_BLW)[:, :, -size:]) < BOUND[dtype]


def test_a_block_is_the_published_loop_with_fresh_noise_before_every_step():
    """x0 = x - sigma v, then (1 - sigma') x0 + sigma' noise; told the rounded timestep, stepped by the exact sigma."""
    checkpoint, dtype = TINY_3, torch.float64
    denoiser, literal = make(checkpoint, dtype), RingCache(checkpoint, dtype=dtype)
    reference, text, zero = denoiser.reference_BCHW[:, :, None], denoiser.text, torch.zeros(1, 3, dtype=dtype)
    for number in range(3):
        made = run(denoiser, 1)
        noises = [denoiser.noise_FKBCHW[:, k].permute(1, 2, 0, 3, 4) for k in range(4)]
        assert len({float(noise.flatten()[0]) for noise in noises}) == 4
        mask = torch.ones_like(made[:, :1])
        mask[:, :, 0] = float(number > 0)

        def velocity(x, t, mask=mask):
            inputs = torch.cat((x, reference.expand_as(x), mask), dim=1)
            return denoiser.trunk(inputs, zero + t, text, literal, denoiser.audio)

        literal.begin()
        x, sigmas = noises[0].clone(), (1.0, 0.9375, 5 / 6, 0.625, 0.0)
        for step, (t, sigma, after) in enumerate(zip((1000, 936, 832, 624), sigmas, sigmas[1:], strict=False)):
            x[:, :, :1] = reference if number == 0 else x[:, :, :1]
            x0 = x - sigma * velocity(x, t)
            x = (1 - after) * x0 + after * noises[(step + 1) % 4]
        x[:, :, :1] = reference if number == 0 else x[:, :, :1]
        velocity(x, 0)
        assert error(made, x) < 1e-9


@pytest.mark.parametrize("checkpoint", [TINY, TINY_3], ids=["1", "3"])
def test_latent_0_is_the_reference_image(checkpoint):
    denoiser = make(checkpoint)
    latents = run(denoiser, 2)
    assert (latents[:, :, 0] == denoiser.reference_BCHW).all()
    assert (latents[:, :, 1] != denoiser.reference_BCHW).any()


def test_the_same_seed_gives_the_same_latents_and_another_seed_others():
    first, again, other = (run(make(TINY_3, seed=seed), 3) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


@pytest.mark.parametrize("condition", ["prompt", "reference", "audio"])
def test_a_changed_condition_takes_effect_in_place(condition):
    denoiser = make(TINY)
    run(denoiser, 6)
    before = denoiser.cache.snapshot()
    straight = run(denoiser, 1)
    denoiser.cache.restore(before)
    shape = TINY.trunk
    match condition:
        case "prompt":
            text_BLW = torch.randn(1, shape.text_tokens, shape.text_width)
            denoiser.set_prompt(denoiser.trunk.text_memory(text_BLW))
        case "reference":
            denoiser.set_reference(torch.randn_like(denoiser.reference_BCHW))
        case "audio":
            denoiser.set_audio(torch.ones_like(denoiser.audio))
    assert (run(denoiser, 1) != straight).any()


@pytest.mark.parametrize("checkpoint", [TINY, TINY_3], ids=["1", "3"])
def test_a_block_that_was_forgotten_is_made_again_the_same(checkpoint):
    denoiser, block = make(checkpoint), checkpoint.block_latents
    straight = run(denoiser, 6)
    denoiser.truncate(5 * block - 1)
    assert (run(denoiser, 1) == straight[:, :, -block:]).all()


@pytest.mark.parametrize("cache", CachePolicy)
def test_a_reset_rebuilds_the_ring_at_bounded_positions(cache):
    checkpoint = replace(TINY, positions=PositionPolicy.RESET, position_limit=8, cache=cache)
    denoiser = make(checkpoint)
    for _ in range(40):
        latents = run(denoiser, 1)
        newest = denoiser.cache.next_latent - 1
        assert 0 <= int(denoiser.cache.positions(newest)) < checkpoint.position_limit
        assert latents.isfinite().all()
    assert denoiser.cache.book.base > 0
    held = denoiser.cache.slot_latent_S[denoiser.cache.slot_latent_S >= 0]
    assert int(held.max()) == 39


def test_a_rebuilt_ring_holds_the_sink_and_the_last_block_at_its_new_place():
    checkpoint = replace(TINY, positions=PositionPolicy.RESET, position_limit=8)
    denoiser = make(checkpoint)
    while not denoiser.cache.book.base:
        last = run(denoiser, 1)
    fresh = make(replace(checkpoint, position_limit=1024))
    fresh.audio.copy_(denoiser.audio)
    run(fresh, 1)
    fresh.prepare(View.PREFIX)
    fresh.cache.place()
    fresh.latents_BCFHW.copy_(last)
    fresh.remember_static()
    slot = denoiser.cache.slot_latent_S.argmax()
    for name in ("keys_RYBSNHD", "values_RYBSNHD"):
        kept, wanted = getattr(denoiser.cache, name), getattr(fresh.cache, name)
        assert error(kept[:, :, :, 0], wanted[:, :, :, 0]) < 1e-5, "the sink"
        assert error(kept[:, :, :, slot], wanted[:, :, :, 1]) < 1e-5, "the last block, right behind it"


def test_an_empty_masked_cache_gives_finite_latents():
    denoiser = make(TINY)
    denoiser.prepare(View.MASKED)
    denoiser.cache.place()
    denoiser.denoise_static(first=True)
    assert denoiser.latents_BCFHW.isfinite().all()


SMALLEST = replace(
    TINY,
    trunk=replace(TINY.trunk, layers=2, width=12, heads=1, ffn_width=8),
    width_px=16,
    height_px=32,
    schedule=Schedule(steps=1),
)


def state_addresses(denoiser):
    cache = denoiser.cache
    return [tensor.data_ptr() for tensor in (cache.keys_RYBSNHD, cache.values_RYBSNHD, denoiser.latents_BCFHW)]


def run_for_long(policy, blocks):
    denoiser = make(replace(SMALLEST, positions=policy))
    run(denoiser, 50)
    addresses = state_addresses(denoiser)
    tracemalloc.start()
    for _ in range(20):
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(blocks // 20):
            assert denoiser.denoise().isfinite().all()
            denoiser.remember()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert state_addresses(denoiser) == addresses
    assert grown < 20_000, "the last twentieth of the run keeps nothing"
    assert denoiser.cache.book.count == blocks + 50


@pytest.mark.parametrize("policy", PositionPolicy)
def test_a_short_run_stays_finite_at_constant_memory(policy):
    run_for_long(policy, 100)


@pytest.mark.acceptance
@pytest.mark.parallel
@pytest.mark.timeout(900)
@pytest.mark.parametrize("policy", PositionPolicy)
def test_20000_iterations_stay_finite_at_constant_memory(policy):
    run_for_long(policy, 20_000)


@pytest.mark.parametrize("sampler", SamplerKind)
@pytest.mark.parametrize("size", [(48, 32), (32, 48), (64, 16)], ids=str)
def test_any_size_runs_with_either_sampler(size, sampler):
    width, height = size
    checkpoint = replace(TINY, width_px=width, height_px=height, schedule=Schedule(kind=sampler, steps=2))
    assert run(make(checkpoint), 6).shape == (1, 16, 6, height // 8, width // 8)


def test_causal_forcing_is_the_13b_trunk_without_sound():
    assert TRUNK_CAUSAL_FORCING.audio is AudioAdapter.NONE and TRUNK_CAUSAL_FORCING.in_channels == 16
