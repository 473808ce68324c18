"""Wan2.2-S2V's sound path equals a slow, literal statement of it; its trunk without sound equals diffusers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.diffusion.config import (
    MOTION_LATENTS,
    PRESETS,
    TRUNK_S2V,
    TRUNK_TINY,
    AudioAdapter,
    PositionPolicy,
    SamplerKind,
    Schedule,
)
from tests.engine.diffusion.support import BOUND, away_from_trivial, error, torch  # first: it skips without torch

# isort: split
from diffusers import FlowMatchEulerDiscreteScheduler

from engine.diffusion.cache import RingCache
from engine.diffusion.condition import packed_places
from engine.diffusion.denoiser import Denoiser
from engine.diffusion.model.s2v import S2vWan
from engine.diffusion.model.whole import WholeSequence
from engine.diffusion.rope import Rotary
from tests.engine.diffusion.literal_s2v import Literal, literal_injection, literal_sound
from tests.engine.diffusion.oracle import diffusers_twin, forward_twin

SHAPE = replace(TRUNK_TINY, in_channels=16, audio=AudioAdapter.S2V, audio_width=12, injected_after=(0, 2, 3))
LAYERS, LATENTS, ROWS, COLUMNS = 5, 3, 2, 3


def make(dtype=torch.float64):
    torch.manual_seed(0)
    return away_from_trivial(S2vWan(SHAPE, LAYERS), dtype)


def states(frames, dtype=torch.float64):
    torch.manual_seed(1)
    return torch.randn(1, LAYERS, SHAPE.audio_width, frames, dtype=dtype)


def test_the_sound_encoder_equals_its_literal_statement():
    trunk, heard = make(), states(4 * LATENTS)
    local, whole = trunk.casual_audio_encoder(heard)
    literal_local, literal_whole = literal_sound(trunk.state_dict(), SHAPE, heard[0])
    assert local.shape == (1, LATENTS, 5, SHAPE.width)
    assert error(local[0], literal_local) < 1e-9
    assert error(whole[0], literal_whole) < 1e-9


def test_injection_equals_its_literal_statement_after_the_right_blocks_only():
    trunk, sound = make(), make().casual_audio_encoder(states(4 * LATENTS))
    x_BFNW = torch.randn(1, LATENTS, 4, SHAPE.width, dtype=torch.float64)
    for layer in range(SHAPE.layers):
        injected = trunk.after_block(layer, x_BFNW, sound)
        if layer not in SHAPE.injected_after:
            assert injected is x_BFNW
            continue
        number = SHAPE.injected_after.index(layer)
        literal = literal_injection(trunk.state_dict(), SHAPE, number, x_BFNW[0], sound[0][0], sound[1][0])
        assert error(injected[0], literal) < 1e-9


def inputs(dtype, latents=LATENTS):
    torch.manual_seed(2)
    x = torch.randn(1, 16, latents, 2 * ROWS, 2 * COLUMNS, dtype=dtype)
    return x, torch.full((1, latents), 602.0, dtype=dtype), torch.randn(1, 8, SHAPE.text_width, dtype=dtype)


@pytest.mark.parametrize("dtype", BOUND, ids=str)
def test_with_silent_injectors_the_trunk_equals_diffusers(dtype):
    trunk = make(dtype)
    for injector in trunk.audio_injector["injector"]:
        injector.o.weight.zero_()
        injector.o.bias.zero_()
    x, t, text = inputs(dtype)
    memory = WholeSequence(Rotary(SHAPE.head_width, ROWS, COLUMNS), torch.arange(LATENTS), dtype)
    ours = trunk(x, t, trunk.text_memory(text), memory, trunk.casual_audio_encoder(states(4 * LATENTS, dtype)))
    twin = diffusers_twin(trunk)
    twin.patch_embedding.bias.add_(trunk.cond_encoder.bias + trunk.trainable_cond_mask.weight[0])
    assert error(ours, forward_twin(twin, x, t, text)) < BOUND[dtype]


TWO_STEPS = Schedule(kind=SamplerKind.EULER, steps=2, shift=3.0, round_timesteps=False)
CHECKPOINT = replace(
    PRESETS["tiny-s2v"], trunk=SHAPE, width_px=96, height_px=64, window_latents=4, block_latents=2,
    reference_ahead_latents=29, adopt_reference_after=4, schedule=TWO_STEPS,
)  # fmt: skip


def literal_of(trunk):
    return Literal(trunk.state_dict(), SHAPE, rows=4, columns=6, ahead=CHECKPOINT.reference_ahead_latents)


def still_and_motion(seed):
    torch.manual_seed(seed)
    height, width = CHECKPOINT.latent_height, CHECKPOINT.latent_width
    return torch.randn(16, height, width).double(), torch.randn(16, MOTION_LATENTS, height, width).double()


def test_packed_motion_stands_where_its_latents_were():
    places = [tuple(place) for place in packed_places(8, 12).tolist()]
    assert places == literal_of(make()).motion_places()
    assert len(places) + 24 == CHECKPOINT.condition_tokens


def test_tokens_beside_the_stream_equal_their_literal_statement():
    trunk, (still, motion) = make(), still_and_motion(3)
    ours = torch.cat((trunk.reference(still[None]), trunk.packed(motion[None])), dim=1)
    assert error(ours[0], literal_of(trunk).beside(still, motion)) < 1e-9


@pytest.mark.parametrize("positions", [PositionPolicy.ABSOLUTE, PositionPolicy.EXTENDED], ids=str)
def test_a_stream_with_reference_motion_and_sound_equals_the_literal_statement(positions):
    """Four blocks, two wraps; the reference leaves its own time with the second block."""
    trunk, checkpoint = make(), replace(CHECKPOINT, positions=positions)
    torch.manual_seed(4)
    text_BLW, x = torch.randn(1, 8, SHAPE.text_width).double(), torch.randn(1, 16, 8, 8, 12).double()
    heard, t, (still, motion) = states(32), torch.full((1, 2), 602.0).double(), still_and_motion(3)
    text, ring, ours, blocks = trunk.text_memory(text_BLW), RingCache(checkpoint, dtype=torch.float64), [], []
    ring.condition.place_alone()
    trunk.condition(still[None], motion[None], text, ring.condition)
    for number in range(4):
        sound = trunk.casual_audio_encoder(heard[..., 8 * number : 8 * number + 8])
        part = x[:, :, 2 * number : 2 * number + 2]
        ring.begin()
        ours.append(trunk(part, t, text, ring, sound)[0])
        blocks.append((part[0], 602.0, (sound[0][0], sound[1][0]), 0))
    literal = literal_of(trunk)
    beside = literal.beside(still, motion)
    for mine, theirs in zip(ours, literal.velocities([beside], text_BLW[0], blocks, window=4), strict=True):
        assert error(mine, theirs) < 1e-9


def literal_stream(trunk, text_LW, noise, sounds, still, motion):
    """Every step of every block on its own noise level's past; the first latent made stands for the still later."""
    literal, made, besides = literal_of(trunk), [], []
    theirs = FlowMatchEulerDiscreteScheduler(shift=3.0)
    theirs.set_timesteps(2)
    levels, pasts = list(zip(theirs.timesteps, theirs.sigmas[:-1], theirs.sigmas[1:], strict=True)), ([], [])
    for number, (x, sound) in enumerate(zip(noise, sounds, strict=True)):
        if number in (0, 2):
            besides.append(literal.beside(made[0][:, 0] if number else still, motion))
        for past, (t, sigma, after) in zip(pasts, levels, strict=True):
            past.append((x, float(t), sound, len(besides) - 1))
            x = x + (after - sigma) * literal.velocities(besides, text_LW, past, window=4)[-1]
        made.append(x)
    return made


