"""A prompt as the transformer reads it: umt5 embeddings, zeros past the end. Needed once for each checkpoint.

The text encoder is as large as the model (5.7 billion parameters) and its result never changes, so prompts are made
ahead, by `understudy engine prompts`, and kept beside the weights.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engine.diffusion.config import Checkpoint
from engine.diffusion.errors import BadCheckpoint, PartMissing
from engine.diffusion.files import Tensors, find_tensors, write_tensors
from engine.diffusion.keys import umt5_to_hugging_face
from engine.diffusion.weights import find

PROMPTS = "prompts.safetensors"


def make_prompts(directory: Path) -> Path:
    """Encode the checkpoint's speaking and listening prompts with the umt5 found in the folder, and keep them there.
    Raises BadCheckpoint, PartMissing."""
    checkpoint = find(directory).checkpoint
    files = [tensors for tensors in find_tensors(directory) if "blocks.0.attn.q.weight" in tensors.shapes]
    tokenizers = t5_tokenizers(directory)
    if not files or not tokenizers:
        raise BadCheckpoint(f"{directory} has no umt5 encoder with its tokenizer")
    encoder = load_umt5(files[0])
    tokenizer = _transformers().AutoTokenizer.from_pretrained(tokenizers[0])
    prompts = {"speaking": checkpoint.prompt, "listening": checkpoint.listening_prompt}
    encoded = {name: encode(encoder, tokenizer, text, checkpoint) for name, text in prompts.items() if text}
    write_tensors(directory / PROMPTS, encoded)
    return directory / PROMPTS


def t5_tokenizers(directory: Path) -> list[Path]:
    """Folders of tokenizers that read prompts; wav2vec2 comes with one of its own, for letters."""
    return [
        path.parent
        for path in sorted(directory.rglob("tokenizer_config.json"))
        if (path.parent / "spiece.model").is_file() or '"T5Tokenizer' in path.read_text(errors="replace")
    ]


def encode(encoder: Any, tokenizer: Any, prompt: str, checkpoint: Checkpoint) -> Tensor:
    """(1, text tokens, text width): the embedding of each token of the prompt, then zeros."""
    tokens = checkpoint.trunk.text_tokens
    batch = tokenizer(
        " ".join(prompt.split()), padding="max_length", max_length=tokens, truncation=True, return_tensors="pt"
    )
    with torch.inference_mode():
        hidden = encoder(batch.input_ids, attention_mask=batch.attention_mask).last_hidden_state
    return hidden * batch.attention_mask[..., None].to(hidden.dtype)


def load_umt5(tensors: Tensors) -> Any:
    """transformers' encoder with the original weights; its shape is read off them."""
    shapes = tensors.shapes
    width, heads = shapes["token_embedding.weight"][1], shapes["blocks.0.pos_embedding.embedding.weight"][1]
    transformers = _transformers()
    config = transformers.UMT5Config(
        vocab_size=shapes["token_embedding.weight"][0],
        d_model=width,
        d_kv=shapes["blocks.0.attn.q.weight"][0] // heads,
        d_ff=shapes["blocks.0.ffn.fc1.weight"][0],
        num_layers=len({name.split(".")[1] for name in shapes if name.startswith("blocks.")}),
        num_heads=heads,
        relative_attention_num_buckets=shapes["blocks.0.pos_embedding.embedding.weight"][0],
        feed_forward_proj="gated-gelu",
    )
    with torch.device("meta"):
        encoder = transformers.UMT5EncoderModel(config)
    state = {umt5_to_hugging_face(name): tensors.read(name) for name in shapes}
    state["encoder.embed_tokens.weight"] = state["shared.weight"]
    try:
        encoder.load_state_dict(state, strict=True, assign=True)
    except RuntimeError as error:
        raise BadCheckpoint(f"{tensors.path.name} is no umt5 encoder: {str(error).splitlines()[-1]}") from error
    return encoder.eval()


def _transformers() -> Any:
    try:
        import transformers
    except ImportError as error:
        raise PartMissing(
            "making prompts needs transformers: .venv/bin/pip install -c constraints.txt -e '.[engine-test]'"
        ) from error
    return transformers
