"""Every test here needs torch; each file says so through `support`, and is skipped with the reason without it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

try:
    import torch
except ImportError:
    torch = None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Importing torch alone takes seconds: nothing here belongs to the fast part. And nothing here keeps real time."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and not item.get_closest_marker("acceptance"):
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.parallel)


@pytest.fixture(autouse=True)
def one_thread_and_no_gradients() -> Iterator[None]:
    if torch is None:
        yield
        return
    torch.set_num_threads(1)
    with torch.inference_mode():
        yield
