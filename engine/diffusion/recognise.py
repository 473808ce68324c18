"""Which checkpoint a folder holds: from the shapes of its tensors, its names where shapes are alike, its settings."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from engine.diffusion import settings
from engine.diffusion.config import (
    AVATARFORCING_LICENCE,
    FRAMES_PER_LATENT,
    PRESETS,
    RANDOM_LICENCE,
    SOUND_XLSR,
    AudioAdapter,
    Checkpoint,
    SoundShape,
    TrunkShape,
    VaeShape,
)
from engine.diffusion.errors import BadCheckpoint

if TYPE_CHECKING:
    from engine.diffusion.weights import Part

HEAD_WIDTH = 128  # of every published Wan model; shapes alone do not tell
COME_AS_LORA = ("omniavatar", "liveavatar")
NOT_SERVED = {  # as its name is without dashes: why
    "avatarforcing": "AvatarForcing makes four blocks at once at four noise levels, which this engine does not. "
    + AVATARFORCING_LICENCE,
}


def recognise(directory: Path, trunk: Part, vae: Part, sound: Part | None, lora: bool) -> Checkpoint:
    """The preset with these shapes, or the one the folder's configuration names, with its changes."""
    name, wanted = settings.read(directory)
    shape = trunk_shape(trunk.shapes, PRESETS[name].trunk.head_width if name else HEAD_WIDTH)
    if name is None:
        hint = " ".join(str(path).lower() for path in (directory.absolute(), *trunk.files))
        refuse_what_is_not_served(hint)
        name = most_likely(shape, hint, lora)
    if name is None:
        raise BadCheckpoint(f"{directory}: no known family has a transformer of this shape: {shape}")
    if (named := PRESETS[name].trunk.audio) is not shape.audio:
        raise BadCheckpoint(f"{settings.NAME}: {name} hears by {named}, these weights by {shape.audio}")
    try:
        vae_shape = VaeShape(base=vae.shapes["decoder.head.0.gamma"][0])
    except IndexError as error:
        raise BadCheckpoint("the autoencoder's file is foreign: its last norm has no width") from error
    checkpoint = replace(PRESETS[name], trunk=shape, vae=vae_shape)
    if sound is not None:
        checkpoint = replace(checkpoint, sound=sound_shape(sound.shapes, checkpoint.sound))
        _require_hearing(checkpoint, trunk)
    return settings.applied(checkpoint, wanted)


def most_likely(shape: TrunkShape, hint: str, lora: bool) -> str | None:
    """Of the published presets with this transformer: one that is a LoRA where there is one, then one named as a word
    of the folder's or its files' names. Shapes without public weights are nobody's guess."""
    words = re.findall("[a-z0-9]+", hint)

    def likelihood(preset: Checkpoint) -> tuple[bool, bool]:
        named = any(word.startswith(preset.name.split("-")[0]) for word in words)
        return lora and preset.name.startswith(COME_AS_LORA), named

    alike = [preset for preset in PRESETS.values() if preset.trunk == shape and preset.licence != RANDOM_LICENCE]
    return max(alike, key=likelihood).name if alike else None


def refuse_what_is_not_served(hint: str) -> None:
    """Weights whose shapes are those of a family that is served, and whose way to run is another."""
    together = re.sub("[-_ .]", "", hint)
    for name, reason in NOT_SERVED.items():
        if name in together:
            raise BadCheckpoint(f'{reason} Say {{"preset": ...}} in {settings.NAME} if these are other weights.')


def _require_hearing(checkpoint: Checkpoint, trunk: Part) -> None:
    """The sound encoder must give what the transformer takes."""
    sound, shape = checkpoint.sound, checkpoint.trunk
    given = {
        AudioAdapter.NONE: (shape.audio_width, 0),
        AudioAdapter.PACK: ((sound.layers + 2) * sound.width, 0),
        AudioAdapter.S2V: (sound.width, sound.layers + 1),
    }
    mixed = trunk.shapes["casual_audio_encoder.weights"][1] if shape.audio is AudioAdapter.S2V else 0
    if given[shape.audio] != (shape.audio_width, mixed):
        raise BadCheckpoint(
            f"this sound encoder ({sound.layers} layers of {sound.width}) is not the one {checkpoint.name} was made for"
        )


def trunk_shape(shapes: dict[str, tuple[int, ...]], head_width: int) -> TrunkShape:
    """Read off the tensors. Raises BadCheckpoint when one that tells is missing."""
    try:
        width, in_channels = shapes["patch_embedding.weight"][:2]
        pack = "audio_proj.proj.weight" in shapes
        s2v = "casual_audio_encoder.weights" in shapes
        audio = AudioAdapter.S2V if s2v else AudioAdapter.PACK if pack else AudioAdapter.NONE
        known = next((p.trunk for p in PRESETS.values() if p.trunk.audio is audio and p.trunk.width == width), None)
        base = known or TrunkShape(width=width, heads=width // head_width, audio=audio)
        return replace(
            base,
            heads=width // head_width,
            layers=1 + max(int(m.group(1)) for key in shapes if (m := re.match(r"blocks\.(\d+)\.", key))),
            ffn_width=shapes["blocks.0.ffn.0.weight"][0],
            in_channels=in_channels,
            out_channels=shapes["head.head.weight"][0] // 4,
            text_width=shapes["text_embedding.0.weight"][1],
            frequency_width=shapes["time_embedding.0.weight"][1],
            audio_width=_audio_width(shapes, base),
            audio_hidden=shapes["audio_proj.proj.weight"][0] if pack else base.audio_hidden,
        )
    except (KeyError, IndexError, ValueError, ZeroDivisionError) as error:
        raise BadCheckpoint(f"the transformer's file is incomplete or foreign: {error}") from error


def _audio_width(shapes: dict[str, tuple[int, ...]], base: TrunkShape) -> int:
    match base.audio:
        case AudioAdapter.PACK:
            return shapes["audio_proj.proj.weight"][1] // FRAMES_PER_LATENT
        case AudioAdapter.S2V:
            return shapes["casual_audio_encoder.encoder.conv1_local.conv.weight"][1]
        case AudioAdapter.NONE:
            return base.audio_width


def sound_shape(shapes: dict[str, tuple[int, ...]], base: SoundShape) -> SoundShape:
    """Read off the tensors. Raises BadCheckpoint when one that tells is missing."""
    try:
        width, convolution_width = shapes["feature_projection.projection.weight"]
        position = shapes["encoder.pos_conv_embed.conv.weight"]
        large = "feature_extractor.conv_layers.1.layer_norm.weight" in shapes
        known = replace(SOUND_XLSR, window_s=base.window_s) if large and width == SOUND_XLSR.width else base
        return replace(
            known,
            width=width,
            convolution_width=convolution_width,
            layers=len({key.split(".")[2] for key in shapes if key.startswith("encoder.layers.")}),
            ffn_width=shapes["encoder.layers.0.feed_forward.intermediate_dense.weight"][0],
            position_kernel=position[2],
            position_groups=width // position[1],
            layer_norm_in_convolutions=large,
            norm_first=large,
        )
    except (KeyError, IndexError, ValueError, ZeroDivisionError) as error:
        raise BadCheckpoint(f"the sound encoder's file is incomplete or foreign: {error}") from error
