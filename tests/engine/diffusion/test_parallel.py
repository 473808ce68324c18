"""A transformer parted over the ranks of a gloo group equals the whole one, and each rank loads its part alone."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from engine.diffusion.config import PRESETS, CachePolicy
from tests.engine.diffusion.ranks import run_ranks
from tests.engine.diffusion.support import BOUND, error, random_trunk, torch  # first: it skips without torch

# isort: split
from engine.diffusion.denoiser import Denoiser
from engine.diffusion.errors import CannotBeParted
from engine.diffusion.files import write_tensors
from engine.diffusion.model.s2v import LOCAL_TOKENS, S2vWan
from engine.diffusion.model.vae import WanVae
from engine.diffusion.model.wav2vec import Wav2Vec
from engine.diffusion.parallel import CUTS, Share, Split, better_split, part, require_parts
from engine.diffusion.weights import find, load, write
from tests.engine.diffusion.support import away_from_trivial

FOUR_HEADS = replace(PRESETS["tiny"].trunk, heads=4)
TINY = replace(PRESETS["tiny"], trunk=FOUR_HEADS)
TINY_3 = replace(PRESETS["tiny-3"], trunk=FOUR_HEADS, cache=CachePolicy.PER_TIMESTEP)
S2V = replace(PRESETS["tiny-s2v"], trunk=replace(PRESETS["tiny-s2v"].trunk, heads=4))


def skewed(trunk):
    """Heads of very different size: a norm of each head, or of each rank's heads, would give other numbers."""
    for block in trunk.blocks:
        for attention in (block.self_attn, block.cross_attn):
            for linear in (attention.q, attention.k):
                rows = linear.weight.data.unflatten(0, (attention.heads, -1))
                rows.mul_((3.0 ** torch.arange(attention.heads))[:, None, None])
    return trunk


def whole_trunk(checkpoint):
    if checkpoint.begins_with_reference:
        return skewed(random_trunk(checkpoint.trunk, torch.float32))
    torch.manual_seed(0)
    return skewed(away_from_trivial(S2vWan(checkpoint.trunk, checkpoint.sound.layers + 1), torch.float32))


def stream_of(trunk, checkpoint, blocks=6):
    """Latents of a stream with sound, prompt and still, past the first turn of the ring; with a step back in it."""
    denoiser = Denoiser(trunk, checkpoint, seed=3)
    torch.manual_seed(5)
    still = torch.randn_like(denoiser.reference_BCHW)
    denoiser.set_reference(still)
    shape, block = checkpoint.trunk, checkpoint.block_latents
    denoiser.set_prompt(trunk.text_memory(torch.randn(1, shape.text_tokens, shape.text_width)))
    made = []
    for number in range(blocks):
        width = trunk.shape.width
        local, everywhere = torch.randn(1, block, LOCAL_TOKENS, width), torch.randn(1, block, width)
        packed = torch.randn(1, block, shape.audio_hidden)
        denoiser.set_audio(packed if checkpoint.begins_with_reference else (local, everywhere))
        made.append(denoiser.denoise().clone())
        denoiser.remember()
        if number == 3:
            denoiser.truncate(denoiser.next_latent - 2)
    return torch.cat(made, 2)


def parted_stream(group, rank, ways, checkpoint, split):
    share = Share(rank=rank, ways=ways, group=group, split=split)
    return stream_of(part(whole_trunk(checkpoint), share), share.ring_of(checkpoint)).numpy()


def assert_equal(checkpoint, ways, split=Split.TENSOR):
    expected = stream_of(whole_trunk(checkpoint), checkpoint)
    for latents in run_ranks(parted_stream, ways, checkpoint, split):
        assert error(torch.from_numpy(latents), expected) < BOUND[torch.float32]


def test_two_ranks_equal_one_process_with_heads_of_different_size():
    assert_equal(TINY, 2)


@pytest.mark.acceptance
@pytest.mark.parallel
@pytest.mark.parametrize("ways", [2, 4])
@pytest.mark.parametrize("checkpoint", [TINY, TINY_3, S2V], ids=lambda c: c.name)
def test_every_family_parted_by_heads_equals_one_process(checkpoint, ways):
    assert_equal(checkpoint, ways)


