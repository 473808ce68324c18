"""The presets are the published checkpoints, number by number; what makes no sense is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.api import BadFormat
from engine.diffusion.config import PRESETS, CachePolicy, PositionPolicy, SamplerKind

RENOISE, EULER = SamplerKind.RENOISE, SamplerKind.EULER
CLEAN, EACH = CachePolicy.CLEAN, CachePolicy.PER_TIMESTEP
PUBLISHED = {  # size, fps, block, window, sink, sampler, steps, shift, cache, distilled
    "livetalk-1.3b": (512, 512, 16, 3, 15, 9, RENOISE, 4, 5.0, CLEAN, True),
    "omniavatar-1.3b": (832, 480, 25, 3, 15, 9, RENOISE, 4, 5.0, CLEAN, False),
    "omniavatar-14b": (832, 480, 25, 3, 15, 9, RENOISE, 4, 5.0, CLEAN, False),
    "s2v-14b": (704, 384, 25, 3, 12, 0, EULER, 4, 3.0, EACH, False),
    "liveavatar-14b": (704, 384, 25, 3, 12, 0, EULER, 4, 3.0, EACH, True),
    "causal-forcing-1.3b": (832, 480, 16, 1, 21, 1, RENOISE, 4, 5.0, CLEAN, True),
    "char-1.3b-720p": (1280, 720, 24, 1, 6, 1, RENOISE, 2, 5.0, CLEAN, True),
    "char-14b-720p": (1280, 720, 24, 1, 5, 1, RENOISE, 2, 5.0, EACH, True),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_preset_is_what_was_published(name):
    preset = PRESETS[name]
    schedule = preset.schedule
    assert (
        *(preset.width_px, preset.height_px, preset.fps),
        *(preset.block_latents, preset.window_latents, preset.sink_latents),
        *(schedule.kind, schedule.steps, schedule.shift, preset.cache, preset.distilled),
    ) == PUBLISHED[name]
    assert schedule.round_timesteps is (schedule.kind is RENOISE)


def test_liveavatar_looks_30_latents_ahead_and_adopts_its_first_latent_after_a_clip_of_12():
    assert (PRESETS["liveavatar-14b"].reference_ahead_latents, PRESETS["liveavatar-14b"].adopt_reference_after) == (
        30,
        12,
    )
    assert PRESETS["s2v-14b"].adopt_reference_after == 0


@pytest.mark.parametrize(
    ("preset", "change", "error"),
    [
        ("tiny", {"width_px": 40}, BadFormat),
        ("tiny", {"height_px": 0}, BadFormat),
        ("tiny-s2v", {"height_px": 48}, BadFormat),
        ("tiny", {"block_latents": 4}, ValueError),
        ("tiny", {"sink_latents": -1}, ValueError),
        ("tiny", {"positions": PositionPolicy.RESET, "position_limit": 4}, ValueError),
    ],
)
def test_what_makes_no_sense_is_refused(preset, change, error):
    with pytest.raises(error):
        replace(PRESETS[preset], **change)
