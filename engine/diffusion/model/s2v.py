"""Wan2.2-S2V's transformer: the Wan trunk with sound as cross-attention after twelve blocks; single-device.

Each latent has five local sound tokens and one global one. After a block of `injected_after` the tokens of a latent
pass an adaptive norm driven by its global token and then attend to its local tokens; the result is added. The still is
seen as tokens beside the stream (`condition`): the reference latent and 19 latents of motion, packed the more the older
they are. Names are the original ones ("casual" is upstream's spelling). Sources: Wan-Video/Wan2.2 (wan/modules/s2v),
Alibaba-Quark/LiveAvatar (causal_model_s2v.py), diffusers' AdaLayerNorm.
"""

# B batch · L layers of the sound encoder · A its width · T frames · F latents · N tokens of one latent · W width
# K local sound tokens of a latent · H heads · T tokens

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.diffusion.config import FRAMES_PER_LATENT, LATENT_CHANNELS, MOTION_PACKS, TrunkShape
from engine.diffusion.model.attention import attention
from engine.diffusion.model.wan import Attention, Audio, CausalWan, Memory, TextMemory

SOUND_HEADS = 4
LOCAL_TOKENS = SOUND_HEADS + 1  # padding last
PREFIX_FRAMES = 73  # the first frame of a block stands for all sound before it
ENCODER_EPS = 1e-6
ADAPTIVE_EPS = 1e-5
NOISY, REFERENCE, MOTION = range(3)  # rows of trainable_cond_mask


class CausalConv1d(nn.Module):
    """Kernel 3; the first frame is repeated to the left."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv1d(inputs, outputs, 3, stride)

    def forward(self, x_BTA: Tensor) -> Tensor:
        return self.conv(F.pad(x_BTA.mT, (2, 0), mode="replicate")).mT


class SoundEncoder(nn.Module):
    """Frames to latents: the rate is halved twice. The local branch is four heads that share the later layers."""

    def __init__(self, shape: TrunkShape) -> None:
        super().__init__()
        width = shape.width
        self.conv1_local = CausalConv1d(shape.audio_width, width)
        self.conv1_global = CausalConv1d(shape.audio_width, width // SOUND_HEADS)
        self.conv2 = CausalConv1d(width // 4, width // 2, 2)
        self.conv3 = CausalConv1d(width // 2, width, 2)
        self.final_linear = nn.Linear(width, width)
        self.padding_tokens = nn.Parameter(torch.zeros(1, 1, 1, width))

    def forward(self, x_BTA: Tensor) -> tuple[Tensor, Tensor]:
        """Local (B, F, K, W) and global (B, F, W)."""
        local_BHTA = self.conv1_local(x_BTA).unflatten(-1, (SOUND_HEADS, -1)).transpose(1, 2)
        local_BFHW = self._later(local_BHTA.flatten(0, 1)).unflatten(0, (-1, SOUND_HEADS)).transpose(1, 2)
        padding = self.padding_tokens.expand(local_BFHW.shape[0], local_BFHW.shape[1], -1, -1)
        return torch.cat((local_BFHW, padding), dim=2), self.final_linear(self._later(self.conv1_global(x_BTA)))

    def _later(self, x: Tensor) -> Tensor:
        return _normed(self.conv3(_normed(self.conv2(_normed(x)))))


def _normed(x: Tensor) -> Tensor:
    return F.silu(F.layer_norm(x, x.shape[-1:], eps=ENCODER_EPS))


class CausalAudioEncoder(nn.Module):
    """A learned mix of all layers of wav2vec, then the encoder."""

    def __init__(self, shape: TrunkShape, layers: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.full((1, layers, 1, 1), 0.01))
        self.encoder = SoundEncoder(shape)

    def forward(self, states_BLAT: Tensor) -> tuple[Tensor, Tensor]:
        """All layers at the video's rate, the frames of one block of latents; its past is its first frame repeated."""
        exact = states_BLAT if states_BLAT.dtype == torch.float64 else states_BLAT.float()
        share = F.silu(self.weights.to(exact.dtype))
        mixed_BTA = ((exact * share).sum(1) / share.sum(1)).mT.to(states_BLAT.dtype)
        past = mixed_BTA[:, :1].expand(-1, PREFIX_FRAMES, -1)
        local_BFKW, global_BFW = self.encoder(torch.cat((past, mixed_BTA), dim=1))
        latents = mixed_BTA.shape[1] // FRAMES_PER_LATENT
        return local_BFKW[:, -latents:], global_BFW[:, -latents:]


