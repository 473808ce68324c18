"""Names of tensors: from every known layout to the original one, and to diffusers'. Strings only, no torch.

Original: Wan-Video/Wan2.1 and the checkpoints built on it, which is what our modules are called too. diffusers: the
names of WanTransformer3DModel and AutoencoderKLWan (loaders/single_file_utils.py has the way there; both ways here).
"""

from __future__ import annotations

import re

WRAPPERS = ("generator_ema", "generator", "model", "state_dict", "module")  # in order of preference
PREFIXES = ("base_model.model.", "model.diffusion_model.", "diffusion_model.", "model.", "module.", "dit.", "wav2vec2.")

# original, diffusers: each is unique in its column, so the table reads both ways
TRUNK_NAMES: tuple[tuple[str, str], ...] = (
    ("time_embedding.0.", "condition_embedder.time_embedder.linear_1."),
    ("time_embedding.2.", "condition_embedder.time_embedder.linear_2."),
    ("text_embedding.0.", "condition_embedder.text_embedder.linear_1."),
    ("text_embedding.2.", "condition_embedder.text_embedder.linear_2."),
    ("time_projection.1.", "condition_embedder.time_proj."),
    ("head.head.", "proj_out."),
)
BLOCK_NAMES: tuple[tuple[str, str], ...] = (
    ("self_attn.", "attn1."),
    ("cross_attn.", "attn2."),
    ("ffn.0.", "ffn.net.0.proj."),
    ("ffn.2.", "ffn.net.2."),
    ("norm3.", "norm2."),
)
ATTENTION_NAMES: tuple[tuple[str, str], ...] = (("q.", "to_q."), ("k.", "to_k."), ("v.", "to_v."), ("o.", "to_out.0."))
RESIDUAL_NAMES: tuple[tuple[str, str], ...] = (
    ("residual.0.", "norm1."),
    ("residual.2.", "conv1."),
    ("residual.3.", "norm2."),
    ("residual.6.", "conv2."),
    ("shortcut.", "conv_shortcut."),
)
VAE_NAMES: tuple[tuple[str, str], ...] = (
    ("conv1.", "quant_conv."),
    ("conv2.", "post_quant_conv."),
    *(
        (f"{part}.{original}.", f"{part}.{theirs}.")
        for part in ("encoder", "decoder")
        for original, theirs in (
            ("conv1", "conv_in"),
            ("head.0", "norm_out"),
            ("head.2", "conv_out"),
            ("middle.0", "mid_block.resnets.0"),
            ("middle.1", "mid_block.attentions.0"),
            ("middle.2", "mid_block.resnets.1"),
        )
    ),
    *((f"encoder.downsamples.{n}.", f"encoder.down_blocks.{n}.") for n in range(11)),
    *(
        (f"decoder.upsamples.{4 * up + n}.", f"decoder.up_blocks.{up}.resnets.{n}.")
        for up in range(4)
        for n in range(3)
    ),
    *((f"decoder.upsamples.{4 * up + 3}.", f"decoder.up_blocks.{up}.upsamplers.0.") for up in range(3)),
)


def strip(key: str) -> str:
    """Without the prefixes that training frameworks add."""
    while (prefix := next((p for p in PREFIXES if key.startswith(p)), None)) is not None:
        key = key.removeprefix(prefix)
    return key


def trunk_to_diffusers(key: str) -> str:
    return _trunk(key, 0, 1)


def trunk_to_original(key: str) -> str:
    return _trunk(key, 1, 0)


def vae_to_diffusers(key: str) -> str:
    return _rename(_rename(key, VAE_NAMES, 0, 1), RESIDUAL_NAMES, 0, 1, anywhere=True)


def vae_to_original(key: str) -> str:
    if ".residual." in key:
        return key
    parts = key.split(".")
    in_block = any(part in ("resnets", "down_blocks") for part in parts)
    return _rename(_rename(key, RESIDUAL_NAMES, 1, 0, anywhere=True) if in_block else key, VAE_NAMES, 1, 0)


def _trunk(key: str, source: int, target: int) -> str:
    top = {("head.modulation", "scale_shift_table")[source]: ("head.modulation", "scale_shift_table")[target]}
    if key in top:
        return top[key]
    match = re.match(r"blocks\.\d+\.", key)
    if match is None:
        return _rename(key, TRUNK_NAMES, source, target)
    rest = key[match.end() :]
    if rest == ("modulation", "scale_shift_table")[source]:
        return match.group() + ("modulation", "scale_shift_table")[target]
    renamed = _rename(rest, BLOCK_NAMES, source, target)
    for attention in (names[target] for names in BLOCK_NAMES[:2]):
        if renamed.startswith(attention):
            renamed = attention + _rename(renamed.removeprefix(attention), ATTENTION_NAMES, source, target)
    return match.group() + renamed


def _rename(key: str, names: tuple[tuple[str, str], ...], source: int, target: int, *, anywhere: bool = False) -> str:
    for pair in names:
        if key.startswith(pair[source]):
            return pair[target] + key.removeprefix(pair[source])
        if anywhere and f".{pair[source]}" in key:
            return key.replace(f".{pair[source]}", f".{pair[target]}", 1)
    return key


def umt5_to_hugging_face(key: str) -> str:
    """models_t5_umt5-xxl-enc-bf16.pth to transformers' UMT5EncoderModel."""
    tops = {"token_embedding.weight": "shared.weight", "norm.weight": "encoder.final_layer_norm.weight"}
    if key in tops:
        return tops[key]
    number, rest = re.fullmatch(r"blocks\.(\d+)\.(.+)", key).groups()  # type: ignore[union-attr]
    parts = {
        "norm1.weight": "layer.0.layer_norm.weight",
        "norm2.weight": "layer.1.layer_norm.weight",
        "pos_embedding.embedding.weight": "layer.0.SelfAttention.relative_attention_bias.weight",
        "ffn.gate.0.weight": "layer.1.DenseReluDense.wi_0.weight",
        "ffn.fc1.weight": "layer.1.DenseReluDense.wi_1.weight",
        "ffn.fc2.weight": "layer.1.DenseReluDense.wo.weight",
        **{f"attn.{name}.weight": f"layer.0.SelfAttention.{name}.weight" for name in "qkvo"},
    }
    return f"encoder.block.{number}.{parts[rest]}"
