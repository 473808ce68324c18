"""From a folder of weights to a `Bundle`: recognise each file by its shapes, check every key, then load.

A part is known by what is in it, not by what it is called. Nothing is loaded before every key and shape of every
part has been compared with what the configuration asks for, so a wrong folder is told in seconds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import psutil
import torch
from torch import Tensor, nn

from engine.diffusion import estimate
from engine.diffusion.bundle import Bundle, make_bundle
from engine.diffusion.config import (
    FRAMES_PER_LATENT,
    PRESETS,
    SOUND_XLSR,
    AudioAdapter,
    Checkpoint,
    SoundShape,
    TrunkShape,
    VaeShape,
)
from engine.diffusion.errors import BadCheckpoint, NotEnoughMemory
from engine.diffusion.files import Tensors, find_tensors, write_tensors
from engine.diffusion.keys import trunk_to_diffusers, trunk_to_original, vae_to_diffusers, vae_to_original
from engine.diffusion.model.s2v import S2vWan
from engine.diffusion.model.taehv import TinyDecoder
from engine.diffusion.model.vae import WanVae
from engine.diffusion.model.wan import CausalWan
from engine.diffusion.model.wav2vec import Wav2Vec

CONFIGURATION = "understudy.json"  # optional: {"preset": NAME, and any field of Checkpoint to set}
HEAD_WIDTH = 128  # of every published Wan model; shapes alone do not tell
LORA_SCALE = 64 / 128  # alpha / rank of OmniAvatar and LiveAvatar
LORA_KEY = re.compile(r"(?P<layer>.+)\.lora_(?P<side>[AB])(\.default)?\.weight")


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part of a model as found: our names, their shapes, a way to the values."""

    files: tuple[Path, ...]
    shapes: dict[str, tuple[int, ...]]
    read: Callable[[str], Tensor] = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What is wrong with a part's keys; all empty when it fits."""

    part: str
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    misshapen: tuple[str, ...]

    @property
    def fits(self) -> bool:
        return not (self.missing or self.unexpected or self.misshapen)

    def __str__(self) -> str:
        if self.fits:
            return f"{self.part}: every key and shape fits"
        kinds = (("missing", self.missing), ("unexpected", self.unexpected), ("of another shape", self.misshapen))
        told = [
            f"{len(keys)} {kind} ({', '.join(keys[:3])}{', ...' * (len(keys) > 3)})" for kind, keys in kinds if keys
        ]
        return f"{self.part}: {'; '.join(told)}"


@dataclass(frozen=True, kw_only=True)
class Found:
    """A folder, understood: which checkpoint it is, and its parts. Nothing has been loaded."""

    directory: Path
    checkpoint: Checkpoint
    trunk: Part
    vae: Part
    sound: Part | None
    prompts: Part | None
    tiny: Part | None
    notes: tuple[str, ...]

    def modules(self) -> list[tuple[str, nn.Module, Part]]:
        """Each part with the empty module it must fill."""
        with torch.device("meta"):
            wanted: list[tuple[str, nn.Module, Part]] = [
                ("transformer", self._empty_trunk(), self.trunk),
                ("autoencoder", WanVae(self.checkpoint.vae), self.vae),
            ]
            if self.sound is not None:
                wanted.append(("sound encoder", Wav2Vec(self.checkpoint.sound), self.sound))
            if self.tiny is not None:
                wanted.append(("tiny decoder", TinyDecoder(), self.tiny))
        return wanted

    def _empty_trunk(self) -> CausalWan:
        if self.checkpoint.trunk.audio is AudioAdapter.S2V:
            return S2vWan(self.checkpoint.trunk, self.trunk.shapes["casual_audio_encoder.weights"][1])
        return CausalWan(self.checkpoint.trunk)

    def reports(self) -> list[Report]:
        return [compare(name, module, part) for name, module, part in self.modules()]


# --- recognising -------------------------------------------------------------------------------------------------


