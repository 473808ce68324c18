"""What a checkpoint costs: FLOP, bytes, and the least time they take. Arithmetic only; imports no torch.

FLOP count two for a multiply-add. A floor is FLOP divided by the dense matrix speed measured on the device (790
TFLOP/s and 4.3 TB/s on one H200): no engine can be faster, a good one reaches 60% with attention and 30-50% with the
autoencoder's convolutions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from engine.diffusion.config import (
    LATENT_CHANNELS,
    MOTION_PACKS,
    AudioAdapter,
    CachePolicy,
    Checkpoint,
    SoundShape,
    TrunkShape,
    VaeShape,
)

H200_FLOPS = 790e12
H200_BYTES_PER_S = 4.3e12


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """Of one checkpoint, per latent (four frames)."""

    diffusion_flop: float  # all passes, window full
    decode_flop: float
    weight_bytes: int  # of the transformer
    beside_bytes: int  # of autoencoder, sound encoder and prompts
    cache_bytes: int
    decoder_state_bytes: int

    @property
    def bytes_needed(self) -> int:
        """Weights, caches, and a fifth more for activations and the allocator."""
        return self.bytes_needed_of(1)

    def bytes_needed_of(self, ways: int) -> int:
        """Of one device of several that share transformer and kept latents."""
        shared = self.weight_bytes + self.cache_bytes
        return int(1.2 * (shared / ways + self.beside_bytes + self.decoder_state_bytes))

    def floor_ms(self, flops_per_s: float) -> tuple[float, float]:
        """Diffusion and decoding of four frames."""
        return 1e3 * self.diffusion_flop / flops_per_s, 1e3 * self.decode_flop / flops_per_s


def cost(checkpoint: Checkpoint, *, bytes_per_weight: int = 2) -> Cost:
    return Cost(
        diffusion_flop=checkpoint.passes * pass_flop(checkpoint),
        decode_flop=tiny_decode_flop(checkpoint)
        if checkpoint.tiny_decoder
        else decode_flop(checkpoint.vae, checkpoint.latent_height, checkpoint.latent_width),
        weight_bytes=trunk_parameters(checkpoint.trunk) * bytes_per_weight,
        beside_bytes=beside_bytes(checkpoint, bytes_per_weight),
        cache_bytes=cache_bytes(checkpoint, bytes_per_weight),
        decoder_state_bytes=decoder_state_bytes(checkpoint, bytes_per_weight),
    )


def pass_flop(checkpoint: Checkpoint) -> float:
    """One run of the transformer over one latent, the window full."""
    trunk, tokens = checkpoint.trunk, checkpoint.tokens_per_latent
    weights = trunk.layers * (6 * trunk.width**2 + 2 * trunk.width * trunk.ffn_width)
    seen = checkpoint.window_latents * tokens + trunk.text_tokens + checkpoint.condition_tokens
    if trunk.audio is AudioAdapter.S2V:
        weights += len(trunk.injected_after) * 2 * trunk.width**2
    return tokens * (2.0 * weights + 4.0 * trunk.width * seen * trunk.layers)


def cache_bytes(checkpoint: Checkpoint, bytes_per_value: int = 2) -> int:
    rings = checkpoint.schedule.steps if checkpoint.cache is CachePolicy.PER_TIMESTEP else 1
    ring = checkpoint.window_latents * checkpoint.tokens_per_latent + checkpoint.condition_tokens
    tokens = 2 * rings * ring + checkpoint.condition_tokens  # keys and values; and the former unrotated
    return checkpoint.trunk.layers * tokens * checkpoint.trunk.width * bytes_per_value


def trunk_parameters(trunk: TrunkShape) -> int:
    """Of the transformer and what it hears with; but for S2V's mix of layers, a number for each."""
    width, attention = trunk.width, _attention_parameters(trunk.width)
    block = 2 * attention + 2 * width + 6 * width + 2 * width * trunk.ffn_width + trunk.ffn_width + width
    embeddings = (
        (4 * trunk.in_channels + 1) * width
        + (trunk.text_width + 1) * width
        + (width + 1) * width
        + (trunk.frequency_width + 1) * width
        + (width + 1) * width
        + (width + 1) * 6 * width
    )
    head = (width + 1) * 4 * trunk.out_channels + 2 * width
    audio = 0
    if trunk.audio_projections:
        audio = (4 * trunk.audio_width + 1) * trunk.audio_hidden + 2 * trunk.audio_hidden
        audio += trunk.audio_projections * (trunk.audio_hidden + 1) * width
    if trunk.audio is AudioAdapter.S2V:
        audio = _s2v_parameters(trunk)
    return trunk.layers * block + embeddings + head + audio


def beside_bytes(checkpoint: Checkpoint, bytes_per_weight: int = 2) -> int:
    """What a device holds beside the transformer: the autoencoder in float32, which encodes, and in the transformer's
    precision where that is less; the keys and values of two prompts to choose from and of the one in use."""
    trunk = checkpoint.trunk
    copies = max(4, bytes_per_weight) + (bytes_per_weight if bytes_per_weight < 4 else 0)
    prompts = 3 * 2 * trunk.layers * trunk.text_tokens * trunk.width * bytes_per_weight
    sound = 0 if trunk.audio is AudioAdapter.NONE else 4 * sound_parameters(checkpoint.sound)
    return vae_parameters(checkpoint.vae) * copies + sound + prompts


