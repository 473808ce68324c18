"""Parts started by hand: what keeps them from starting is one line, not a traceback."""

from __future__ import annotations

import asyncio
import re
import socket
from pathlib import Path

import pytest

from bot import cli
from bot.config import Settings
from bot.store import schema
from bot.store.session import Database
from bot.supervision.installation import CommandFailed, upgrade_database


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERSTUDY_HOME", str(tmp_path))


def test_an_api_whose_port_is_taken_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("UNDERSTUDY_API_PORT", str(taken.getsockname()[1]))
        assert cli.main(["api"]) == 1
    assert "(address_in_use)" in capsys.readouterr().err


def test_a_dispatcher_without_tables_says_what_makes_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["dispatcher"]) == 1
    complaint = capsys.readouterr().err
    assert "(database_not_ready)" in complaint and "db upgrade" in complaint


NEWER = re.compile(
    rf"The database is at 0042, .*{schema.head()}.*Start the later version again, or restore the backup made before "
    r"the upgrade.*\(database_is_newer\)"
)


@pytest.fixture
def newer(tmp_path: Path) -> Settings:
    """Of an installation whose database a later version has made."""

    async def make() -> Settings:
        settings = Settings(home=tmp_path)
        async with Database.open(settings) as database:
            await schema.upgrade(database)
            async with database.write() as session:
                await session.exec_driver_sql("UPDATE alembic_version SET version_num = '0042'")
        return settings

    return asyncio.run(make())


@pytest.mark.parametrize("action", ["upgrade", "check"])
@pytest.mark.usefixtures("newer")
def test_a_database_of_a_later_version_is_one_line_with_both_versions(
    capsys: pytest.CaptureFixture[str], action: str
) -> None:
    assert cli.main(["db", action]) == 1
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1
    assert NEWER.search(said.err), said.err


@pytest.mark.slow
@pytest.mark.parallel
def test_the_whole_tree_says_so_too_before_anything_of_it_starts(newer: Settings) -> None:
    with pytest.raises(CommandFailed, match=NEWER) as failed:
        asyncio.run(upgrade_database(newer))
    assert "\n" not in str(failed.value)
