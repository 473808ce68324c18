"""Wan2.2-S2V's sound path equals a slow, literal statement of it; its trunk without sound equals diffusers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.diffusion.config import PRESETS, TRUNK_S2V, TRUNK_TINY, AudioAdapter
from tests.engine.diffusion.support import BOUND, away_from_trivial, error, torch  # first: it skips without torch

# isort: split
from engine.diffusion.cache import RingCache
from engine.diffusion.model.s2v import S2vWan
from engine.diffusion.model.whole import WholeSequence
from engine.diffusion.rope import Rotary
from tests.engine.diffusion.literal import LiteralCache
from tests.engine.diffusion.oracle import AdaLayerNorm, diffusers_twin, forward_twin

SHAPE = replace(TRUNK_TINY, in_channels=16, audio=AudioAdapter.S2V, audio_width=12, injected_after=(0, 2, 3))
LAYERS, LATENTS, ROWS, COLUMNS = 5, 3, 2, 3


def make(dtype=torch.float64):
    torch.manual_seed(0)
    return away_from_trivial(S2vWan(SHAPE, LAYERS), dtype)


def states(frames, dtype=torch.float64):
    torch.manual_seed(1)
    return torch.randn(1, LAYERS, SHAPE.audio_width, frames, dtype=dtype)


def literal_convolution(state, name, frames, stride):
    """One output frame after the other; what is before the first frame is the first frame."""
    weight, bias = state[f"{name}.conv.weight"], state[f"{name}.conv.bias"]
    out = []
    for at in range(0, len(frames), stride):
        seen = [frames[max(at + tap - 2, 0)] for tap in range(3)]
        out.append(sum(weight[:, :, tap] @ seen[tap] for tap in range(3)) + bias)
    return out


def literal_norm(x, eps):
    return (x - x.mean()) / torch.sqrt(((x - x.mean()) ** 2).mean() + eps)


def literal_sound(state, states_LAT):
    """Per latent: five local tokens and the global one."""
    weights = state["casual_audio_encoder.weights"].flatten()
    shares = [w / (1 + torch.exp(-w)) for w in weights]
    frames = [sum(s * layer[:, t] for s, layer in zip(shares, states_LAT, strict=True)) / sum(shares)
              for t in range(states_LAT.shape[2])]  # fmt: skip
    frames, head = [frames[0]] * 73 + frames, "casual_audio_encoder.encoder."

    def activated(sequence):
        return [torch.nn.functional.silu(literal_norm(x, 1e-6)) for x in sequence]

    def later(sequence):
        halved = activated(literal_convolution(state, f"{head}conv2", activated(sequence), 2))
        return activated(literal_convolution(state, f"{head}conv3", halved, 2))

    wide, quarter = literal_convolution(state, f"{head}conv1_local", frames, 1), SHAPE.width // 4
    heads = [later([x[quarter * n : quarter * (n + 1)] for x in wide]) for n in range(4)]
    whole = later(literal_convolution(state, f"{head}conv1_global", frames, 1))
    linear, bias = state[f"{head}final_linear.weight"], state[f"{head}final_linear.bias"]
    padding, latents = state[f"{head}padding_tokens"].flatten(), states_LAT.shape[2] // 4
    local = [torch.stack([*(head[n] for head in heads), padding]) for n in range(len(whole))]
    return torch.stack(local[-latents:]), torch.stack([linear @ x + bias for x in whole[-latents:]])


def literal_injection(state, number, x_FNW, local_FKW, global_FW):
    """Latent by latent, token by token, head by head."""
    name, width = f"audio_injector.injector.{number}.", SHAPE.width // SHAPE.heads

    def project(part, x):
        return state[f"{name}{part}.weight"] @ x + state[f"{name}{part}.bias"]

    def rms(part, x):
        return x / torch.sqrt((x**2).mean() + SHAPE.eps) * state[f"{name}norm_{part}.weight"]

    norm = AdaLayerNorm(SHAPE.width, output_dim=2 * SHAPE.width, chunk_dim=1).double()
    norm.linear.load_state_dict(
        {part: state[f"audio_injector.injector_adain_layers.{number}.linear.{part}"] for part in ("weight", "bias")}
    )
    out = x_FNW.clone()
    for latent, (tokens, context, whole) in enumerate(zip(x_FNW, local_FKW, global_FW, strict=True)):
        keys, values = [rms("k", project("k", c)) for c in context], [project("v", c) for c in context]
        for n, token in enumerate(norm(tokens[None], temb=whole[None])[0]):
            query, found = rms("q", project("q", token)), []
            for head in range(SHAPE.heads):
                part = slice(head * width, (head + 1) * width)
                scores = torch.stack([query[part] @ key[part] for key in keys]) / width**0.5
                found.append(sum(p * value[part] for p, value in zip(scores.softmax(0), values, strict=True)))
            out[latent, n] += project("o", torch.cat(found))
    return out


def test_the_sound_encoder_equals_its_literal_statement():
    trunk, heard = make(), states(4 * LATENTS)
    local, whole = trunk.casual_audio_encoder(heard)
    literal_local, literal_whole = literal_sound(trunk.state_dict(), heard[0])
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
        literal = literal_injection(trunk.state_dict(), number, x_BFNW[0], sound[0][0], sound[1][0])
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


def test_streaming_with_sound_equals_the_literal_cache():
    checkpoint = replace(
        PRESETS["tiny"], trunk=SHAPE, block_latents=3, window_latents=6, sink_latents=0,
        width_px=16 * COLUMNS, height_px=16 * ROWS,
    )  # fmt: skip
    trunk, out = make(), []
    x, _, text_BLW = inputs(torch.float64, 12)
    text, heard = trunk.text_memory(text_BLW), states(48)
    t = torch.full((1, 3), 602.0, dtype=torch.float64)
    for memory in (RingCache(checkpoint, dtype=torch.float64), LiteralCache(checkpoint, torch.float64)):
        made = []
        for block in range(4):
            memory.begin()
            sound = trunk.casual_audio_encoder(heard[..., 12 * block : 12 * block + 12])
            made.append(trunk(x[:, :, 3 * block : 3 * block + 3], t, text, memory, sound))
        out.append(torch.cat(made, 2))
    assert error(*out) < 1e-9


def test_the_published_count_of_tensors_and_parameters_is_met():
    with torch.device("meta"):
        trunk = S2vWan(TRUNK_S2V)
    assert len(trunk.state_dict()) == 1260
    assert round(sum(parameter.numel() for parameter in trunk.parameters()) / 1e9, 3) == 16.296
