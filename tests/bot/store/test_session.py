"""What a database that is not one, or not ready, is said to be."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.store import bots
from bot.store.session import Database, DatabaseBroken, DatabaseNotReady


async def test_a_damaged_file_is_named_and_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "broken.sqlite3"
    file.write_bytes(b"this is no database" * 500)
    before = file.read_bytes()
    async with Database.open(f"sqlite:///{file}") as database:
        with pytest.raises(DatabaseBroken):
            async with database.read() as session:
                await bots.get(session, "00000000-0000-0000-0000-000000000000")
    assert file.read_bytes() == before


async def test_a_database_without_tables_says_what_makes_them(tmp_path: Path) -> None:
    async with Database.open(f"sqlite:///{tmp_path / 'new.sqlite3'}") as database:
        with pytest.raises(DatabaseNotReady, match="db upgrade"):
            async with database.read() as session:
                await bots.get(session, "00000000-0000-0000-0000-000000000000")
