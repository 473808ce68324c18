"""Features equal transformers' on the same window, agree with the whole file's, and do not depend on how sound came."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.diffusion.config import PRESETS, SOUND_TINY
from tests.engine.diffusion.support import BOUND, away_from_trivial, error, torch  # first: it skips without torch

# isort: split
from engine.diffusion.audio import AudioFeatures, polyphase_filter, resample
from engine.diffusion.model.wav2vec import Wav2Vec, between, normalised, whole_file_moments
from engine.diffusion.window import Window
from tests.engine.diffusion.oracle import wav2vec_twin

TINY = PRESETS["tiny"]
LARGE_KIND = replace(SOUND_TINY, layer_norm_in_convolutions=True, norm_first=True)


def make(shape=SOUND_TINY, dtype=torch.float32):
    torch.manual_seed(0)
    return away_from_trivial(Wav2Vec(shape), dtype)


def speech_like(seconds, rate_hz=24_000, seed=3):
    """Noise under a moving envelope with a moving pitch: nothing in it repeats."""
    random = np.random.default_rng(seed)
    at = np.arange(int(seconds * rate_hz)) / rate_hz
    pitch = np.cumsum(120 + 40 * np.sin(2 * np.pi * 0.7 * at)) / rate_hz
    voice = sum(np.sin(2 * np.pi * n * pitch) / n for n in range(1, 12)) * (0.6 + 0.4 * np.sin(2 * np.pi * 3.1 * at))
    return ((voice * 0.2 + random.normal(size=len(at)) * 0.01) * 12_000).astype(np.int16)


def reader(sound):
    def read(start, end):
        out = np.zeros(end - start, np.int16)
        known = slice(max(start, 0), min(end, len(sound)))
        out[known.start - start : max(known.stop, known.start) - start] = sound[known]
        return out

    return read


@pytest.mark.parametrize("dtype", BOUND, ids=str)
@pytest.mark.parametrize("shape", [SOUND_TINY, LARGE_KIND], ids=["base", "large"])
def test_every_layer_equals_transformers_on_the_same_window(shape, dtype):
    encoder = make(shape, dtype)
    sound = torch.from_numpy(speech_like(0.5, 16_000))[None].to(dtype) / 32768
    theirs = wav2vec_twin(encoder)(normalised(sound), output_hidden_states=True)
    ours = encoder(sound)
    assert error(ours[-1], theirs.last_hidden_state) < BOUND[dtype]
    for mine, yours in zip(ours[:-1], theirs.hidden_states[: len(ours) - 1], strict=True):
        assert error(mine, yours) < BOUND[dtype]


def test_whole_file_moments_are_linear_interpolation_with_aligned_ends():
    vectors = torch.randn(1, 24, 5)
    theirs = torch.nn.functional.interpolate(vectors.mT, size=8, mode="linear", align_corners=True).mT
    assert error(between(vectors, whole_file_moments(8000, 8)), theirs) < 1e-5


def test_features_are_the_last_layer_then_all_in_order():
    encoder, sound = make(), torch.from_numpy(speech_like(0.5, 16_000))[None] / 32768
    states = encoder(sound, whole_file_moments(8000, 8))
    parts = encoder.features(sound, whole_file_moments(8000, 8)).chunk(SOUND_TINY.layers + 2, dim=-1)
    for part, state in zip(parts, [states[-1], *states], strict=True):
        assert (part == state).all()
    assert parts[0].shape == (1, 8, SOUND_TINY.width)


def test_windowed_features_agree_with_the_whole_file_at_the_window_centre():
    checkpoint = replace(TINY, sound=replace(SOUND_TINY, window_s=4.0, look_ahead_latents=12))
    sound, encoder = speech_like(12.0), make()
    audio = AudioFeatures(encoder, checkpoint)
    whole = torch.from_numpy(sound)[None] / 32768
    moments = whole_file_moments(12 * 16_000, 12 * checkpoint.fps)
    frames = encoder.features(resample(whole, audio.filter), moments)[0]
    for latent in (20, 30, 45):
        windowed = audio.read(latent, 1, reader(sound))[0]
        same_time = frames[4 * latent - 4 : 4 * latent]
        assert torch.cosine_similarity(windowed, same_time, dim=-1).min() > 0.99
    elsewhere = torch.cosine_similarity(audio.read(20, 1, reader(sound))[0], frames[4 * 33 : 4 * 34], dim=-1)
    assert elsewhere.max() < 0.99, "the measure tells another moment from this one"


def test_s2vs_windowed_layers_agree_with_the_whole_file_at_the_window_centre():
    """Upstream's way over the whole file: all layers, linearly to 30 a second, the nearest to each frame of 25."""
    checkpoint = PRESETS["tiny-s2v"]
    checkpoint = replace(checkpoint, sound=replace(SOUND_TINY, window_s=4.0, look_ahead_latents=12))
    sound, encoder = speech_like(8.0), make()
    audio = AudioFeatures(encoder, checkpoint)
    states = encoder(resample(torch.from_numpy(sound)[None] / 32768, audio.filter))
    whole = torch.stack([between(state, torch.arange(240)[None] * 50 / 30) for state in states], 1)
    for latent in (20, 26):
        windowed = audio.read(latent, 1, reader(sound))
        assert windowed.shape == (1, SOUND_TINY.layers + 1, SOUND_TINY.width, 4)
        nearest = [round(frame * 30 / 25) for frame in range(4 * latent - 4, 4 * latent)]
        assert torch.cosine_similarity(windowed.mT, whole[:, :, nearest], dim=-1).min() > 0.99
        assert torch.cosine_similarity(windowed.mT, whole[:, :, 99:103], dim=-1).max() < 0.999


