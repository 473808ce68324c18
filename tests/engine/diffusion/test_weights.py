"""Weights are found by what is in them, checked before they are loaded, and written in either naming."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from functools import cache
from random import Random

import pytest

from engine.diffusion.config import (
    PRESETS,
    RANDOM_LICENCE,
    TRUNK_1_3B,
    TRUNK_14B,
    TRUNK_CAUSAL_FORCING,
    TRUNK_S2V,
    AudioAdapter,
)
from tests.engine.diffusion.support import away_from_trivial, random_trunk, torch  # first: it skips without torch

# isort: split
from engine.diffusion import estimate
from engine.diffusion.errors import BadCheckpoint, NotEnoughMemory
from engine.diffusion.files import open_tensors, write_tensors
from engine.diffusion.keys import trunk_to_diffusers, trunk_to_original, vae_to_diffusers, vae_to_original
from engine.diffusion.model.s2v import S2vWan
from engine.diffusion.model.vae import WanVae
from engine.diffusion.model.wan import CausalWan
from engine.diffusion.model.wav2vec import Wav2Vec
from engine.diffusion.recognise import most_likely, refuse_what_is_not_served, trunk_shape
from engine.diffusion.stream import FaceStream
from engine.diffusion.weights import LORA_SCALE, find, load, write
from tests.engine.diffusion.oracle import convert_wan_transformer_to_diffusers, convert_wan_vae_to_diffusers

TINY = PRESETS["tiny"]


@cache
def parts():
    """Made once; no test changes them."""
    torch.manual_seed(0)
    return {
        "transformer": random_trunk(TINY.trunk, torch.float32),
        "autoencoder": away_from_trivial(WanVae(TINY.vae), torch.float32),
        "sound encoder": away_from_trivial(Wav2Vec(TINY.sound), torch.float32),
    }


@pytest.fixture
def folder(tmp_path):
    made = parts()
    write(made, tmp_path)
    prompt = torch.randn(1, TINY.trunk.text_tokens, TINY.trunk.text_width)
    write_tensors(tmp_path / "prompts.safetensors", {"speaking": prompt})
    (tmp_path / "understudy.json").write_text(json.dumps({"preset": "tiny", "fps": 25}))
    return tmp_path


def assert_same(bundle, made):
    for ours, theirs in ((bundle.trunk, "transformer"), (bundle.vae, "autoencoder"), (bundle.sound, "sound encoder")):
        for name, value in made[theirs].state_dict().items():
            assert (ours.state_dict()[name] == value).all(), name


def load_on_cpu(folder):
    return load(find(folder), device="cpu", dtype=torch.float32)


def test_what_was_written_is_found_and_loaded(folder):
    found = find(folder)
    assert all(report.fits for report in found.reports())
    assert (found.checkpoint.name, found.checkpoint.fps) == ("tiny", 25)
    assert found.checkpoint.trunk == TINY.trunk
    assert_same(load_on_cpu(folder), parts())


def test_diffusers_names_are_written_and_read(folder):
    write(parts(), folder, diffusers_names=True)
    assert "condition_embedder.time_proj.weight" in open_tensors(folder / "transformer.safetensors").shapes
    assert_same(load_on_cpu(folder), parts())


def test_names_agree_with_diffusers_own_converters_both_ways():
    with torch.device("meta"):
        trunk, vae = CausalWan(TINY.trunk).state_dict(), WanVae(TINY.vae).state_dict()
    trunk = {name: value for name, value in trunk.items() if not name.startswith("audio_")}
    theirs = set(convert_wan_transformer_to_diffusers(dict(trunk)))
    assert {trunk_to_diffusers(name) for name in trunk} == theirs
    assert {trunk_to_original(name) for name in theirs} == set(trunk)
    theirs = set(convert_wan_vae_to_diffusers(dict(vae)))
    assert {vae_to_diffusers(name) for name in vae} == theirs
    assert {vae_to_original(name) for name in theirs} == set(vae)


@pytest.mark.parametrize("wrapper", ["generator_ema", "generator", "model", None])
def test_wrapped_and_prefixed_torch_files_are_read(folder, wrapper):
    (folder / "transformer.safetensors").unlink()
    state = {f"model.{name}": value for name, value in parts()["transformer"].state_dict().items()}
    torch.save({wrapper: state, "step": 3} if wrapper else state, folder / "model.pt")
    assert_same(load_on_cpu(folder), parts())


def test_weight_norm_of_the_sound_encoder_is_multiplied_out(folder):
    state = parts()["sound encoder"].state_dict()
    weight = state.pop("encoder.pos_conv_embed.conv.weight")
    state["encoder.pos_conv_embed.conv.weight_g"] = weight.norm(dim=(0, 1), keepdim=True)
    state["encoder.pos_conv_embed.conv.weight_v"] = 3 * weight
    state = {f"wav2vec2.{name}": value for name, value in state.items()} | {"lm_head.weight": torch.zeros(2)}
    write_tensors(folder / "sound_encoder.safetensors", state | {"wav2vec2.masked_spec_embed": torch.zeros(1)})
    loaded = load_on_cpu(folder).sound.encoder["pos_conv_embed"].conv.weight
    torch.testing.assert_close(loaded, weight)


def test_omniavatars_lora_is_merged(folder):
    state, name = parts()["transformer"].state_dict(), "blocks.1.self_attn.q"
    down, up = torch.randn(4, TINY.trunk.width), torch.randn(TINY.trunk.width, 4)
    overlay = {
        f"{name}.base_layer.bias": torch.ones(TINY.trunk.width),
        f"{name}.lora_A.default.weight": down,
        f"{name}.lora_B.default.weight": up,
        "audio_cond_projs.0.weight": state["audio_cond_projs.0.weight"] + 1,
    }
    torch.save(overlay, folder / "pytorch_model.pt")
    loaded = load_on_cpu(folder).trunk.state_dict()
    assert LORA_SCALE == 64 / 128, "alpha and rank of both families"
    torch.testing.assert_close(loaded[f"{name}.weight"], state[f"{name}.weight"] + LORA_SCALE * up @ down)
    assert (loaded[f"{name}.bias"] == 1).all()
    torch.testing.assert_close(loaded["audio_cond_projs.0.weight"], state["audio_cond_projs.0.weight"] + 1)


@pytest.mark.parametrize("shape", [TRUNK_1_3B, TRUNK_14B])
def test_a_family_is_known_by_its_shapes(shape):
    with torch.device("meta"):
        shapes = {name: tuple(value.shape) for name, value in CausalWan(shape).state_dict().items()}
    assert trunk_shape(shapes, 128) == shape
    without_sound = {name: size for name, size in shapes.items() if not name.startswith("audio_")}
    assert trunk_shape(without_sound, 128).audio is AudioAdapter.NONE


def s2v_parts():
    torch.manual_seed(2)
    checkpoint = PRESETS["tiny-s2v"]
    trunk = away_from_trivial(S2vWan(checkpoint.trunk, checkpoint.sound.layers + 1), torch.float32)
    return {**parts(), "transformer": trunk}


def test_wan22_s2v_is_known_by_its_shapes():
    with torch.device("meta"):
        shapes = {name: tuple(value.shape) for name, value in S2vWan(TRUNK_S2V).state_dict().items()}
    assert trunk_shape(shapes, 128) == TRUNK_S2V


def test_liveavatars_lora_on_wan22_s2v_is_loaded_and_streams(folder):
    made, name = s2v_parts(), "blocks.1.ffn.0"
    write(made, folder)
    (folder / "understudy.json").write_text(json.dumps({"preset": "tiny-s2v"}))
    wide, narrow = made["transformer"].state_dict()[f"{name}.weight"].shape
    down, up = torch.randn(4, narrow), torch.randn(wide, 4)
    lora = {f"base_model.model.{name}.lora_A.weight": down, f"base_model.model.{name}.lora_B.weight": up}
    write_tensors(folder / "liveavatar.safetensors", lora)
    bundle = load_on_cpu(folder)
    merged = made["transformer"].state_dict()[f"{name}.weight"] + LORA_SCALE * up @ down
    torch.testing.assert_close(bundle.trunk.state_dict()[f"{name}.weight"], merged)
    assert FaceStream(bundle, torch.zeros(1, 3, 1, 64, 64), seed=0).next_block().frames.std() > 0


@pytest.mark.parametrize(
    ("shape", "files", "lora", "name"),
    [
        (TRUNK_1_3B, "LiveTalk-1.3B-V0.1/model.safetensors", False, "livetalk-1.3b"),
        (TRUNK_1_3B, "a/model.safetensors", False, "livetalk-1.3b"),
        (TRUNK_1_3B, "a/pytorch_model.pt", True, "omniavatar-1.3b"),
        (TRUNK_14B, "a/pytorch_model.pt", True, "omniavatar-14b"),
        (TRUNK_S2V, "Wan2.2-S2V-14B/diffusion_pytorch_model.safetensors.index.json", False, "s2v-14b"),
        (TRUNK_S2V, "Wan2.2-S2V-14B/liveavatar.safetensors", True, "liveavatar-14b"),
        (TRUNK_CAUSAL_FORCING, "model.pt", False, "causal-forcing-1.3b"),
        (TRUNK_1_3B, "charlie/characters/model.safetensors", False, "livetalk-1.3b"),
        (TRUNK_1_3B, "OmniAvatar_1.3B/model.safetensors", False, "omniavatar-1.3b"),
    ],
)
def test_checkpoints_of_one_shape_are_told_apart(shape, files, lora, name):
    assert most_likely(shape, f"/weights/{files}".lower(), lora) == name


def test_shapes_without_public_weights_are_nobodys_guess():
    guessed = {most_likely(preset.trunk, preset.name, lora) for preset in PRESETS.values() for lora in (False, True)}
    assert not [name for name in guessed if name and PRESETS[name].licence == RANDOM_LICENCE]


@pytest.mark.parametrize("name", ["AvatarForcing", "avatar-forcing", "Avatar_Forcing-1.3B"])
def test_weights_that_run_another_way_are_refused_with_their_licence(name):
    with pytest.raises(BadCheckpoint, match="academic use only"):
        refuse_what_is_not_served(f"/weights/{name}/model.pt".lower())


def test_the_plain_wan_beside_an_avatar_is_left_aside(folder):
    plain = replace(TINY.trunk, in_channels=16, audio=AudioAdapter.NONE)
    write({"transformer": random_trunk(plain, torch.float32)}, folder / "Wan2.1-T2V-1.3B")
    assert_same(load_on_cpu(folder), parts())
    assert "left aside" in find(folder).notes[0]


def test_every_preset_has_its_licence_told():
    for preset in PRESETS.values():
        assert preset.licence, preset.name
    assert "Settle this before commercial use" in PRESETS["livetalk-1.3b"].licence
    assert "Apache-2.0" in PRESETS["liveavatar-14b"].licence


def truncate(folder):
    path = folder / "transformer.safetensors"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def drop_a_key(folder):
    state = parts()["transformer"].state_dict()
    del state["blocks.2.ffn.2.bias"]
    write_tensors(folder / "transformer.safetensors", state)


def reshape_a_key(folder):
    state = parts()["transformer"].state_dict()
    state["blocks.3.norm3.weight"] = torch.zeros(7)
    write_tensors(folder / "transformer.safetensors", state)


def add_a_stranger(folder):
    write_tensors(
        folder / "transformer.safetensors", parts()["transformer"].state_dict() | {"blocks.0.novelty": torch.zeros(1)}
    )


def double(folder):
    (folder / "b.safetensors").write_bytes((folder / "transformer.safetensors").read_bytes())


def without_positions(folder):
    state = parts()["sound encoder"].state_dict()
    del state["encoder.pos_conv_embed.conv.weight"]
    write_tensors(folder / "sound_encoder.safetensors", state)


def norm_without_width(folder):
    state = parts()["autoencoder"].state_dict()
    write_tensors(folder / "autoencoder.safetensors", state | {"decoder.head.0.gamma": torch.tensor(1.0)})


def quantise_a_key(folder):
    state = parts()["transformer"].state_dict()
    state["blocks.0.ffn.0.weight"] = state["blocks.0.ffn.0.weight"].to(torch.int8)
    write_tensors(folder / "transformer.safetensors", state)


def spoil_a_key(part, key, value):
    def spoil(folder):
        state = {name: one.clone() for name, one in parts()[part].state_dict().items()}
        state[key].view(-1)[-1] = value
        write_tensors(folder / f"{part.replace(' ', '_')}.safetensors", state)

    return spoil


def spoil_a_prompt(folder):
    prompts = open_tensors(folder / "prompts.safetensors")
    values = {name: prompts.read(name).clone() for name in prompts.shapes}
    values["speaking"][0, 0, 0] = float("nan")
    write_tensors(folder / "prompts.safetensors", values)


BAD = {
    "truncated": (truncate, "truncated"),
    "a key missing": (drop_a_key, r"1 missing \(blocks.2.ffn.2.bias\)"),
    "a key of another shape": (reshape_a_key, "of another shape"),
    "a strange key": (add_a_stranger, r"unexpected \(blocks.0.novelty\)"),
    "no transformer": (lambda folder: (folder / "transformer.safetensors").unlink(), "no transformer"),
    "no sound encoder": (lambda folder: (folder / "sound_encoder.safetensors").unlink(), "wav2vec2"),
    "another sound encoder": (
        lambda folder: write({"sound encoder": Wav2Vec(replace(TINY.sound, layers=2))}, folder),
        "not the one tiny was made for",
    ),
    "no prompts": (lambda folder: (folder / "prompts.safetensors").unlink(), "prompts"),
    "a torch file that is text": (lambda folder: (folder / "x.pth").write_text("hello"), "x.pth"),
    "a file of numbers": (lambda folder: torch.save({"step": 1}, folder / "x.pt"), "no tensors"),
    "two transformers": (
        lambda f: (f / "b.safetensors").write_bytes((f / "transformer.safetensors").read_bytes()),
        "more",
    ),
    "a broken index": (lambda folder: (folder / "m.safetensors.index.json").write_text("{}"), "no index"),
    "a missing shard": (
        lambda folder: (folder / "m.safetensors.index.json").write_text('{"weight_map": {"a": "gone.safetensors"}}'),
        "gone.safetensors",
    ),
    "an unknown preset": (lambda folder: (folder / "understudy.json").write_text('{"preset": "x"}'), "no preset"),
    "an unknown setting": (lambda folder: (folder / "understudy.json").write_text('{"trunk": 1}'), "cannot set trunk"),
    "a sound encoder without positions": (without_positions, "sound encoder's file is incomplete"),
    "an autoencoder without widths": (norm_without_width, "autoencoder's file is foreign"),
    "a weight that is no number": (
        spoil_a_key("transformer", "blocks.0.ffn.0.weight", float("nan")),
        r"transformer\.safetensors: blocks\.0\.ffn\.0\.weight holds what is no finite number",
    ),
    "a weight without end": (
        spoil_a_key("autoencoder", "decoder.head.0.gamma", float("-inf")),
        r"autoencoder\.safetensors: decoder\.head\.0\.gamma holds what is no finite number",
    ),
    "a prompt that is no number": (spoil_a_prompt, r"prompts\.safetensors: speaking holds what is no finite number"),
    "quantised weights": (quantise_a_key, r"torch\.int8: quantised"),
    "an index of numbers": (
        lambda folder: (folder / "m.safetensors.index.json").write_text('{"weight_map": {"a": 5}}'),
        "no index",
    ),
    "a preset of another family": (
        lambda folder: (folder / "understudy.json").write_text('{"preset": "tiny-s2v"}'),
        "hears by s2v, these weights by pack",
    ),
}


def test_a_torch_file_torn_anywhere_is_told(tmp_path):
    path, random = tmp_path / "x.pt", Random(1)
    for zipped in (True, False):
        torch.save({"model": {"a": torch.randn(4, 5)}}, path, _use_new_zipfile_serialization=zipped)
        whole = path.read_bytes()
        for number in range(60):
            torn = bytearray(whole[: random.randrange(1, len(whole))] if number % 2 else whole)
            for _ in range(3):
                torn[random.randrange(len(torn))] = random.randrange(256)
            path.write_bytes(torn)
            with suppress(BadCheckpoint):
                open_tensors(path)


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_folder_is_told_in_words(folder, kind):
    spoil, words = BAD[kind]
    spoil(folder)
    with pytest.raises(BadCheckpoint, match=words):
        load_on_cpu(folder)


def test_a_missing_folder_is_told(tmp_path):
    with pytest.raises(BadCheckpoint, match="no folder"):
        find(tmp_path / "none")


def test_a_pickle_that_would_run_code_is_refused(folder):
    class Evil:
        def __reduce__(self):
            return (print, ("owned",))

    torch.save({"patch_embedding.weight": Evil()}, folder / "evil.pt")
    with pytest.raises(BadCheckpoint, match=r"evil\.pt"):
        find(folder)


def test_too_little_memory_is_told_before_loading(folder):
    (folder / "understudy.json").write_text(json.dumps({"preset": "tiny", "window_latents": 20_000_000}))
    assert estimate.cost(find(folder).checkpoint).bytes_needed > 1e10
    with pytest.raises(NotEnoughMemory, match="GB free"):
        load_on_cpu(folder)
