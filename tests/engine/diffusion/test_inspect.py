"""`understudy engine` says what a folder holds, and makes prompts that the loader reads."""

from __future__ import annotations

import argparse
import json

import cv2
import numpy as np
import pytest

from bot.commands import engine as command
from bot.config import load_settings
from engine.api import CharacterAssets, Likeness, VideoFormat, open_engine
from engine.diffusion.config import PRESETS
from tests.engine.contract import take
from tests.engine.diffusion.support import error, torch  # first: it skips without torch

# isort: split
from engine.diffusion import text
from engine.diffusion.bundle import random_bundle
from engine.diffusion.errors import PartMissing
from engine.diffusion.files import open_tensors, write_tensors
from engine.diffusion.inspect import inspect
from engine.diffusion.weights import write

TINY = PRESETS["tiny"]


@pytest.fixture
def folder(tmp_path):
    bundle = random_bundle(TINY)
    write({"transformer": bundle.trunk, "autoencoder": bundle.vae, "sound encoder": bundle.sound}, tmp_path)
    (tmp_path / "understudy.json").write_text(json.dumps({"preset": "tiny"}))
    return tmp_path


def understudy(*words):
    parser = argparse.ArgumentParser()
    command.arguments(parser)
    return command.run(parser.parse_args([str(word) for word in words]), load_settings())


def test_a_good_folder_is_described_with_its_licence_cost_and_look_ahead(folder, capsys):
    assert understudy("inspect", folder, "--device", "cpu") == 0
    told = capsys.readouterr().out
    for words in ("tiny", "every key and shape fits", "licence:", "memory: about", "TFLOP/s measured", "0.167 s ahead"):
        assert words in told


def test_a_folder_that_does_not_fit_is_told_key_by_key(folder, capsys):
    state = dict(random_bundle(TINY).trunk.state_dict())
    del state["head.head.bias"]
    write_tensors(folder / "transformer.safetensors", state)
    assert understudy("inspect", folder, "--device", "cpu") == 1
    assert "1 missing (head.head.bias)" in capsys.readouterr().out


def test_an_undistilled_checkpoint_promises_no_look(folder):
    (folder / "understudy.json").write_text(json.dumps({"preset": "tiny", "distilled": False}))
    assert "no look is promised" in inspect(folder, device="cpu")[0]


def test_a_foreign_folder_ends_with_1_and_a_sentence(tmp_path, capsys):
    (tmp_path / "x.safetensors").write_bytes(b"nothing")
    assert understudy("inspect", tmp_path) == 1
    assert "bad_checkpoint" in capsys.readouterr().err


@pytest.mark.parametrize(("device", "words"), [("cuda:99", "CUDA devices"), ("gpu", "no device is called 'gpu'")])
def test_a_device_that_is_not_there_is_told(folder, device, words, capsys):
    assert understudy("inspect", folder, "--device", device) == 1
    assert words in capsys.readouterr().err
    with pytest.raises(PartMissing):
        open_engine("diffusion", checkpoint=folder, device=device)


def test_prompts_are_read_by_a_tokenizer_of_words_whatever_else_lies_there(tmp_path):
    for name, kind in (("audio", "Wav2Vec2CTCTokenizer"), ("google/umt5-xxl", "T5Tokenizer")):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": kind}))
    assert text.t5_tokenizers(tmp_path) == [tmp_path / "google" / "umt5-xxl"]


def test_a_file_of_tensors_is_whole_or_not_there(tmp_path):
    path = tmp_path / "prompts.safetensors"
    write_tensors(path, {"speaking": torch.ones(2)})
    with pytest.raises(NotImplementedError):
        write_tensors(path, {"speaking": torch.ones(2, device="meta")})
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert open_tensors(path).read("speaking").sum() == 2


async def test_a_folder_with_prompts_streams_behind_the_engine_contract(folder, tmp_path):
    prompt = torch.randn(1, TINY.trunk.text_tokens, TINY.trunk.text_width)
    write_tensors(folder / "prompts.safetensors", {"speaking": prompt})
    cv2.imwrite(str(tmp_path / "face.png"), np.zeros((32, 32, 3), np.uint8))
    character = CharacterAssets(character_id="c", image=tmp_path / "face.png", likeness=Likeness.FICTIONAL)
    engine = open_engine("diffusion", checkpoint=folder, device="cpu")
    async with await engine.open(character, VideoFormat(width=640, height=360, fps=24)) as session:
        assert len(await take(session.blocks(), 2)) == 2


def test_umt5_in_its_original_names_equals_transformers(tmp_path):
    transformers = pytest.importorskip("transformers", reason="prompts need transformers")
    torch.manual_seed(0)
    config = transformers.UMT5Config(
        vocab_size=50, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4, feed_forward_proj="gated-gelu"
    )
    theirs = transformers.UMT5EncoderModel(config).eval()
    state = theirs.state_dict()
    originals = ["token_embedding.weight", "norm.weight"]
    parts = ["norm1.weight", "norm2.weight", "pos_embedding.embedding.weight", "ffn.gate.0.weight"]
    parts += ["ffn.fc1.weight", "ffn.fc2.weight", *(f"attn.{name}.weight" for name in "qkvo")]
    originals += [f"blocks.{n}.{part}" for n in range(2) for part in parts]
    torch.save({name: state[text.umt5_to_hugging_face(name)] for name in originals}, tmp_path / "umt5.pth")
    ours = text.load_umt5(open_tensors(tmp_path / "umt5.pth"))
    ids, mask = torch.randint(1, 50, (1, 8)), torch.tensor([[1, 1, 1, 1, 1, 0, 0, 0]])

    class Tokenizer:
        def __call__(self, prompt, **options):
            return transformers.BatchEncoding({"input_ids": ids, "attention_mask": mask})

    encoded = text.encode(ours, Tokenizer(), "a  person\ntalks", TINY)
    assert error(encoded[:, :5], theirs(ids, attention_mask=mask).last_hidden_state[:, :5]) < 1e-5
    assert not encoded[:, 5:].any(), "zeros past the end"
