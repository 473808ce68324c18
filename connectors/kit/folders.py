"""Folders that live as long as a process: named by who made them, so that what a killed process left can be swept."""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

_PLAIN = re.compile(r"[\w/.+,@~-]+", re.ASCII)


def plain_place(place: Path) -> Path:
    """That one, or /tmp where its path has a space or the like: the browser splits a flag with our folder in it at
    spaces, the sound server reads one in a script."""
    return place if _PLAIN.fullmatch(str(place)) else Path("/tmp")


PLACES = (plain_place(Path(tempfile.gettempdir())), Path("/dev/shm"))
_NAME = re.compile(r"understudy-[a-z]+-(\d{1,9})-[^/]+", re.ASCII)  # more digits than any kernel gives a process


def make_folder(kind: str, parent: Path | None = None) -> Path:
    """`understudy-KIND-PID-xxxx` in `parent` (the temporary folder), for its owner alone."""
    place = parent or plain_place(Path(tempfile.gettempdir()))
    return Path(tempfile.mkdtemp(prefix=f"understudy-{kind}-{os.getpid()}-", dir=place))


def maker_of(folder: Path) -> int | None:
    """The process that made it; None for a folder that is none of these."""
    named = _NAME.fullmatch(folder.name)
    return int(named[1]) if named else None


def sweep(places: Sequence[Path] = PLACES) -> list[Path]:
    """Remove the folders whose makers are gone; returns them. What belongs to another user stays, and is not looked
    into: anyone may make a folder in these places, with any name."""
    swept = []
    for folder in (folder for place in places for folder in _own_folders(place)):
        maker = maker_of(folder)
        if maker is not None and not _lives(maker) and _display_is_cleared(folder):
            shutil.rmtree(folder, ignore_errors=True)
            swept += [] if folder.exists() else [folder]
    return swept


def _own_folders(place: Path) -> Iterator[Path]:
    with suppress(OSError):
        for path in place.iterdir():
            with suppress(OSError):  # gone meanwhile
                status = path.lstat()
                if stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid():
                    yield path


def _display_is_cleared(folder: Path) -> bool:
    if not any(folder.glob("display-*")):
        return True
    from connectors.kit.display import clear_display  # not before: whoever sweeps is to stay small

    return clear_display(folder)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
