"""Folders of installations for journeys. What one makes from texts is made once for all of them: it is named
by what it was made from, and takes each new home seconds of a core, while what is played there keeps real time."""

from __future__ import annotations

from pathlib import Path

import pytest


def new_home(factory: pytest.TempPathFactory, name: str) -> Path:
    home, shared = factory.mktemp(name), factory.getbasetemp() / "cache"
    shared.mkdir(mode=0o700, exist_ok=True)
    (home / "cache").symlink_to(shared, target_is_directory=True)
    return home
