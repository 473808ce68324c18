"""Streaming decode equals whole decode and diffusers' autoencoder, for any split and any company."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.diffusion.config import PRESETS, VaeShape
from engine.diffusion.estimate import decoder_state_bytes
from tests.engine.diffusion.support import BOUND, away_from_trivial, error, torch  # first: it skips without torch

# isort: split
from engine.diffusion.model.vae import StreamState, WanVae
from tests.engine.diffusion.oracle import StaysDouble, diffusers_vae

SHAPE = VaeShape(base=8)


def make(dtype=torch.float32, shape=SHAPE):
    torch.manual_seed(0)
    return away_from_trivial(WanVae(shape), dtype)


def latents(count, dtype=torch.float32, seed=1, size=(2, 3)):
    torch.manual_seed(seed)
    return torch.randn(1, 16, count, *size, dtype=dtype)


def decode(vae, z, splits=(), latents_per_call=1):
    """All latents of a stream: the first alone, then in chunks as `splits` says, then the rest one by one."""
    state = StreamState(latents_per_call)
    out, at = [vae.decode(z[:, :, :1], state, first=True)], 1
    while at < z.shape[2]:
        size = splits[len(out) - 1] if len(out) <= len(splits) else 1
        out.append(vae.decode(z[:, :, at : at + size], state, first=False).clone())
        at += size
    return torch.cat(out, 2)


@pytest.mark.parametrize("dtype", BOUND, ids=str)
def test_streamed_decoding_equals_diffusers_whole_decode(dtype):
    vae, z = make(dtype), latents(4, dtype)
    with StaysDouble():
        theirs = diffusers_vae(vae, SHAPE).decode(z * vae.latent_std + vae.latent_mean, return_dict=False)[0]
    ours = decode(vae, z)
    assert ours.shape == (1, 3, 13, 16, 24)
    assert error(ours, theirs) < BOUND[dtype]


@pytest.mark.parametrize("dtype", BOUND, ids=str)
def test_encoding_equals_diffusers(dtype):
    vae = make(dtype)
    video = torch.rand(1, 3, 9, 16, 24, dtype=dtype) * 2 - 1
    theirs = diffusers_vae(vae, SHAPE).encode(video).latent_dist.mode()
    assert error(vae.encode(video), (theirs - vae.latent_mean) / vae.latent_std) < BOUND[dtype]


@settings(max_examples=6, deadline=None)
@given(splits=st.lists(st.integers(1, 3), min_size=1, max_size=4))
def test_any_split_gives_the_same_frames(splits):
    with torch.inference_mode():
        vae, z = make(torch.float64), latents(1 + sum(splits), torch.float64)
        assert error(decode(vae, z, splits, latents_per_call=3), decode(vae, z)) < 1e-9


def test_a_split_in_float32_stays_within_its_bound():
    vae, z = make(), latents(6)
    assert error(decode(vae, z, (2, 3), latents_per_call=3), decode(vae, z)) < 1e-5


def test_channels_last_gives_the_same_frames():
    z, last = latents(3), make().channels_last()
    state = StreamState()
    last.decode(z[:, :, :1], state, first=True)
    assert all(b.is_contiguous(memory_format=torch.channels_last_3d) for b in state.buffers.values())
    assert error(decode(last, z), decode(make(), z)) < 1e-5


def test_two_interleaved_streams_equal_each_alone():
    vae, streams = make(), [latents(4, seed=seed) for seed in (1, 2)]
    states, out = [StreamState(), StreamState()], [[], []]
    for at in range(4):
        for z, state, frames in zip(streams, states, out, strict=True):
            frames.append(vae.decode(z[:, :, at : at + 1], state, first=at == 0).clone())
    for z, frames in zip(streams, out, strict=True):
        assert (torch.cat(frames, 2) == decode(vae, z)).all()


def test_a_reset_stream_begins_anew_at_the_same_addresses():
    vae, z, state = make(), latents(3), StreamState()

    def run():
        return torch.cat([vae.decode(z[:, :, n : n + 1], state, first=n == 0) for n in range(3)], 2)

    first = run()
    addresses = [buffer.data_ptr() for buffer in state.buffers.values()]
    state.reset()
    assert (run() == first).all()
    assert [buffer.data_ptr() for buffer in state.buffers.values()] == addresses
    assert len(addresses) == 32, "33 causal convolutions with a past, less the two shortcuts and conv2 that have none"


def test_a_streams_memory_is_what_the_estimate_says():
    checkpoint = PRESETS["tiny"]
    vae, state = make(shape=checkpoint.vae), StreamState()
    z = latents(2, size=(checkpoint.latent_height, checkpoint.latent_width))
    for number in range(2):
        vae.decode(z[:, :, number : number + 1], state, first=number == 0)
    assert state.bytes() == decoder_state_bytes(checkpoint, 4)


def test_encoding_in_float32_is_not_done_in_less():
    """torch's default lets a GPU convolve float32 with 10 bits; what the others may do stays as it was."""
    vae, seen, before = make(), [], torch.backends.cudnn.allow_tf32
    for part in vae.encoder.modules():
        if isinstance(part, torch.nn.SiLU):
            part.register_forward_hook(lambda *_: seen.append(torch.backends.cudnn.allow_tf32))
    vae.encode(torch.zeros(1, 3, 5, 16, 16))
    assert before and seen and not any(seen)
    assert torch.backends.cudnn.allow_tf32 == before


def test_encoding_in_bfloat16_is_refused():
    with pytest.raises(TypeError, match="float32"):
        make(torch.bfloat16).encode(torch.zeros(1, 3, 1, 16, 16, dtype=torch.bfloat16))


def test_the_published_decoder_size_is_met():
    with torch.device("meta"):
        decoder = WanVae(VaeShape()).decoder
    assert round(sum(parameter.numel() for parameter in decoder.parameters()) / 1e6, 1) == 73.3
