"""The transformer equals diffusers' Wan transformer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.diffusion.config import TRUNK_1_3B, TRUNK_14B, TRUNK_TINY
from tests.engine.diffusion.support import BOUND, error, random_trunk, torch  # first: it skips without torch

# isort: split
from engine.diffusion.model.attention import attention
from engine.diffusion.model.wan import CausalWan
from engine.diffusion.model.whole import WholeSequence
from engine.diffusion.rope import Rotary
from tests.engine.diffusion.oracle import add_audio, diffusers_twin, forward_twin

SIX_LAYERS_WIDE_HEADS = replace(TRUNK_TINY, layers=6, width=128, heads=1)


def inputs(shape, latents, rows, columns, dtype):
    torch.manual_seed(1)
    x_BCFHW = torch.randn(1, shape.in_channels, latents, 2 * rows, 2 * columns, dtype=dtype)
    t_BF = torch.linspace(0, 1000, latents, dtype=dtype)[None]
    text_BLW = torch.randn(1, shape.text_tokens, shape.text_width, dtype=dtype)
    sound_BTA = torch.randn(1, 4 * latents, shape.audio_width, dtype=dtype)
    return x_BCFHW, t_BF, text_BLW, sound_BTA


@pytest.mark.parametrize("dtype", BOUND, ids=str)
@pytest.mark.parametrize("shape", [TRUNK_TINY, SIX_LAYERS_WIDE_HEADS], ids=["2x24", "1x128"])
def test_a_full_forward_with_audio_equals_diffusers(shape, dtype):
    trunk = random_trunk(shape, dtype)
    latents, rows, columns = 5, 2, 3
    x, t, text, sound = inputs(shape, latents, rows, columns, dtype)
    audio = trunk.audio_proj(sound)
    memory = WholeSequence(Rotary(shape.head_width, rows, columns), torch.arange(latents), dtype)
    ours = trunk(x, t, trunk.text_memory(text), memory, audio)
    twin = diffusers_twin(trunk)
    add_audio(twin, trunk, audio, rows * columns)
    assert error(ours, forward_twin(twin, x, t, text)) < BOUND[dtype]


def test_audio_is_added_where_the_checkpoint_has_projections():
    for shape, last in ((TRUNK_1_3B, 15), (TRUNK_14B, 20)):
        assert shape.audio_projections + 1 == last, "blocks 2 .. half of the layers"


def test_each_latent_hears_its_own_four_frames_only():
    trunk = random_trunk(TRUNK_TINY, torch.float64)
    *_, sound = inputs(TRUNK_TINY, 3, 1, 1, torch.float64)
    changed = sound.clone()
    changed[:, 4:8] += 1
    moved = (trunk.audio_proj(changed) != trunk.audio_proj(sound)).any(-1)[0]
    assert moved.tolist() == [False, True, False]


def test_the_published_parameter_count_of_livetalk_is_met():
    with torch.device("meta"):
        trunk = CausalWan(TRUNK_1_3B)
    assert sum(parameter.numel() for parameter in trunk.parameters()) == 1_421_187_232
    assert len(trunk.state_dict()) == 857


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_a_row_that_sees_nothing_gives_zero_and_not_nan(dtype):
    q, k, v = torch.randn(3, 1, 5, 2, 8).to(dtype).unbind(0)
    mask = torch.ones(5, 5, dtype=torch.bool)
    mask[2] = False
    out = attention(q, k, v, mask)
    assert out.isfinite().all()
    assert not out[:, 2].any()
    assert not attention(q, k, v, torch.zeros(1, 1, 1, 5, dtype=torch.bool)).any()