def test_the_whole_sampler_with_a_ring_for_each_step_equals_the_literal_statement():
    """And from the third block on the first latent made stands for the still. The literal's scheduler is diffusers',
    which holds its sigmas in float32: hence the bound."""
    trunk, (still, motion) = make(), still_and_motion(3)
    denoiser = Denoiser(trunk, CHECKPOINT, seed=5)
    text_BLW, heard, ours, noise, sounds = torch.randn(1, 8, SHAPE.text_width).double(), states(24), [], [], []
    denoiser.set_prompt(trunk.text_memory(text_BLW))
    denoiser.set_reference(still[None], motion[None])
    for number in range(3):
        sound = trunk.hear(heard[..., 8 * number : 8 * number + 8])
        denoiser.set_audio(sound)
        ours.append(denoiser.denoise()[0].clone())
        denoiser.remember()
        noise.append(denoiser.noise_FKBCHW[:, 0, 0].transpose(0, 1).clone())
        sounds.append((sound[0][0], sound[1][0]))
    for mine, theirs in zip(ours, literal_stream(trunk, text_BLW[0], noise, sounds, still, motion), strict=True):
        assert error(mine, theirs) < 1e-6


def test_the_published_count_of_tensors_and_parameters_is_met():
    with torch.device("meta"):
        trunk = S2vWan(TRUNK_S2V)
    assert len(trunk.state_dict()) == 1260
    assert round(sum(parameter.numel() for parameter in trunk.parameters()) / 1e9, 3) == 16.296
