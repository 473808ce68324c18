"""Independent implementations to be equal to: diffusers' Wan classes on our random weights, in float32 and float64."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="the diffusion engine needs torch: pip install 'understudy[engine]'")
pytest.importorskip("diffusers", reason="parity needs diffusers: pip install 'understudy[engine-test]'")

import torch
from diffusers import AutoencoderKLWan, WanTransformer3DModel
from diffusers.loaders.single_file_utils import convert_wan_transformer_to_diffusers, convert_wan_vae_to_diffusers
from diffusers.models.normalization import AdaLayerNorm
from diffusers.models.transformers.transformer_wan import WanAttnProcessor
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from engine.diffusion.config import VaeShape
from engine.diffusion.model.vae import WanVae
from engine.diffusion.model.wan import CausalWan, sinusoid
from engine.diffusion.model.wav2vec import Wav2Vec

__all__ = ["AdaLayerNorm", "convert_wan_transformer_to_diffusers", "convert_wan_vae_to_diffusers"]


class StaysDouble(TorchFunctionMode):
    """diffusers narrows to float32 inside its norms with `.float()`; under this mode a float64 tensor stays one."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is torch.Tensor.float and args[0].dtype == torch.float64:
            return args[0]
        return func(*args, **(kwargs or {}))


class ExactSinusoid(nn.Module):
    """Upstream forms the timestep's sinusoid in float64, diffusers in float32."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, timestep: Tensor) -> Tensor:
        return sinusoid(timestep[None], self.width)[0]


def diffusers_twin(trunk: CausalWan) -> WanTransformer3DModel:
    shape, dtype = trunk.shape, trunk.patch_embedding.weight.dtype
    with StaysDouble():
        twin = WanTransformer3DModel(
            num_attention_heads=shape.heads,
            attention_head_dim=shape.head_width,
            in_channels=shape.in_channels,
            out_channels=shape.out_channels,
            text_dim=shape.text_width,
            freq_dim=shape.frequency_width,
            ffn_dim=shape.ffn_width,
            num_layers=shape.layers,
        )
    adapters = ("audio_", "casual_", "frame_packer", "trainable_", "cond_encoder")
    state = {key: value.clone() for key, value in trunk.state_dict().items() if not key.startswith(adapters)}
    twin.load_state_dict(convert_wan_transformer_to_diffusers(state), strict=True)
    twin.condition_embedder.timesteps_proj = ExactSinusoid(shape.frequency_width)
    return twin.to(dtype).eval()


def add_audio(twin: WanTransformer3DModel, trunk: CausalWan, audio_BFE: Tensor, tokens: int) -> None:
    """OmniAvatar's conditioning as hooks ahead of blocks 2 .. layers / 2."""
    for index, projection in enumerate(trunk.audio_cond_projs):
        added_BTW = projection(audio_BFE).repeat_interleave(tokens, dim=1)

        def hook(module, args, added_BTW=added_BTW):
            return (args[0] + added_BTW, *args[1:])

        twin.blocks[index + 2].register_forward_pre_hook(hook)


def forward_twin(twin: WanTransformer3DModel, x_BCFHW: Tensor, t_BF: Tensor, text_BLW: Tensor) -> Tensor:
    """The twin takes one timestep for each token."""
    tokens = x_BCFHW.shape[-1] * x_BCFHW.shape[-2] // 4
    with StaysDouble():
        return twin(x_BCFHW, t_BF.repeat_interleave(tokens, dim=1), text_BLW, return_dict=False)[0]


class MaskedProcessor(WanAttnProcessor):
    """Self-attention of the twin under an explicit mask; cross-attention as it is."""

    def __init__(self, mask_TT: Tensor) -> None:
        super().__init__()
        self.mask_TT = mask_TT

    def __call__(self, attn, hidden_states, encoder_hidden_states=None, attention_mask=None, rotary_emb=None):
        mask = self.mask_TT if encoder_hidden_states is None else None
        return super().__call__(attn, hidden_states, encoder_hidden_states, mask, rotary_emb)


def diffusers_vae(vae: WanVae, shape: VaeShape) -> AutoencoderKLWan:
    twin = AutoencoderKLWan(base_dim=shape.base, z_dim=shape.latent_channels)
    twin.load_state_dict(convert_wan_vae_to_diffusers(dict(vae.state_dict())), strict=True)
    return twin.to(next(vae.parameters()).dtype).eval()


def wav2vec_twin(encoder: Wav2Vec) -> nn.Module:
    """transformers' Wav2Vec2Model with our weights; its weight norm is given the folded weight."""
    transformers = pytest.importorskip("transformers", reason="parity needs transformers")
    shape = encoder.shape
    twin = transformers.Wav2Vec2Model(
        transformers.Wav2Vec2Config(
            hidden_size=shape.width,
            num_hidden_layers=shape.layers,
            num_attention_heads=shape.heads,
            intermediate_size=shape.ffn_width,
            conv_dim=(shape.convolution_width,) * 7,
            num_conv_pos_embeddings=shape.position_kernel,
            num_conv_pos_embedding_groups=shape.position_groups,
            feat_extract_norm="layer" if shape.layer_norm_in_convolutions else "group",
            conv_bias=shape.layer_norm_in_convolutions,
            do_stable_layer_norm=shape.norm_first,
            mask_time_prob=0.0,
        )
    )
    nn.utils.parametrize.remove_parametrizations(twin.encoder.pos_conv_embed.conv, "weight")
    twin.load_state_dict(encoder.state_dict(), strict=True)
    return twin.to(next(encoder.parameters()).dtype).eval()
