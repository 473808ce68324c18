"""What the diffusion tests cost where they do not run."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """They are all slow and parallel (their own conftest says so), and looking at them imports torch and diffusers:
    eight seconds in each process that runs none of them."""
    heavy = collection_path == Path(__file__).parent / "diffusion"
    chosen = config.option.markexpr
    return True if heavy and ("not slow" in chosen or "not parallel" in chosen) else None
