"""What a run left on the machine: processes, sockets, files in shared memory and in the temporary folder.

Others may run at the same time on one machine: what was there before, and what a living process holds or names, is
theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from bot.supervision import kernel
from connectors.kit.folders import PLACES, maker_of

OURS = "understudy"


class Leftovers:
    """Made before the run; `found` afterwards."""

    def __init__(self, home: Path, places: Sequence[Path] = PLACES) -> None:
        self._home, self._places = home, places
        self._before = frozenset(psutil.Process().children(recursive=True))
        self._files = set(_files(places))

    def found(self) -> list[str]:
        """A line for each thing; empty when nothing is left."""
        processes = [f"process {process.pid} {_name(process)}" for process in kernel.living(self._before)]
        sockets = (
            [f"socket {path}" for path in self._home.rglob("*") if path.is_socket()] if self._home.exists() else []
        )
        new = [path for path in _files(self._places) if path not in self._files and path != self._home]
        held = _held() if new else ""
        return [*processes, *sockets, *(f"file {path}" for path in new if str(path) not in held)]


def _files(places: Sequence[Path]) -> Iterable[Path]:
    for place in places:
        with suppress(OSError):
            yield from (path for path in place.iterdir() if OURS in path.name and not _of_the_living(path))


def _of_the_living(path: Path) -> bool:
    maker = maker_of(path)
    return maker is not None and psutil.pid_exists(maker)


def _held() -> str:
    """The command lines, environments, open files and mappings of all processes, as one text to look a path up in."""
    texts = []
    for process in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ", "maps"):
            with suppress(OSError):
                texts.append((process / name).read_bytes().decode(errors="replace"))
        with suppress(OSError):
            texts += _targets(process / "fd")
    return "\n".join(texts)


def _targets(folder: Path) -> Iterable[str]:
    for link in folder.iterdir():
        with suppress(OSError):
            yield str(link.readlink())


def _name(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return str(process.name())
    return "?"