class AdaptiveNorm(nn.Module):
    """The global sound token shifts and scales (in this order) a latent's normed tokens."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, 2 * width)

    def forward(self, x_BFNW: Tensor, global_BFW: Tensor) -> Tensor:
        shift, scale = self.linear(F.silu(global_BFW))[:, :, None].chunk(2, dim=-1)
        return F.layer_norm(x_BFNW, x_BFNW.shape[-1:], eps=ADAPTIVE_EPS) * (1 + scale) + shift


class S2vWan(CausalWan):
    """`audio` of `forward` is (local, global) from `casual_audio_encoder`."""

    def __init__(self, shape: TrunkShape, sound_layers: int = 25) -> None:
        super().__init__(shape)
        self.casual_audio_encoder = CausalAudioEncoder(shape, sound_layers)
        count = len(shape.injected_after)
        self.audio_injector = nn.ModuleDict(
            {
                "injector": nn.ModuleList(Attention(shape) for _ in range(count)),
                "injector_adain_layers": nn.ModuleList(AdaptiveNorm(shape.width) for _ in range(count)),
            }
        )
        self.frame_packer = nn.ModuleDict(
            {name: nn.Conv3d(LATENT_CHANNELS, shape.width, kernel, stride=kernel) for name, _, kernel in MOTION_PACKS}
        )
        self.trainable_cond_mask = nn.Embedding(3, shape.width)
        self.cond_encoder = nn.Conv3d(LATENT_CHANNELS, shape.width, (1, 2, 2), stride=(1, 2, 2))

    def embed(self, x_BCFHW: Tensor) -> Tensor:
        """The pose encoder's bias is added also where there is no pose."""
        assert self.cond_encoder.bias is not None
        return super().embed(x_BCFHW) + self.cond_encoder.bias + self.trainable_cond_mask.weight[NOISY]

    def hear(self, features: Tensor) -> Audio:
        """(B, L, A, T): every layer of the sound encoder at the frames of one block."""
        return self.casual_audio_encoder(features)

    def condition(self, reference_BCHW: Tensor, motion_BCFHW: Tensor, text: TextMemory, memory: Memory) -> None:
        """Pass the still's tokens at t = 0; what they leave is what `memory` keeps. They hear nothing, and the pose's
        bias is not theirs."""
        x_BFNW = torch.cat((self.reference(reference_BCHW), self.packed(motion_BCFHW)), dim=1)[:, None]
        _, time_BFJW = self.times(x_BFNW.new_zeros(x_BFNW.shape[0], 1), x_BFNW.dtype)
        for layer, block in enumerate(self.blocks):
            x_BFNW = block(x_BFNW, time_BFJW, text[layer], memory)

    def reference(self, reference_BCHW: Tensor) -> Tensor:
        return super().embed(reference_BCHW[:, :, None])[:, 0] + self.trainable_cond_mask.weight[REFERENCE]

    def packed(self, motion_BCFHW: Tensor) -> Tensor:
        """(B, T, W): the newest latent first, as patches; two before it at half, sixteen before those at a quarter."""
        parts, end = [], motion_BCFHW.shape[2]
        for name, latents, _ in MOTION_PACKS:
            parts.append(self.frame_packer[name](motion_BCFHW[:, :, end - latents : end]).flatten(2).mT)
            end -= latents
        return torch.cat(parts, dim=1) + self.trainable_cond_mask.weight[MOTION]

    def after_block(self, layer: int, x_BFNW: Tensor, audio: Audio) -> Tensor:
        if layer not in self.shape.injected_after or not isinstance(audio, tuple):
            return x_BFNW
        local_BFKW, global_BFW = audio
        number = self.shape.injected_after.index(layer)
        injector = self.audio_injector["injector"][number]  # type: ignore[index]
        normed_BFNW = self.audio_injector["injector_adain_layers"][number](x_BFNW, global_BFW)  # type: ignore[index]
        keys, values = injector.keys_values(local_BFKW.flatten(0, 1))
        found = injector.output(attention(injector.queries(normed_BFNW.flatten(0, 1)), keys, values))
        return x_BFNW + found.view_as(x_BFNW)
