"""`understudy.json` beside the weights: what their owner says of them. Knows no tensor and imports no torch.

{"preset": "livetalk-1.3b", "window_latents": 9, "positions": "relative", "schedule": {"steps": 2}}

Shapes are read off the tensors and cannot be set; everything else of a `Checkpoint` can.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar

from engine.api import BadFormat
from engine.diffusion.config import PRESETS, CachePolicy, Checkpoint, PositionPolicy, SamplerKind, Schedule, SoundShape
from engine.diffusion.errors import BadCheckpoint

NAME = "understudy.json"
OF_SOUND = ("window_s", "look_ahead_latents")  # the rest of a SoundShape is the encoder's own

Thing = TypeVar("Thing", Checkpoint, Schedule, SoundShape)


def read(directory: Path) -> tuple[str | None, dict[str, Any]]:
    """The preset named, and what is set; nothing where there is no such file. Raises BadCheckpoint."""
    path = directory / NAME
    if not path.is_file():
        return None, {}
    try:
        settings = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise BadCheckpoint(f"{NAME} is no JSON: {error}") from error
    if not isinstance(settings, dict):
        raise BadCheckpoint(f"{NAME} is no object of settings")
    name = settings.pop("preset", None)
    if name is not None and name not in list(PRESETS):
        raise BadCheckpoint(f"{NAME}: there is no preset {name!r}; there are: {', '.join(PRESETS)}")
    try:
        _kinds(Checkpoint, settings)
    except ValueError as error:
        raise BadCheckpoint(f"{NAME}: {error}") from error
    return name, settings


def applied(checkpoint: Checkpoint, settings: Mapping[str, Any]) -> Checkpoint:
    """Raises BadCheckpoint, and BadFormat for a size or rate that no stream can have."""
    try:
        return _changed(checkpoint, settings)
    except (TypeError, ValueError) as error:
        raise BadCheckpoint(f"{NAME}: {error}") from error
    except BadFormat as error:
        raise BadFormat(f"{NAME}: {error}") from error


def _changed(thing: Thing, settings: object) -> Thing:
    if not isinstance(settings, Mapping):
        raise TypeError(f"{settings!r} is no object of settings")
    kinds = _kinds(type(thing), settings)
    read: dict[str, Any] = {}
    for name, value in settings.items():
        try:
            read[name] = READERS[kinds[name]](value, getattr(thing, name))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name}: {error}") from error
    return replace(thing, **read)


def _kinds(of: type[Thing], settings: Mapping[str, Any]) -> dict[str, str]:
    """The fields that can be set, each with its type. Raises ValueError where another one is."""
    kinds = {
        f.name: str(f.type) for f in fields(of) if f.type in READERS and (of is not SoundShape or f.name in OF_SOUND)
    }
    if unknown := sorted(set(settings) - set(kinds)):
        raise ValueError(f"cannot set {', '.join(unknown)}; can set: {', '.join(kinds)}")
    return kinds


def _number(value: Any, now: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError(f"{value!r} is no number")
    return float(value)


def _plain(*kinds: type) -> Callable[[Any, Any], Any]:
    def reader(value: Any, now: Any) -> Any:
        if type(value) not in kinds:
            raise TypeError(f"{value!r} is no {kinds[0].__name__}")
        return value

    return reader


READERS: dict[Any, Callable[[Any, Any], Any]] = {  # by a field's type as it is written: what the file says, what it is
    "int": _plain(int),
    "float": _number,
    "bool": _plain(bool),
    "str": _plain(str),
    "str | None": _plain(str, type(None)),
    "CachePolicy": lambda value, now: CachePolicy(value),
    "PositionPolicy": lambda value, now: PositionPolicy(value),
    "SamplerKind": lambda value, now: SamplerKind(value),
    "Schedule": lambda value, now: _changed(now, value),
    "SoundShape": lambda value, now: _changed(now, value),
}