def vae_parameters(shape: VaeShape) -> int:
    """Of its convolutions; all else is less than a hundredth."""
    decoder = sum(inputs * outputs * taps for inputs, outputs, taps, _, _ in _decoder_convolutions(shape, 1, 1))
    top, encoder = 4 * shape.base, 27 * 3 * shape.base
    for level, (inputs, outputs) in enumerate(((1, 1), (1, 2), (2, 4), (4, 4))):
        inputs, outputs = inputs * shape.base, outputs * shape.base
        encoder += 27 * (inputs * outputs + 3 * outputs**2) + (inputs * outputs if inputs != outputs else 0)
        if level < 3:
            encoder += (9 + 3 * (level > 0)) * outputs**2
    return decoder + encoder + (4 * 27 + 4) * top**2 + 27 * top * 2 * shape.latent_channels


def sound_parameters(shape: SoundShape) -> int:
    """Of its matrices and convolutions; all else is less than a hundredth."""
    layers = shape.layers * (4 * shape.width**2 + 2 * shape.width * shape.ffn_width)
    convolutions = shape.convolution_width * (10 + 16 * shape.convolution_width + shape.width)
    return layers + convolutions + shape.width**2 // shape.position_groups * shape.position_kernel


def _attention_parameters(width: int) -> int:
    return 4 * (width * width + width) + 2 * width


def _s2v_parameters(trunk: TrunkShape) -> int:
    width, quarter = trunk.width, trunk.width // 4
    sizes = ((trunk.audio_width, width), (trunk.audio_width, quarter), (quarter, 2 * quarter), (2 * quarter, width))
    encoder = sum(3 * inputs * outputs + outputs for inputs, outputs in sizes) + (width + 1) * width + width
    injector = _attention_parameters(width) + (width + 1) * 2 * width
    packer = sum(LATENT_CHANNELS * math.prod(kernel) * width + width for _, _, kernel in MOTION_PACKS)
    pose = (4 * LATENT_CHANNELS + 1) * width
    return encoder + len(trunk.injected_after) * injector + packer + 3 * width + pose


def _decoder_convolutions(shape: VaeShape, height: int, width: int) -> list[tuple[int, int, int, int, int]]:
    """(inputs, outputs, taps, output pixels of all frames, pixels kept): of one steady latent, in order."""
    frames, convolutions = 1, []

    def add(inputs: int, outputs: int, taps: int, kept: int, pixels: int) -> None:
        convolutions.append((inputs, outputs, taps, frames * pixels, (kept + frames) * pixels if kept else 0))

    def residual(inputs: int, outputs: int, pixels: int) -> None:
        add(inputs, outputs, 27, 2, pixels)
        add(outputs, outputs, 27, 2, pixels)
        if inputs != outputs:
            add(inputs, outputs, 1, 0, pixels)

    pixels, top = height * width, 4 * shape.base
    add(shape.latent_channels, top, 27, 2, pixels)
    residual(top, top, pixels)
    add(top, 4 * top, 1, 0, pixels)  # q, k, v and projection of the frame attention
    residual(top, top, pixels)
    for level, (inputs, outputs) in enumerate(((4, 4), (2, 4), (2, 2), (1, 1))):
        inputs, outputs = inputs * shape.base, outputs * shape.base
        residual(inputs, outputs, pixels)
        residual(outputs, outputs, pixels)
        residual(outputs, outputs, pixels)
        if level < 2:
            add(outputs, 2 * outputs, 3, 2, pixels)
            frames *= 2
        if level < 3:
            pixels *= 4
            add(outputs, outputs // 2, 9, 0, pixels)
    add(shape.base, 3, 27, 2, pixels)
    return convolutions


def decode_flop(shape: VaeShape, height: int, width: int) -> float:
    """Decoding one latent of this many latent pixels in steady state."""
    layers = _decoder_convolutions(shape, height, width)
    attention = 4.0 * (4 * shape.base) * (height * width) ** 2
    return attention + sum(2.0 * inputs * outputs * taps * pixels for inputs, outputs, taps, pixels, _ in layers)


def tiny_decode_flop(checkpoint: Checkpoint) -> float:
    """The tiny decoder, one latent: at each level three blocks of three convolutions, a growth, a convolution."""
    pixels, frames = checkpoint.latent_height * checkpoint.latent_width, 1
    work = 9 * LATENT_CHANNELS * 256 * pixels
    for width, after, times in ((256, 128, 1), (128, 64, 2), (64, 64, 2)):
        work += 3 * 9 * 4 * width * width * frames * pixels
        pixels *= 4
        work += times * width * width * frames * pixels
        frames *= times
        work += 9 * width * after * frames * pixels
    return 2.0 * (work + 9 * 64 * 3 * frames * pixels)


def decoder_state_bytes(checkpoint: Checkpoint, bytes_per_value: int = 2) -> int:
    """What one stream's convolutions keep, with the room for the frames of one latent."""
    if checkpoint.tiny_decoder:
        pixels = checkpoint.latent_height * checkpoint.latent_width
        levels = ((256, 1, pixels), (128, 1, 4 * pixels), (64, 2, 16 * pixels))
        return sum(3 * width * (1 + frames) * size for width, frames, size in levels) * bytes_per_value
    layers = _decoder_convolutions(checkpoint.vae, checkpoint.latent_height, checkpoint.latent_width)
    return sum(inputs * kept * bytes_per_value for inputs, _, _, _, kept in layers)


def budget_ms(checkpoint: Checkpoint) -> float:
    """What four frames may take at the checkpoint's rate."""
    return 4e3 / checkpoint.fps
