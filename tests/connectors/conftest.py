"""Rows of the contract that one reading of the page serves: on Meet's every time, on the others' at acceptance."""

from __future__ import annotations

from pathlib import Path

import pytest

ON_MEET_EVERY_TIME = ("test_where_each_picture_stands_is_told_and_seldom",)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        here = Path(__file__).parent in item.path.parents
        if here and item.name in ON_MEET_EVERY_TIME and item.path.name != "test_meet.py":
            item.add_marker(pytest.mark.acceptance)
