"""Pictures in this installation's home: of characters, under the hash of their content, and what a bot shows."""

from __future__ import annotations

import hashlib
from pathlib import Path
from uuid import uuid4

from bot.errors import BadInput

_KINDS = ((b"\x89PNG\r\n\x1a\n", ".png"), (b"\xff\xd8\xff", ".jpg"))


class BadImage(BadInput):
    """The picture of a character must be a PNG or a JPEG."""

    code = "bad_image"


def camera_picture(home: Path, bot_id: str) -> Path:
    """The file with what that bot's camera gives its meeting, small; there is none before it has shown anything."""
    return home / "evidence" / bot_id / "camera.jpg"


def keep_image(home: Path, content: bytes) -> Path:
    """Store a picture once; returns its file. Raises BadImage."""
    suffix = next((suffix for magic, suffix in _KINDS if content.startswith(magic)), None)
    if suffix is None:
        raise BadImage
    folder = home / "characters"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / (hashlib.sha256(content).hexdigest() + suffix)
    if not path.exists():
        part = folder / f".{path.name}.{uuid4().hex}"  # one of its own: the same picture may come twice at once
        try:
            part.write_bytes(content)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    return path
