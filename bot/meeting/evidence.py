"""What the bot saw when something was decided, kept where the API shows it. Knows no database."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from bot.log import get_log
from connectors.base import Evidence

log = get_log(__name__)


def keep(evidence: Evidence | None, *, home: Path, bot_id: str) -> dict[str, Any]:
    """Copies its files to the installation's home; returns what the event of it says, paths relative to the home."""
    if evidence is None:
        return {}
    files = [_kept(path, home, bot_id) for path in (evidence.screenshot, evidence.html) if path is not None]
    return {"heading": evidence.heading, "rule": evidence.rule, "evidence": [name for name in files if name]}


def _kept(path: Path, home: Path, bot_id: str) -> str:
    """Empty where it cannot be kept: an end is told all the same."""
    folder = home / "evidence" / bot_id
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return str(Path(shutil.copy2(path, folder / path.name)).relative_to(home))
    except OSError as error:
        log.error("a piece of evidence could not be kept", error=type(error).__name__)
        return ""
