"""From a folder of weights to a `Bundle`: recognise each file by its shapes, check every key, then load.

A part is known by what is in it, not by what it is called. Nothing is loaded before every key and shape of every
part has been compared with what the configuration asks for, so a wrong folder is told in seconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil
import torch
from torch import Tensor, nn

from engine.diffusion import estimate
from engine.diffusion.bundle import Bundle, make_bundle, make_trunk
from engine.diffusion.config import AudioAdapter, Checkpoint
from engine.diffusion.errors import BadCheckpoint, NotEnoughMemory
from engine.diffusion.files import Tensors, find_tensors, write_tensors
from engine.diffusion.keys import trunk_to_diffusers, trunk_to_original, vae_to_diffusers, vae_to_original
from engine.diffusion.model.taehv import TinyDecoder
from engine.diffusion.model.vae import WanVae
from engine.diffusion.model.wan import CausalWan
from engine.diffusion.model.wav2vec import Wav2Vec
from engine.diffusion.parallel import Share
from engine.diffusion.parallel import part as part_trunk
from engine.diffusion.recognise import recognise

LORA_SCALE = 64 / 128  # alpha / rank of OmniAvatar and LiveAvatar
HEARS = ("audio_proj.", "casual_audio_encoder.")
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
        return make_trunk(self.checkpoint.trunk, self.checkpoint.sound.layers + 1)

    def reports(self) -> list[Report]:
        return [compare(name, module, part) for name, module, part in self.modules()]


# --- recognising -------------------------------------------------------------------------------------------------


def find(directory: Path) -> Found:
    """Understand a folder from names and shapes alone. Raises BadCheckpoint."""
    opened = list(find_tensors(directory))
    trunks, notes = _besides_the_base([_as_trunk(t) for t in opened if _is_trunk(t)])
    trunk = _only("transformer", trunks, directory)
    overlays = [t for t in opened if _is_overlay(t)]
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


def _only(what: str, parts: list[Part], directory: Path) -> Part:
    if not parts:
        raise BadCheckpoint(f"{directory} holds no {what}")
    if len(parts) > 1:
        named = ", ".join(str(path.name) for part in parts for path in part.files)
        raise BadCheckpoint(f"{directory} holds more than one {what}: {named}")
    return parts[0]


def _besides_the_base(trunks: list[Part]) -> tuple[list[Part], list[str]]:
    """Downloaded as its authors say, an avatar's transformer lies beside the plain Wan2.1 it was made from."""
    hearing = [part for part in trunks if any(name.startswith(HEARS) for name in part.shapes)]
    if len(hearing) != 1:
        return trunks, []
    left = [path.name for part in trunks if part is not hearing[0] for path in part.files]
    return hearing, [f"{name} is left aside: it is a transformer that hears nothing" for name in left]


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


def load(found: Found, *, device: torch.device | str, dtype: torch.dtype, share: Share | None = None) -> Bundle:
    """Everything on the device, or an error before anything was read; of the transformer only `share`, where there is
    one. Raises BadCheckpoint, NotEnoughMemory, CannotBeParted."""
    device = torch.device(device)
    for report in found.reports():
        if not report.fits:
            raise BadCheckpoint(str(report))
    if found.prompts is None:
        raise BadCheckpoint(
            f"{found.directory} holds no prompts: make them with `understudy engine prompts {found.directory}`"
        )
    require_memory(found.checkpoint, device, torch.finfo(dtype).bits // 8, share.ways if share else 1)
    modules = {
        name: fill(module, part, device, _dtype_of(name, dtype), share if name == "transformer" else None)
        for name, module, part in found.modules()
    }
    trunk, vae, sound = modules["transformer"], modules["autoencoder"], modules.get("sound encoder")
    tiny = modules.get("tiny decoder")
    assert tiny is None or isinstance(tiny, TinyDecoder)
    assert isinstance(trunk, CausalWan) and isinstance(vae, WanVae) and (sound is None or isinstance(sound, Wav2Vec))
    prompts = {name: found.prompts.read(name) for name in found.prompts.shapes}
    for name, value in prompts.items():
        wanted = (1, found.checkpoint.trunk.text_tokens, found.checkpoint.trunk.text_width)
        if tuple(value.shape) != wanted:
            raise BadCheckpoint(f"prompt {name!r} has shape {tuple(value.shape)}, not {wanted}")
        _finite(found.prompts, name, value)
    return make_bundle(
        found.checkpoint, trunk, vae, sound, prompts["speaking"], prompts.get("listening"), device=device, tiny=tiny
    )


def _dtype_of(part: str, dtype: torch.dtype) -> torch.dtype:
    """The transformer's precision is asked for; the small parts keep float32, from which the decoder is cast."""
    return dtype if part == "transformer" or dtype == torch.float64 else torch.float32


def fill(
    module: nn.Module, part: Part, device: torch.device, dtype: torch.dtype, share: Share | None = None
) -> nn.Module:
    """Tensor by tensor, so that a file is never in memory whole beside the module, and of a rank's share nothing
    else."""
    if share is not None:
        assert isinstance(module, CausalWan)
        part_trunk(module, share)
    cut = share.cut if share is not None else _all
    state = {
        name: _finite(part, name, cut(name, _number(part, name)).to(device=device, dtype=dtype))
        for name in module.state_dict()
    }
    module.load_state_dict(state, strict=True, assign=True)
    return module


def _all(name: str, whole: Tensor) -> Tensor:
    return whole


def _number(part: Part, name: str) -> Tensor:
    """Weights quantised to whole numbers mean nothing without their scales, which nobody here knows."""
    value = part.read(name)
    if not value.is_floating_point():
        raise BadCheckpoint(f"{part.files[-1].name}: {name} is of {value.dtype}: quantised weights cannot be loaded")
    return value


def _finite(part: Part, name: str, value: Tensor) -> Tensor:
    """One weight that is no number makes every frame one, and nothing later says why. Asked once each is as the model
    computes with it: a large number may be none in a narrower type."""
    if not value.isfinite().all():
        raise BadCheckpoint(f"{part.files[-1].name}: {name} holds what is no finite number as {value.dtype}")
    return value


def require_memory(checkpoint: Checkpoint, device: torch.device, bytes_per_weight: int, ways: int = 1) -> None:
    """Raises NotEnoughMemory. `ways`: over how many devices weights and kept latents are spread."""
    needed = estimate.cost(checkpoint, bytes_per_weight=bytes_per_weight).bytes_needed_of(ways)
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
