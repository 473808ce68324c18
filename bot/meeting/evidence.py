"""What the bot saw when something was decided, kept where the API shows it. Knows no database."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from bot.log import get_log
from connectors.base import Evidence

log = get_log(__name__)


def keep(evidence: Evidence | None, *, home: Path, bot_id: str) -> dict[str, Any]:
    """Copies its files to the installation's home; returns what the event of it says, paths relative to the home, and
    which of picture, page and heading there are none of."""
    if evidence is None:
        return {}
    files = {"picture": evidence.screenshot, "page": evidence.html}
    kept = {part: _kept(path, home, bot_id) for part, path in files.items() if path is not None}
    missing = [*evidence.left_out, *(part for part, name in kept.items() if not name)]
    data = {"heading": evidence.heading, "rule": evidence.rule, "evidence": [name for name in kept.values() if name]}
    return {**data, "left_out": missing} if missing else data


def _kept(path: Path, home: Path, bot_id: str) -> str:
    """Empty where it cannot be kept: an end is told all the same."""
    folder = home / "evidence" / bot_id
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return str(Path(shutil.copy2(path, folder / path.name)).relative_to(home))
    except OSError as error:
        log.error("a piece of evidence could not be kept", error=type(error).__name__)
        return ""