def find(directory: Path) -> Found:
    """Understand a folder from names and shapes alone. Raises BadCheckpoint."""
    opened = list(find_tensors(directory))
    trunk = _only("transformer", [_as_trunk(t) for t in opened if _is_trunk(t)], directory)
    overlays = [t for t in opened if _is_overlay(t)]
    notes = []
    for overlay in overlays:
        trunk = overlay_onto(trunk, overlay)
        notes.append(f"{overlay.path.name} is laid over the transformer, LoRA merged")
    vae = _only("autoencoder", [_renamed(t, vae_to_original) for t in opened if _is_vae(t)], directory)
    sounds = [_as_sound(t) for t in opened if "feature_projection.projection.weight" in t.shapes]
    prompts = [_renamed(t, str) for t in opened if "speaking" in t.shapes]
    checkpoint = recognise(directory, trunk, vae, sounds[0] if sounds else None, bool(overlays))
    needs_sound = checkpoint.trunk.audio is not AudioAdapter.NONE
    if needs_sound and not sounds:
        raise BadCheckpoint(f"{directory} has no wav2vec2 sound encoder, which {checkpoint.name} needs")
    tinies = [_as_tiny(t) for t in opened if "decoder.22.bias" in t.shapes]
    if checkpoint.tiny_decoder and not tinies:
        raise BadCheckpoint(f"{directory} has no tiny decoder (taew2_1.pth), which its configuration asks for")
    return Found(
        directory=directory,
        checkpoint=checkpoint,
        trunk=trunk,
        vae=vae,
        sound=sounds[0] if needs_sound else None,
        prompts=prompts[0] if prompts else None,
        tiny=tinies[0] if checkpoint.tiny_decoder else None,
        notes=tuple(notes),
    )


def recognise(directory: Path, trunk: Part, vae: Part, sound: Part | None, lora: bool) -> Checkpoint:
    """The preset with these shapes, or the one the folder's configuration names, with its changes."""
    settings = _settings(directory / CONFIGURATION)
    name = settings.pop("preset", None)
    if name is not None and name not in PRESETS:
        raise BadCheckpoint(f"{CONFIGURATION}: there is no preset {name!r}; there are: {', '.join(PRESETS)}")
    shape = trunk_shape(trunk.shapes, PRESETS[name].trunk.head_width if name else HEAD_WIDTH)
    if name is None:
        hint = str(directory).lower() + " ".join(str(path).lower() for path in trunk.files)
        alike = [preset for preset in PRESETS.values() if preset.trunk == shape]
        named = [preset for preset in alike if preset.name.split("-")[0] in hint]
        adapted = [preset for preset in alike if lora and preset.name.startswith("omniavatar")]
        if not alike:
            raise BadCheckpoint(f"{directory}: no known family has a transformer of this shape: {shape}")
        name = [*named, *adapted, *alike][0].name
    checkpoint = replace(PRESETS[name], trunk=shape, vae=VaeShape(base=vae.shapes["decoder.head.0.gamma"][0]))
    if sound is not None:
        checkpoint = replace(checkpoint, sound=sound_shape(sound.shapes, checkpoint.sound))
    try:
        return replace(checkpoint, **settings)
    except (TypeError, ValueError) as error:
        raise BadCheckpoint(f"{CONFIGURATION}: {error}") from error


