"""The tiny decoder equals a frame-by-frame statement of it, streams like the large one, and is used when asked for."""

from __future__ import annotations

import json

import pytest

from engine.diffusion.config import PRESETS
from tests.engine.diffusion.support import away_from_trivial, error, torch  # first: it skips without torch

# isort: split
from engine.diffusion.bundle import random_bundle
from engine.diffusion.errors import BadCheckpoint
from engine.diffusion.files import write_tensors
from engine.diffusion.model.taehv import Grow, MemoryBlock, TinyDecoder
from engine.diffusion.model.vae import StreamState
from engine.diffusion.stream import FaceStream
from engine.diffusion.weights import find, load, write

TINY = PRESETS["tiny"]


def make(dtype=torch.float64):
    torch.manual_seed(0)
    return away_from_trivial(TinyDecoder((12, 8, 6, 6)), dtype)


def literal(tiny, latents_TCHW):
    """Depth first: each frame runs through all layers before the next; a memory block remembers its last input."""
    memory, out = {}, []

    def run(frame, layer):
        if layer == len(tiny.decoder):
            out.append(frame)
            return
        module = tiny.decoder[layer]
        if isinstance(module, MemoryBlock):
            past = memory.get(layer, torch.zeros_like(frame))
            memory[layer] = frame
            frame = torch.relu(module.conv(torch.cat([frame, past], 0)[None])[0] + frame)
        elif isinstance(module, Grow):
            for part in module.conv(frame[None])[0].chunk(module.times, 0):
                run(part, layer + 1)
            return
        else:
            frame = module(frame[None])[0]
        run(frame, layer + 1)

    for latent in latents_TCHW:
        run(latent, 0)
    return torch.stack(out[3:], 1)[None].clamp(0, 1) * 2 - 1


@pytest.mark.parametrize("per_call", [1, 2])
def test_streamed_decoding_equals_the_literal_statement(per_call):
    tiny, z = make(), torch.randn(1, 16, 5, 2, 3, dtype=torch.float64)
    state = StreamState(per_call)
    out = [tiny.decode(z[:, :, :1], state, first=True)]
    out += [tiny.decode(z[:, :, at : at + per_call], state, first=False).clone() for at in range(1, 5, per_call)]
    ours = torch.cat(out, 2)
    assert ours.shape == (1, 3, 17, 16, 24)
    assert error(ours, literal(tiny, z[0].transpose(0, 1))) < 1e-9


def test_the_published_size_and_names_are_met():
    with torch.device("meta"):
        state = TinyDecoder().state_dict()
    assert sum(value.numel() for value in state.values()) == 9_844_611
    assert {"decoder.1.weight", "decoder.3.conv.0.weight", "decoder.13.conv.weight", "decoder.22.bias"} <= state.keys()


@pytest.fixture
def folder(tmp_path):
    bundle = random_bundle(TINY)
    write({"transformer": bundle.trunk, "autoencoder": bundle.vae, "sound encoder": bundle.sound}, tmp_path)
    prompt = torch.randn(1, TINY.trunk.text_tokens, TINY.trunk.text_width)
    write_tensors(tmp_path / "prompts.safetensors", {"speaking": prompt})
    (tmp_path / "understudy.json").write_text(json.dumps({"preset": "tiny", "tiny_decoder": True}))
    return tmp_path


def test_a_checkpoint_that_asks_for_it_streams_with_it(folder):
    torch.manual_seed(1)
    encoder_too = {"encoder.0.weight": torch.zeros(1)}
    torch.save(TinyDecoder().state_dict() | encoder_too, folder / "taew2_1.pth")
    bundle = load(find(folder), device="cpu", dtype=torch.float32)
    assert bundle.tiny is not None
    stream = FaceStream(bundle, torch.zeros(1, 3, 1, 32, 48), seed=0)
    assert stream.next_block().frames.shape == (4, 48, 48)


def test_a_missing_tiny_decoder_is_told(folder):
    with pytest.raises(BadCheckpoint, match="tiny decoder"):
        load(find(folder), device="cpu", dtype=torch.float32)
