"""The arithmetic gives the published and computed anchors."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.diffusion.config import PRESETS, TRUNK_1_3B, TRUNK_14B, TRUNK_S2V, Checkpoint, VaeShape
from engine.diffusion.estimate import (
    H200_FLOPS,
    cache_bytes,
    cost,
    decode_flop,
    decoder_state_bytes,
    pass_flop,
    sound_parameters,
    trunk_parameters,
    vae_parameters,
)
from tests.engine.diffusion.support import torch  # it skips without torch

# isort: split
from engine.diffusion.model.taehv import TinyDecoder
from engine.diffusion.model.vae import StreamState, WanVae
from engine.diffusion.model.wav2vec import Wav2Vec

LIVETALK = PRESETS["livetalk-1.3b"]


def test_parameters_are_the_published_counts():
    assert trunk_parameters(TRUNK_1_3B) == 1_421_187_232
    assert round(trunk_parameters(TRUNK_14B) / 1e9, 3) == 14.293


@pytest.mark.parametrize(
    ("width", "height", "window", "tera"),
    [(512, 512, 15, 5.6), (512, 512, 9, 4.4), (832, 480, 15, 10.7), (832, 480, 9, 8.1), (1280, 720, 6, 24.0)],
)
def test_a_pass_costs_what_the_table_says(width, height, window, tera):
    checkpoint = replace(LIVETALK, width_px=width, height_px=height, window_latents=window, sink_latents=1)
    assert pass_flop(checkpoint) / 1e12 == pytest.approx(tera, rel=0.02)


@pytest.mark.parametrize(
    ("height", "width", "tera"), [(64, 64, 8.9), (60, 104, 13.6), (48, 88, 9.2), (50, 90, 9.8), (90, 160, 31.4)]
)
def test_decoding_costs_what_the_table_says(height, width, tera):
    assert decode_flop(VaeShape(), height, width) / 1e12 == pytest.approx(tera, rel=0.03)


@pytest.mark.parametrize(("height", "width", "tera"), [(512, 512, 0.36), (480, 832, 0.54), (720, 1280, 1.26)])
def test_the_tiny_decoder_costs_what_the_table_says(height, width, tera):
    checkpoint = replace(LIVETALK, width_px=width, height_px=height, tiny_decoder=True)
    assert cost(checkpoint).decode_flop / 1e12 == pytest.approx(tera, rel=0.03)


def test_s2v_costs_what_the_table_says():
    checkpoint = replace(PRESETS["liveavatar-14b"], width_px=720, height_px=400)
    assert pass_flop(checkpoint) / 1e12 == pytest.approx(43.8, rel=0.005)
    assert cache_bytes(checkpoint) / 4 / 1e9 == pytest.approx(13.4, rel=0.03), "for each timestep"
    assert round(trunk_parameters(TRUNK_S2V) / 1e9, 3) == 16.296


def test_livetalk_has_a_floor_of_35_and_11_ms_on_an_h200():
    diffusion_ms, decode_ms = cost(LIVETALK).floor_ms(H200_FLOPS)
    assert diffusion_ms == pytest.approx(35, abs=0.7)
    assert decode_ms == pytest.approx(11.2, abs=0.3)


def test_the_cache_has_its_published_size():
    assert cache_bytes(LIVETALK) / 1e9 == pytest.approx(2.8, abs=0.05)


@pytest.mark.parametrize("preset", ["livetalk-1.3b", "liveavatar-14b"])
def test_what_lies_beside_the_transformer_is_counted(preset):
    checkpoint = PRESETS[preset]
    with torch.device("meta"):
        parts = {vae_parameters(checkpoint.vae): WanVae(checkpoint.vae)}
        parts[sound_parameters(checkpoint.sound)] = Wav2Vec(checkpoint.sound)
    for estimated, module in parts.items():
        assert estimated == pytest.approx(sum(value.numel() for value in module.parameters()), rel=0.01)
    told, shape = cost(checkpoint), checkpoint.trunk
    prompts = 3 * 2 * 2 * shape.layers * shape.text_tokens * shape.width
    assert told.beside_bytes == 6 * vae_parameters(checkpoint.vae) + 4 * sound_parameters(checkpoint.sound) + prompts
    assert told.bytes_needed > 1.2 * (told.weight_bytes + told.cache_bytes + told.beside_bytes)


def test_the_tiny_decoders_state_is_its_own():
    checkpoint = replace(PRESETS["tiny"], tiny_decoder=True)
    decoder, state = TinyDecoder(), StreamState()
    for first in (True, False):
        decoder.decode(torch.zeros(1, 16, 1, checkpoint.latent_height, checkpoint.latent_width), state, first=first)
    assert state.bytes() == decoder_state_bytes(checkpoint, 4)


def test_every_preset_can_be_costed():
    for checkpoint in PRESETS.values():
        assert isinstance(checkpoint, Checkpoint)
        assert cost(checkpoint).bytes_needed > 0
