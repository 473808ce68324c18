"""What a database that is not one, or not ready, is said to be."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.errors import BadSettings
from bot.store import bots
from bot.store.session import Database, DatabaseBroken, DatabaseNotReady


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://u@host/x", "begin with"),
        ("no url", "begin with"),
        ("sqlite:////proc/nowhere/x.sqlite3", "cannot be made"),
        ("sqlite:////proc", "is a folder"),
        ("sqlite:///mine.sqlite3", "absolute"),
        ("postgresql://u:p@127.0.0.1:port/x", "no number"),
    ],
)
def test_a_url_that_cannot_be_a_database_is_a_bad_setting(url: str, said: str) -> None:
    with pytest.raises(BadSettings, match=said):
        Database.open(url)


async def test_an_option_no_driver_knows_is_a_bad_setting() -> None:
    async with Database.open("postgresql://u:p@127.0.0.1:1/x?colour=blue") as database:
        with pytest.raises(BadSettings, match="colour"):
            async with database.read():
                pass


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