def _settings(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        settings = json.loads(path.read_text())
    except ValueError as error:
        raise BadCheckpoint(f"{path.name} is no JSON: {error}") from error
    plain = {f.name: f.type for f in fields(Checkpoint) if f.type in ("int", "float", "str", "str | None", "bool")}
    unknown = sorted(set(settings) - set(plain) - {"preset"}) if isinstance(settings, dict) else ["not an object"]
    if unknown:
        raise BadCheckpoint(f"{path.name}: cannot set {', '.join(unknown)}; can set: {', '.join(plain)}")
    return dict(settings)


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
    except (KeyError, IndexError, ValueError) as error:
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


def _only(what: str, parts: list[Part], directory: Path) -> Part:
    if not parts:
        raise BadCheckpoint(f"{directory} holds no {what}")
    if len(parts) > 1:
        named = ", ".join(str(path.name) for part in parts for path in part.files)
        raise BadCheckpoint(f"{directory} holds more than one {what}: {named}")
    return parts[0]


def _is_trunk(tensors: Tensors) -> bool:
    names = tensors.shapes
    whole = "blocks.0.ffn.0.weight" in names or "blocks.0.ffn.net.0.proj.weight" in names
    return "patch_embedding.weight" in names and whole


def _is_overlay(tensors: Tensors) -> bool:
    return any(LORA_KEY.fullmatch(name) for name in tensors.shapes)


def _is_vae(tensors: Tensors) -> bool:
    return "decoder.head.0.gamma" in tensors.shapes or "decoder.norm_out.gamma" in tensors.shapes


# --- each part in our names --------------------------------------------------------------------------------------


def _renamed(tensors: Tensors, rename: Callable[[str], str]) -> Part:
    theirs = {rename(name): name for name in tensors.shapes}
    shapes = {ours: tensors.shapes[name] for ours, name in theirs.items()}
    return Part(files=(tensors.path,), shapes=shapes, read=lambda ours: tensors.read(theirs[ours]))


def _as_trunk(tensors: Tensors) -> Part:
    return _renamed(tensors, trunk_to_original if "condition_embedder.time_proj.weight" in tensors.shapes else str)


def _as_tiny(tensors: Tensors) -> Part:
    part = _renamed(tensors, str)
    return replace(part, shapes={name: shape for name, shape in part.shapes.items() if name.startswith("decoder.")})


def _as_sound(tensors: Tensors) -> Part:
    """Hugging Face's names, the weight norm of the positional convolution multiplied out, heads left out."""
    part, conv = _renamed(tensors, str), "encoder.pos_conv_embed.conv."
    pair = next(
        (names for names in (("parametrizations.weight.original0", "parametrizations.weight.original1"),
                             ("weight_g", "weight_v")) if conv + names[0] in part.shapes), None,
    )  # fmt: skip
    skipped = {"masked_spec_embed", *(conv + name for name in pair or ())}
    shapes = {
        name: shape
        for name, shape in part.shapes.items()
        if name not in skipped and name.startswith(("feature_extractor.", "feature_projection.", "encoder."))
    }
    if pair is None:
        return replace(part, shapes=shapes)
    shapes[conv + "weight"] = part.shapes[conv + pair[1]]

    def read(name: str) -> Tensor:
        if name != conv + "weight":
            return part.read(name)
        gain, direction = (part.read(conv + half).float() for half in pair)
        return gain * direction / direction.norm(dim=(0, 1), keepdim=True)

    return replace(part, shapes=shapes, read=read)


def overlay_onto(trunk: Part, overlay: Tensors) -> Part:
    """LoRA pairs are merged, W + (alpha / rank) B A; whole tensors replace or are added."""
    pairs: dict[str, dict[str, str]] = {}
    whole: dict[str, str] = {}
    for name in overlay.shapes:
        if match := LORA_KEY.fullmatch(name):
            pairs.setdefault(f"{match['layer']}.weight", {})[match["side"]] = name
        else:
            whole[name.replace(".base_layer", "")] = name
    halves = [target for target, pair in pairs.items() if set(pair) != {"A", "B"}]
    strangers = [target for target in pairs if target not in trunk.shapes and target not in whole]
    if halves or strangers:
        raise BadCheckpoint(
            f"{overlay.path.name}: LoRA without its layer or its other half: {(halves + strangers)[:3]}"
        )
    shapes = {**trunk.shapes, **{ours: overlay.shapes[name] for ours, name in whole.items()}}

    def read(ours: str) -> Tensor:
        value = overlay.read(whole[ours]) if ours in whole else trunk.read(ours)
        if (pair := pairs.get(ours)) is None:
            return value
        change = overlay.read(pair["B"]).float() @ overlay.read(pair["A"]).float()
        return (value.float() + LORA_SCALE * change).to(value.dtype)

    return Part(files=(*trunk.files, overlay.path), shapes=shapes, read=read)


# --- checking and loading ----------------------------------------------------------------------------------------


def compare(name: str, module: nn.Module, part: Part) -> Report:
    wanted = {key: tuple(value.shape) for key, value in module.state_dict().items()}
    return Report(
        part=name,
        missing=tuple(sorted(wanted.keys() - part.shapes.keys())),
        unexpected=tuple(sorted(part.shapes.keys() - wanted.keys())),
        misshapen=tuple(
            f"{key} {part.shapes[key]} not {shape}"
            for key, shape in wanted.items()
            if key in part.shapes and part.shapes[key] != shape
        ),
    )


def load(found: Found, *, device: torch.device | str, dtype: torch.dtype) -> Bundle:
    """Everything on the device, or an error before anything was read. Raises BadCheckpoint, NotEnoughMemory."""
    device = torch.device(device)
    if found.checkpoint.trunk.audio is AudioAdapter.S2V:
        raise BadCheckpoint(f"{found.checkpoint.name}: its reference and motion tokens are not run by this engine yet")
    for report in found.reports():
        if not report.fits:
            raise BadCheckpoint(str(report))
    if found.prompts is None:
        raise BadCheckpoint(
            f"{found.directory} holds no prompts: make them with `understudy engine prompts {found.directory}`"
        )
    require_memory(found.checkpoint, device, torch.finfo(dtype).bits // 8)
    modules = {name: fill(module, part, device, _dtype_of(name, dtype)) for name, module, part in found.modules()}
    trunk, vae, sound = modules["transformer"], modules["autoencoder"], modules.get("sound encoder")
    tiny = modules.get("tiny decoder")
    assert tiny is None or isinstance(tiny, TinyDecoder)
    assert isinstance(trunk, CausalWan) and isinstance(vae, WanVae) and (sound is None or isinstance(sound, Wav2Vec))
    prompts = {name: found.prompts.read(name) for name in found.prompts.shapes}
    for name, value in prompts.items():
        wanted = (1, found.checkpoint.trunk.text_tokens, found.checkpoint.trunk.text_width)
        if tuple(value.shape) != wanted:
            raise BadCheckpoint(f"prompt {name!r} has shape {tuple(value.shape)}, not {wanted}")
    return make_bundle(
        found.checkpoint, trunk, vae, sound, prompts["speaking"], prompts.get("listening"), device=device, tiny=tiny
    )


def _dtype_of(part: str, dtype: torch.dtype) -> torch.dtype:
    """The transformer's precision is asked for; the small parts keep float32, from which the decoder is cast."""
    return dtype if part == "transformer" or dtype == torch.float64 else torch.float32


def fill(module: nn.Module, part: Part, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """Tensor by tensor, so that a file is never in memory whole beside the module."""
    state = {name: part.read(name).to(device=device, dtype=dtype) for name in module.state_dict()}
    module.load_state_dict(state, strict=True, assign=True)
    return module


def require_memory(checkpoint: Checkpoint, device: torch.device, bytes_per_weight: int) -> None:
    needed = estimate.cost(checkpoint, bytes_per_weight=bytes_per_weight).bytes_needed
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else psutil.virtual_memory().available
    if needed > free:
        raise NotEnoughMemory(
            f"{checkpoint.name} at {checkpoint.width_px}x{checkpoint.height_px} needs about {needed / 1e9:.1f} GB, "
            f"{device} has {free / 1e9:.1f} GB free"
        )


# --- writing -----------------------------------------------------------------------------------------------------


def write(bundle_parts: dict[str, nn.Module], directory: Path, *, diffusers_names: bool = False) -> None:
    """Each part as one safetensors file, in the original names or in diffusers'."""
    renames: dict[str, Callable[[str], str]] = {"transformer": trunk_to_diffusers, "autoencoder": vae_to_diffusers}
    directory.mkdir(parents=True, exist_ok=True)
    for name, module in bundle_parts.items():
        rename = renames.get(name, str) if diffusers_names else str
        write_tensors(
            directory / f"{name.replace(' ', '_')}.safetensors",
            {rename(key): value for key, value in module.state_dict().items()},
        )
