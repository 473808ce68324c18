"""Where a diarization model is: a folder of the operator's, or a name on huggingface.co. Looks, loads nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from bot.hearing.diarization.errors import ModelFolderMissing, ModelLayoutWrong

PARTS = ("segmentation", "embedding")
CHECKPOINT = "pytorch_model.bin"

PACKAGES = ("pyannote.audio", "torch")

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelPlace:
    source: str  # an absolute folder, or a name on the hub
    is_folder: bool


def packages_are_here() -> bool:
    """By their metadata: other packages of pyannote's share its name space."""
    try:
        return all(metadata.version(name) for name in PACKAGES)
    except metadata.PackageNotFoundError:
        return False


def model_place(model: str) -> ModelPlace:
    """Raises ModelFolderMissing, ModelLayoutWrong."""
    folder = Path(model).expanduser()
    if not folder.is_dir():
        if _HUB_NAME.fullmatch(model):
            return ModelPlace(source=model, is_folder=False)
        raise ModelFolderMissing(f"the diarization model {model} is neither a folder nor a name on huggingface.co")
    lacking = [f"{part}/{CHECKPOINT}" for part in PARTS if not (folder / part / CHECKPOINT).is_file()]
    if lacking:
        raise ModelLayoutWrong(f"the diarization model in {folder} lacks {' and '.join(lacking)}")
    return ModelPlace(source=str(folder.absolute()), is_folder=True)
