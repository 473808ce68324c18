"""Tensors on disk: names and shapes at once, values when asked for. Knows no model. Nothing in a file is executed."""

from __future__ import annotations

import json
import pickle
import struct
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import safetensors
import torch
from safetensors.torch import save_file
from torch import Tensor

from engine.diffusion.errors import BadCheckpoint
from engine.diffusion.keys import WRAPPERS, strip

TORCH_SUFFIXES = (".pt", ".pth", ".bin", ".ckpt")
SUFFIXES = (".safetensors", *TORCH_SUFFIXES)
# what torch's reader raises at bytes that are no file of tensors, or only the beginning of one
TORN = (
    *(pickle.UnpicklingError, zipfile.BadZipFile, struct.error, RuntimeError, EOFError, OSError, MemoryError),
    *(AssertionError, AttributeError, ArithmeticError, ImportError, LookupError, TypeError, ValueError),
)
DEPTH = 3  # how far below a checkpoint's folder its files may lie


@dataclass(frozen=True, kw_only=True)
class Tensors:
    """One file, or one set of shards. Names are stripped of what training frameworks put in front."""

    path: Path
    shapes: dict[str, tuple[int, ...]]
    read: Callable[[str], Tensor] = field(repr=False)

    @property
    def bytes_on_disk(self) -> int:
        return self.path.stat().st_size if self.path.is_file() else 0


def find_tensors(directory: Path) -> Iterator[Tensors]:
    """Every file of tensors in a folder and below, shards together. Raises BadCheckpoint."""
    if not directory.is_dir():
        raise BadCheckpoint(f"{directory} is no folder")
    files = sorted(p for p in directory.rglob("*") if p.suffix in SUFFIXES and p.is_file())
    files = [p for p in files if len(p.relative_to(directory).parts) <= DEPTH]
    sharded: set[Path] = set()
    for index in sorted(directory.rglob("*.safetensors.index.json")):
        shards = _shards(index)
        sharded.update(shards)
        yield _join(index, [open_tensors(shard) for shard in shards])
    for path in files:
        if path not in sharded:
            yield open_tensors(path)


def _shards(index: Path) -> list[Path]:
    try:
        names = sorted(set(json.loads(index.read_text())["weight_map"].values()))
        shards = [index.parent / Path(name).name for name in names]
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise BadCheckpoint(f"{index.name} is no index of shards") from error
    for shard in shards:
        if not shard.is_file():
            raise BadCheckpoint(f"{index.name} names {shard.name}, which is missing")
    return shards


def _join(index: Path, parts: list[Tensors]) -> Tensors:
    where = {name: part for part in parts for name in part.shapes}
    shapes = {name: part.shapes[name] for name, part in where.items()}
    return Tensors(path=index, shapes=shapes, read=lambda name: where[name].read(name))


def open_tensors(path: Path) -> Tensors:
    """Raises BadCheckpoint for a missing, truncated or foreign file."""
    if not path.is_file():
        raise BadCheckpoint(f"{path} is missing")
    return _open_safetensors(path) if path.suffix == ".safetensors" else _open_torch(path)


def _open_safetensors(path: Path) -> Tensors:
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            original = {strip(name): name for name in file.keys()}  # noqa: SIM118 (not iterable itself)
            shapes = {ours: tuple(file.get_slice(name).get_shape()) for ours, name in original.items()}
    except (safetensors.SafetensorError, OSError) as error:
        raise BadCheckpoint(f"{path.name} is truncated or no safetensors file: {error}") from error

    def read(name: str) -> Tensor:
        with safetensors.safe_open(path, framework="pt") as file:
            return file.get_tensor(original[name])

    return Tensors(path=path, shapes=shapes, read=read)


def _open_torch(path: Path) -> Tensors:
    try:
        loaded = torch.load(path, map_location="cpu", mmap=zipfile.is_zipfile(path), weights_only=True)
    except TORN as error:
        message = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadCheckpoint(f"{path.name} is truncated or no file of tensors: {message}") from error
    while isinstance(loaded, dict) and (inner := next((w for w in WRAPPERS if isinstance(loaded.get(w), dict)), None)):
        loaded = loaded[inner]
    if not isinstance(loaded, dict) or not any(isinstance(value, Tensor) for value in loaded.values()):
        raise BadCheckpoint(f"{path.name} holds no tensors by name")
    tensors = {strip(str(name)): value for name, value in loaded.items() if isinstance(value, Tensor)}
    shapes = {name: tuple(value.shape) for name, value in tensors.items()}
    return Tensors(path=path, shapes=shapes, read=tensors.__getitem__)


def write_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    """As safetensors, whole or not at all; each tensor by itself, whatever it shared."""
    part = path.with_name(f"{path.name}.part")
    try:
        save_file({name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}, part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
