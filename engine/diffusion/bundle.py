"""The weights a session runs on, together: transformer, autoencoder, sound encoder, prompts. Shared, never written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from engine.diffusion.config import AudioAdapter, Checkpoint, TrunkShape
from engine.diffusion.model.s2v import S2vWan
from engine.diffusion.model.taehv import TinyDecoder
from engine.diffusion.model.vae import WanVae
from engine.diffusion.model.wan import CausalWan, TextMemory
from engine.diffusion.model.wav2vec import Wav2Vec


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """Everything on one device. The autoencoder decodes in its own precision and encodes in float32 (`encoder_vae`)."""

    checkpoint: Checkpoint
    trunk: CausalWan
    vae: WanVae
    encoder_vae: WanVae  # float32 or better: the same object where `vae` already is
    sound: Wav2Vec | None
    tiny: TinyDecoder | None = None  # decodes instead of `vae` where the checkpoint asks for it
    speaking: TextMemory
    listening: TextMemory  # the same as `speaking` where the checkpoint has no listening prompt

    @property
    def decoder(self) -> WanVae | TinyDecoder:
        return self.tiny or self.vae

    @property
    def device(self) -> torch.device:
        return self.trunk.patch_embedding.weight.device


def make_trunk(shape: TrunkShape, sound_layers: int) -> CausalWan:
    """The module of this family; `sound_layers` outputs of the sound encoder are mixed by S2V."""
    return S2vWan(shape, sound_layers) if shape.audio is AudioAdapter.S2V else CausalWan(shape)


def random_bundle(
    checkpoint: Checkpoint,
    *,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
    change: Callable[[CausalWan], CausalWan] | None = None,
) -> Bundle:
    """Seeded random weights at any shape: for tests, benchmarks and `diffusion-tiny`. The picture is noise. `change`
    is done to the transformer before anything is worked out with it."""
    device = torch.device(device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        with device:  # large shapes are drawn where they live
            if device.type == "cuda":
                torch.cuda.manual_seed(seed)
            trunk = make_trunk(checkpoint.trunk, checkpoint.sound.layers + 1).to(dtype)
            encoder_vae = WanVae(checkpoint.vae)
            sound = None if checkpoint.trunk.audio is AudioAdapter.NONE else Wav2Vec(checkpoint.sound)
            shape = checkpoint.trunk
            tiny = TinyDecoder() if checkpoint.tiny_decoder else None
            prompts_PBLW = torch.randn(2, 1, shape.text_tokens, shape.text_width, dtype=dtype)
    trunk = change(trunk) if change else trunk
    speaking, listening = prompts_PBLW[0], prompts_PBLW[1] if checkpoint.listening_prompt else None
    return make_bundle(checkpoint, trunk, encoder_vae, sound, speaking, listening, device=device, tiny=tiny)


def make_bundle(
    checkpoint: Checkpoint,
    trunk: CausalWan,
    encoder_vae: WanVae,
    sound: Wav2Vec | None,
    speaking_BLW: torch.Tensor,
    listening_BLW: torch.Tensor | None,
    *,
    device: torch.device,
    tiny: TinyDecoder | None = None,
) -> Bundle:
    """Put the parts on the device, without gradients, and work out the prompts' keys and values once."""
    trunk = trunk.to(device).eval().requires_grad_(False)
    dtype = trunk.patch_embedding.weight.dtype
    encoder_vae = encoder_vae.to(device).eval().requires_grad_(False)
    vae = encoder_vae
    if dtype in (torch.bfloat16, torch.float16):
        vae = WanVae(checkpoint.vae).to(device, dtype).eval().requires_grad_(False)
        vae.load_state_dict(encoder_vae.state_dict())
    if device.type == "cuda":
        vae.channels_last()
    with torch.inference_mode():
        speaking = trunk.text_memory(speaking_BLW.to(device, dtype))
        listening = speaking if listening_BLW is None else trunk.text_memory(listening_BLW.to(device, dtype))
    return Bundle(
        checkpoint=checkpoint,
        trunk=trunk,
        vae=vae,
        encoder_vae=encoder_vae,
        sound=None if sound is None else sound.to(device).eval().requires_grad_(False),
        tiny=None if tiny is None else tiny.to(device, dtype).eval().requires_grad_(False),
        speaking=speaking,
        listening=listening,
    )
