"""Where the sockets of an installation are. Knows neither who listens there nor what is said."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from bot.errors import Conflict

LONGEST_PATH_BYTES = 100  # of 108 in sockaddr_un, unix(7)


class FolderNotOurs(Conflict):
    """The folder for this installation's sockets is another user's; remove it, or use a UNDERSTUDY_HOME with a shorter
    path."""

    code = "folder_not_ours"


def socket_path(home: Path, name: str) -> Path:
    """In `home`, or in a folder of the temporary one when that path is too long for a socket."""
    path = home / "run" / name
    if len(os.fsencode(path)) <= LONGEST_PATH_BYTES:
        return path
    kept = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"understudy-{os.getuid()}-{kept}" / name


def make_private(folder: Path) -> None:
    """Make it, for its owner alone: who reaches what listens there can start processes. In a temporary folder anybody
    may have been first to make one of that name, or a link to elsewhere. Raises FolderNotOurs."""
    with suppress(FileExistsError):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise FolderNotOurs(f"{folder} is another user's or no folder; remove it, or use a shorter UNDERSTUDY_HOME")
    if stat.S_IMODE(found.st_mode) & 0o077:
        folder.chmod(0o700)
