"""What a checkpoint is, as data: shapes, size, rate, block, schedule, cache and position policy, licence.

Plain dataclasses and tables; knows no tensor and imports no torch. Everything the rest of the package does follows
from a `Checkpoint`; nothing is fixed by a constant. Units: one *latent* is one latent frame, four pixel frames (the
first latent of a stream is one pixel frame, the reference image). A *token* is a 2x2 patch of a latent, 16x16 pixels.

Sources of the shapes: Wan-Video/Wan2.1 (wan/modules/model.py, vae.py), GAIR-NLP/LiveTalk and Omni-Avatar/OmniAvatar
(audio modules), Wan-Video/Wan2.2 (wan/modules/s2v), Alibaba-Quark/LiveAvatar, thu-ml/Causal-Forcing.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from engine.api import BadFormat, VideoFormat

PIXELS_PER_LATENT = 8  # each way, of the Wan 2.1 autoencoder
PATCH = 2  # latent pixels per token, each way
FRAMES_PER_LATENT = 4
LATENT_CHANNELS = 16
# Wan2.2-S2V packs the motion so far, the newest latents least: how many latents, and the kernel that packs them
MOTION_PACKS = (("proj", 1, (1, 2, 2)), ("proj_2x", 2, (2, 4, 4)), ("proj_4x", 16, (4, 8, 8)))
MOTION_LATENTS = sum(latents for _, latents, _ in MOTION_PACKS)
SMALLEST_PACKED_PX = PIXELS_PER_LATENT * 8


class CachePolicy(StrEnum):
    """Which keys and values later blocks see of an earlier one."""

    CLEAN = "clean"  # those of one extra pass at t = 0 over the finished latents (Self-Forcing, LiveTalk)
    PER_TIMESTEP = "per_timestep"  # those of the same denoising step: one ring for each step (LiveAvatar)


class PositionPolicy(StrEnum):
    """Which temporal position a kept latent has in the rotary embedding."""

    ABSOLUTE = "absolute"  # its index in the stream, for ever; keys are kept rotated
    EXTENDED = "extended"  # its index, but the sink follows at a bounded distance; keys are kept unrotated
    RELATIVE = "relative"  # its rank in the window, 0 .. window - 1; keys are kept unrotated
    RESET = "reset"  # its index since the last rebuild; at the limit the ring is rebuilt from the last latents


class SamplerKind(StrEnum):
    """How a step goes from one noise level to the next."""

    RENOISE = "renoise"  # predict the clean latent, then add fresh noise of the next level (DMD, Self-Forcing)
    EULER = "euler"  # follow the velocity (LiveAvatar)


class AudioAdapter(StrEnum):
    """How sound enters the transformer."""

    NONE = "none"
    PACK = "pack"  # OmniAvatar: four frames packed to one vector, added ahead of half the blocks
    S2V = "s2v"  # Wan2.2-S2V: cross-attention and adaptive norm after twelve blocks


@dataclass(frozen=True, kw_only=True, slots=True)
class TrunkShape:
    """The transformer. Defaults are those of the 1.3B model with OmniAvatar's audio modules."""

    width: int = 1536
    heads: int = 12
    layers: int = 30
    ffn_width: int = 8960
    in_channels: int = 33  # 16 noisy, 16 reference, 1 mask
    out_channels: int = LATENT_CHANNELS
    text_width: int = 4096
    text_tokens: int = 512
    frequency_width: int = 256
    eps: float = 1e-6
    audio: AudioAdapter = AudioAdapter.PACK
    audio_width: int = 10752  # of one video frame: 14 layers x 768
    audio_hidden: int = 32
    injected_after: tuple[int, ...] = ()  # S2V: the blocks an injector follows

    def __post_init__(self) -> None:
        if self.width % self.heads or (self.width // self.heads) % 2:
            raise ValueError(f"width {self.width} is no even multiple of {self.heads} heads")

    @property
    def head_width(self) -> int:
        return self.width // self.heads

    @property
    def audio_projections(self) -> int:
        """Audio is added ahead of blocks 2 .. layers / 2, so there is one projection for each of those."""
        return self.layers // 2 - 1 if self.audio is AudioAdapter.PACK else 0

    @property
    def reference_in_channels(self) -> bool:
        """Whether reference latent and mask come in as channels beside the noisy latent."""
        return self.in_channels == 2 * LATENT_CHANNELS + 1


@dataclass(frozen=True, kw_only=True, slots=True)
class VaeShape:
    """The Wan 2.1 autoencoder: `base` channels times 1, 2, 4, 4."""

    base: int = 96
    latent_channels: int = LATENT_CHANNELS


@dataclass(frozen=True, kw_only=True, slots=True)
class SoundShape:
    """The wav2vec2 encoder and the window it is run over as sound arrives."""

    width: int = 768
    heads: int = 12
    layers: int = 12
    ffn_width: int = 3072
    convolution_width: int = 512
    position_kernel: int = 128
    position_groups: int = 16
    layer_norm_in_convolutions: bool = False  # True: wav2vec2-large-xlsr ("layer"), False: base ("group")
    norm_first: bool = False  # True: wav2vec2-large-xlsr (stable layer norm)
    window_s: float = 5.0
    look_ahead_latents: int = 1

    def __post_init__(self) -> None:
        if not self.window_s > 0 or self.look_ahead_latents < 0:
            raise ValueError("a window of sound has a length, and none looks back ahead")


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """Noise levels. `shift` warps s to shift * s / (1 + (shift - 1) * s)."""

    kind: SamplerKind = SamplerKind.RENOISE
    steps: int = 4
    shift: float = 5.0
    round_timesteps: bool = True  # the released model was run with timesteps rounded to bfloat16

    def __post_init__(self) -> None:
        if self.steps < 1 or not self.shift > 0:
            raise ValueError("a schedule has at least one step and a shift above 0")


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """Everything a set of weights asks of the engine that runs it."""

    name: str
    trunk: TrunkShape
    vae: VaeShape = field(default_factory=VaeShape)
    sound: SoundShape = field(default_factory=SoundShape)
    width_px: int = 512
    height_px: int = 512
    fps: int = 16
    block_latents: int = 3
    window_latents: int = 15  # the block being made included
    sink_latents: int = 9
    schedule: Schedule = field(default_factory=Schedule)
    cache: CachePolicy = CachePolicy.CLEAN
    positions: PositionPolicy = PositionPolicy.ABSOLUTE
    position_limit: int = 1024  # RESET rebuilds here; the others only report it as the range of the tables upstream
    sink_distance_latents: int = 21  # EXTENDED: the sink is never further behind the newest latent than this
    half_angles: bool = False  # round rotary cos and sin to float16, as LiveAvatar's own code does
    tiny_decoder: bool = False  # decode with taew2_1: softer, and far cheaper
    reference_ahead_latents: int = 30  # S2V: where the reference's tokens stand, seen from a block's first latent
    adopt_reference_after: int = 0  # S2V: from this latent on the first latent made stands for the still; 0 never
    drift_correction: float = 0.0  # 0 watches only; up to 1: see `drift`
    prompt: str = "A person looks into the camera and talks."
    listening_prompt: str | None = None
    distilled: bool = True  # False: runs, but few steps will not look like anything
    licence: str = ""

    def __post_init__(self) -> None:
        grid = PIXELS_PER_LATENT * PATCH
        if self.width_px % grid or self.height_px % grid or min(self.width_px, self.height_px) <= 0:
            raise BadFormat(f"{self.name}: width and height must be multiples of {grid}")
        VideoFormat(width=self.width_px, height=self.height_px, fps=self.fps)  # raises for a rate no stream can have
        if not 0 < self.block_latents <= self.window_latents - self.sink_latents:
            raise ValueError(f"{self.name}: a block of {self.block_latents} does not fit beside the sink")
        if self.trunk.audio is AudioAdapter.S2V and min(self.width_px, self.height_px) < SMALLEST_PACKED_PX:
            raise BadFormat(f"{self.name}: packed motion needs {SMALLEST_PACKED_PX} pixels each way")
        counts = (self.sink_latents, self.adopt_reference_after, self.sink_distance_latents, self.position_limit)
        if min(counts) < 0:
            raise ValueError(f"{self.name}: no count of latents can be negative")
        if not 0 <= self.drift_correction <= 1:
            raise ValueError(f"{self.name}: drift_correction is a share, from 0 to 1")
        if self.positions is PositionPolicy.RESET and self.position_limit < self.window_latents + self.block_latents:
            raise ValueError(f"{self.name}: position_limit must leave room for the window and a block")

    @property
    def latent_height(self) -> int:
        return self.height_px // PIXELS_PER_LATENT

    @property
    def latent_width(self) -> int:
        return self.width_px // PIXELS_PER_LATENT

    @property
    def tokens_per_latent(self) -> int:
        return self.latent_height * self.latent_width // PATCH**2

    @property
    def begins_with_reference(self) -> bool:
        """Whether latent 0 of the stream is the still itself; S2V sees the still beside the stream instead."""
        return self.trunk.audio is not AudioAdapter.S2V

    @property
    def condition_tokens(self) -> int:
        """Tokens beside the stream that every block sees: S2V's reference and packed motion, about 2.5 latents."""
        if self.begins_with_reference:
            return 0
        height, width = self.latent_height, self.latent_width
        packed = sum(n // t * (height // h) * (width // w) for _, n, (t, h, w) in MOTION_PACKS)
        return self.tokens_per_latent + packed

    @property
    def passes(self) -> int:
        """Runs of the transformer for one block."""
        return self.schedule.steps + (self.cache is CachePolicy.CLEAN)


TRUNK_1_3B = TrunkShape()
TRUNK_14B = TrunkShape(width=5120, heads=40, layers=40, ffn_width=13824)
TRUNK_S2V = replace(
    TRUNK_14B,
    in_channels=LATENT_CHANNELS,
    audio=AudioAdapter.S2V,
    audio_width=1024,
    injected_after=(0, 4, 8, 12, 16, 20, 24, 27, 30, 33, 36, 39),
)
TRUNK_CAUSAL_FORCING = replace(TRUNK_1_3B, in_channels=LATENT_CHANNELS, audio=AudioAdapter.NONE)
TRUNK_TINY = TrunkShape(
    width=48, heads=2, layers=4, ffn_width=96, text_width=32, text_tokens=8, frequency_width=32, audio_width=5 * 32
)
TRUNK_TINY_S2V = replace(
    TRUNK_TINY, in_channels=LATENT_CHANNELS, audio=AudioAdapter.S2V, audio_width=32, injected_after=(0, 2)
)
SOUND_XLSR = SoundShape(
    width=1024, heads=16, layers=24, ffn_width=4096, layer_norm_in_convolutions=True, norm_first=True
)
SOUND_TINY = SoundShape(
    width=32,
    heads=2,
    layers=3,
    ffn_width=64,
    convolution_width=16,
    position_kernel=16,
    position_groups=4,
    window_s=1.0,
)
VAE_TINY = VaeShape(base=4)

LIVETALK_LICENCE = (
    "LiveTalk: its README says Apache-2.0, its LICENSE.md says CC BY-NC-SA 4.0. Settle this before commercial use."
)
OMNIAVATAR_LICENCE = "OmniAvatar: Apache-2.0, on Wan2.1 (Apache-2.0)."
AVATARFORCING_LICENCE = "AvatarForcing: README says Apache-2.0, LICENSE.txt allows academic use only."
S2V_LICENCE = "Wan2.2-S2V: Apache-2.0."
LIVEAVATAR_LICENCE = "LiveAvatar and Wan2.2-S2V: Apache-2.0."
CAUSAL_FORCING_LICENCE = "Causal-Forcing: Apache-2.0, on Wan2.1 (Apache-2.0)."
RANDOM_LICENCE = "Random weights: the picture is noise."

_S2V: dict[str, Any] = {
    "trunk": TRUNK_S2V,
    "sound": SOUND_XLSR,
    "width_px": 704,
    "height_px": 384,
    "fps": 25,
    "window_latents": 12,
    "sink_latents": 0,
    "schedule": Schedule(kind=SamplerKind.EULER, shift=3.0, round_timesteps=False),
    "cache": CachePolicy.PER_TIMESTEP,
    "position_limit": 45_000,
}

_FRAMEWISE = Checkpoint(
    name="tiny",
    trunk=TRUNK_TINY,
    vae=VAE_TINY,
    sound=SOUND_TINY,
    width_px=48,
    height_px=32,
    fps=24,
    block_latents=1,
    window_latents=4,
    sink_latents=1,
    schedule=Schedule(steps=2),
    listening_prompt="A person listens attentively, lips closed.",
    licence=RANDOM_LICENCE,
)

PRESETS: dict[str, Checkpoint] = {
    checkpoint.name: checkpoint
    for checkpoint in (
        Checkpoint(name="livetalk-1.3b", trunk=TRUNK_1_3B, licence=LIVETALK_LICENCE),
        Checkpoint(
            name="omniavatar-1.3b",
            trunk=TRUNK_1_3B,
            width_px=832,
            height_px=480,
            fps=25,
            distilled=False,
            licence=OMNIAVATAR_LICENCE,
        ),
        Checkpoint(
            name="omniavatar-14b",
            trunk=TRUNK_14B,
            width_px=832,
            height_px=480,
            fps=25,
            distilled=False,
            licence=OMNIAVATAR_LICENCE,
        ),
        Checkpoint(name="s2v-14b", **_S2V, distilled=False, licence=S2V_LICENCE),
        Checkpoint(name="liveavatar-14b", **_S2V, adopt_reference_after=12, licence=LIVEAVATAR_LICENCE),
        Checkpoint(
            name="causal-forcing-1.3b",
            trunk=TRUNK_CAUSAL_FORCING,
            width_px=832,
            height_px=480,
            block_latents=1,
            window_latents=21,
            sink_latents=1,
            licence=CAUSAL_FORCING_LICENCE,
        ),
        Checkpoint(
            name="char-1.3b-720p",
            trunk=TRUNK_1_3B,
            width_px=1280,
            height_px=720,
            fps=24,
            block_latents=1,
            window_latents=6,
            sink_latents=1,
            schedule=Schedule(steps=2),
            positions=PositionPolicy.RELATIVE,
            licence=RANDOM_LICENCE,
        ),
        Checkpoint(
            name="char-14b-720p",
            trunk=TRUNK_14B,
            width_px=1280,
            height_px=720,
            fps=24,
            block_latents=1,
            window_latents=5,
            sink_latents=1,
            schedule=Schedule(steps=2),
            cache=CachePolicy.PER_TIMESTEP,
            positions=PositionPolicy.RELATIVE,
            licence=RANDOM_LICENCE,
        ),
        _FRAMEWISE,
        replace(_FRAMEWISE, name="tiny-3", block_latents=3, window_latents=7, schedule=Schedule(steps=4)),
        Checkpoint(
            **_S2V | {"trunk": TRUNK_TINY_S2V, "sound": SOUND_TINY, "width_px": 64, "height_px": 64},
            name="tiny-s2v",
            vae=VAE_TINY,
            adopt_reference_after=12,
            licence=RANDOM_LICENCE,
        ),
    )
}