def test_s2v_hears_each_latents_own_frames_whatever_its_company():
    sound, audio = speech_like(3.0), AudioFeatures(make(), PRESETS["tiny-s2v"])
    together = audio.read(1, 6, reader(sound))
    one_by_one = torch.cat([audio.read(k, 1, reader(sound)) for k in range(1, 7)], dim=-1)
    assert error(one_by_one, together) < 1e-5


def test_a_latents_features_do_not_depend_on_its_company():
    sound, audio = speech_like(3.0), AudioFeatures(make(), TINY)
    together = audio.read(1, 10, reader(sound))
    one_by_one = torch.cat([audio.read(k, 1, reader(sound)) for k in range(1, 11)])
    assert error(one_by_one, together) < 1e-5


def test_a_latent_hears_nothing_beyond_its_stated_look_ahead():
    sound, audio = speech_like(3.0), AudioFeatures(make(), TINY)
    window, latent = Window(TINY), 8
    assert window.look_ahead_s == pytest.approx(4 / 24)
    end = window.samples(latent)[1]
    limit = (latent + 1) * window.samples_per_latent
    assert limit - 480 <= end <= limit, "its own sound and one latent more, to the grid of 20 ms"
    deaf = sound.copy()
    deaf[end:] = 0
    assert (audio.read(latent, 1, reader(deaf)) == audio.read(latent, 1, reader(sound))).all()
    deaf[end - 400 :] = 0
    assert (audio.read(latent, 1, reader(deaf)) != audio.read(latent, 1, reader(sound))).any()


def test_latent_0_hears_one_frame_four_times():
    own = AudioFeatures(make(), TINY).read(0, 2, reader(speech_like(1.0)))
    assert (own[0] == own[0, :1]).all()
    assert (own[1] != own[1, :1]).any()


def test_silence_is_encoded_as_silence():
    assert not normalised(torch.zeros(1, 1000)).any()
    assert AudioFeatures(make(), TINY).read(5, 1, reader(np.zeros(0, np.int16))).isfinite().all()


@pytest.mark.parametrize("hz", [50, 440, 3000, 6000])
def test_resampling_keeps_a_tone(hz):
    at_24, at_16 = (torch.arange(rate, dtype=torch.float64) / rate for rate in (24_000, 16_000))
    tone = torch.sin(2 * torch.pi * hz * at_24)[None]
    inside = slice(100, -100)
    ours = resample(tone, polyphase_filter())[0]
    assert len(ours) == 16_000
    assert (ours[inside] - torch.sin(2 * torch.pi * hz * at_16)[inside]).abs().max() < 2e-3


def test_resampling_removes_what_16_khz_cannot_hold():
    tone = torch.sin(2 * torch.pi * 10_000 * torch.arange(24_000, dtype=torch.float64) / 24_000)[None]
    assert resample(tone, polyphase_filter())[0, 100:-100].abs().max() < 2e-3
