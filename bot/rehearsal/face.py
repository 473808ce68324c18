"""How fast the face was made, by the diffusion engine's sentence in the log of a bot. Imports no engine."""

from __future__ import annotations

import json
import re
from pathlib import Path

SENTENCE = "diffusion session closed"
FIELDS = ("frames_per_s", "fps", "blocks", "held")
_PAIR = re.compile(r"(\w+)=([\d.]+)")


class FaceRates:
    """Made before a run; `told` afterwards: a sentence for each face."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._before = {path: path.stat().st_size for path in logs.rglob("*.log")}

    def told(self) -> list[str]:
        return [_told(fields) for path in sorted(self._logs.rglob("*.log")) for fields in self._closed(path)]

    def _closed(self, path: Path) -> list[dict[str, float]]:
        with path.open("rb") as file:
            file.seek(self._before.get(path, 0))
            lines = [line for line in file.read().decode(errors="replace").splitlines() if SENTENCE in line]
        found = [_fields(line) for line in lines]
        return [fields for fields in found if all(name in fields for name in FIELDS)]


def _fields(line: str) -> dict[str, float]:
    """Of a line for people or of JSON."""
    try:
        pairs = json.loads(line)
    except ValueError:
        pairs = dict(_PAIR.findall(line.partition(SENTENCE)[2]))
    return {name: float(pairs[name]) for name in FIELDS if name in pairs}


def _told(fields: dict[str, float]) -> str:
    return (
        f"the face: {fields['frames_per_s']:g} frames made for each second of work, {fields['fps']:g} needed; "
        f"{fields['blocks']:g} blocks of four made, {fields['held']:g} held the last frame instead"
    )