@pytest.mark.acceptance
@pytest.mark.parallel
@pytest.mark.parametrize("ways", [2, 3])
def test_ranks_that_share_the_tokens_equal_one_process(ways):
    trunk = replace(FOUR_HEADS, width=72, heads=6)
    assert_equal(replace(TINY_3, trunk=trunk), ways, Split.SEQUENCE)


def compiled_parts(group, rank, ways):
    share = Share(rank=rank, ways=ways, group=group)
    trunk = part(whole_trunk(TINY), share)
    block, cut = trunk.blocks[0], torch.compile(trunk.blocks[0].before, fullgraph=True, backend="eager")
    torch.manual_seed(1)
    x_BFNW, modulation = torch.randn(1, 1, 6, 48), torch.randn(1, 1, 6, 48)
    plain = block.before(x_BFNW, modulation)
    return [error(ours, theirs) for ours, theirs in zip(cut(x_BFNW, modulation), plain, strict=True)]


@pytest.mark.acceptance
@pytest.mark.parallel
def test_the_sums_between_ranks_break_no_compiled_block():
    assert all(difference == 0 for told in run_ranks(compiled_parts, 2) for difference in told)


def loaded_part(group, rank, ways, folder):
    bundle = load(find(folder), device="cpu", dtype=torch.float32, share=Share(rank=rank, ways=ways, group=group))
    return {name: value.numpy() for name, value in bundle.trunk.state_dict().items()}


def write_folder(folder):
    torch.manual_seed(0)
    shape = PRESETS["tiny"].trunk
    parts = {
        "transformer": random_trunk(shape, torch.float32),
        "autoencoder": away_from_trivial(WanVae(TINY.vae), torch.float32),
        "sound encoder": away_from_trivial(Wav2Vec(TINY.sound), torch.float32),
    }
    write(parts, folder)
    prompt = torch.randn(1, shape.text_tokens, shape.text_width)
    write_tensors(folder / "prompts.safetensors", {"speaking": prompt})
    (folder / "understudy.json").write_text(json.dumps({"preset": "tiny"}))
    return parts["transformer"].state_dict()


@pytest.mark.acceptance
@pytest.mark.parallel
def test_each_rank_loads_its_part_of_one_checkpoint_and_nothing_else(tmp_path):
    whole = write_folder(tmp_path)
    loaded = run_ranks(loaded_part, 2, tmp_path)
    parted = {name for name in whole if any(pattern.fullmatch(name) for pattern, _ in CUTS)}
    assert len(parted) == 4 * (2 * 9 + 3), "in each layer all but the outputs' biases"
    for name, value in whole.items():
        pieces = [torch.from_numpy(rank[name]) for rank in loaded]
        axis = next((axis for pattern, axis in CUTS if pattern.fullmatch(name)), None)
        assert (torch.cat(pieces, axis) if axis is not None else pieces[0]).equal(value), name


def test_what_does_not_divide_is_refused_in_words():
    with pytest.raises(CannotBeParted, match="2 heads"):
        require_parts(PRESETS["tiny"], 4)
    with pytest.raises(CannotBeParted, match="6 tokens"):
        require_parts(TINY, 4, Split.SEQUENCE)
    for checkpoint in (PRESETS["livetalk-1.3b"], PRESETS["char-14b-720p"], PRESETS["liveavatar-14b"]):
        require_parts(checkpoint, 4)


def test_tokens_are_shared_where_they_are_many_and_the_weights_fit():
    large, small = PRESETS["char-14b-720p"], TINY
    assert better_split(large, 4, weights_fit=True) is Split.SEQUENCE
    assert better_split(large, 4, weights_fit=False) is Split.TENSOR
    assert better_split(small, 2, weights_fit=True) is Split.TENSOR
    assert better_split(PRESETS["liveavatar-14b"], 4, weights_fit=True) is Split.TENSOR
