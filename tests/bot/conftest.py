from __future__ import annotations

import pytest

from tests.bot.stores import database_url, empty_url, postgres_template, sqlite_store, sqlite_template, store

__all__ = ["database_url", "empty_url", "postgres_template", "sqlite_store", "sqlite_template", "store"]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The fast part asks SQLite alone: a PostgreSQL of its own costs each worker seconds before the first test. What
    runs on both databases runs on PostgreSQL right after."""
    for item in items:
        own_place = item.get_closest_marker("slow") or item.get_closest_marker("acceptance")
        if item.get_closest_marker("postgres") and not own_place:
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.parallel)
