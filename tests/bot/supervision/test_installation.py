"""The processes of one installation: their order, the private broker on real Redis, one owner per home."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from bot.config import Settings
from bot.sockets import LONGEST_PATH_BYTES, FolderNotOurs, make_private
from bot.supervision import installation as house
from bot.supervision.probes import http_answers
from bot.supervision.tree import Tree, run_tree


def test_bots_stop_first_and_the_broker_last(tmp_path: Path) -> None:
    _, specs = house.installation(Settings(home=tmp_path, api_port=0))
    assert [spec.name for spec in reversed(specs)] == [
        *("bot-host", "calendar-keeper", "courier", "dispatcher", "worker", "api", "broker")
    ]
    assert specs[-1].stop_timeout_s == 30.0


def test_a_given_broker_is_used_and_none_is_started(tmp_path: Path) -> None:
    settings, specs = house.installation(Settings(home=tmp_path, api_port=0, broker_url="redis://elsewhere:6379/0"))
    assert "broker" not in [spec.name for spec in specs]
    assert specs[0].environment is not None
    assert specs[0].environment["UNDERSTUDY_BROKER_URL"] == settings.broker_url == "redis://elsewhere:6379/0"


async def test_the_private_broker_answers_on_its_socket_and_keeps_a_log_of_what_it_is_told(tmp_path: Path) -> None:
    settings, specs = house.installation(Settings(home=tmp_path, api_port=0))

    async def write(tree: Tree) -> bytes:
        reader, writer = await asyncio.open_unix_connection(settings.broker_url.removeprefix("redis+socket://"))
        writer.write(b"SET kept yes\r\n")
        answer = await asyncio.wait_for(reader.readline(), 5)
        writer.close()
        return answer

    assert await run_tree(specs[:1], log_folder=tmp_path / "logs", body=write) == b"+OK\r\n"
    kept = [path.read_bytes() for path in (tmp_path / "redis").rglob("*aof*") if path.is_file()]
    assert any(b"kept" in content for content in kept)


def test_a_home_with_a_long_path_gets_a_socket_that_can_be_bound(tmp_path: Path) -> None:
    home = tmp_path / ("h" * 90)
    path = house.broker_socket(home)
    assert len(os.fsencode(path)) <= LONGEST_PATH_BYTES
    assert path == house.broker_socket(home) != house.broker_socket(home / "other")


@pytest.mark.parametrize("whose", ["a link's", "a file's", "another user's"])
def test_a_folder_for_sockets_that_somebody_else_made_first_is_refused_by_name(tmp_path: Path, whose: str) -> None:
    if whose == "another user's" and os.geteuid() != 0:
        pytest.skip("only root can make another user's folder")
    home = tmp_path / ("h" * 90)
    folder = house.broker_socket(home).parent
    try:
        if whose == "a link's":
            folder.symlink_to(tmp_path)
        elif whose == "a file's":
            folder.touch()
        else:
            folder.mkdir()
            os.chown(folder, 65534, -1)
        with pytest.raises(FolderNotOurs, match=str(folder)):
            house.installation(Settings(home=home, api_port=0))
    finally:
        folder.unlink() if folder.is_symlink() or folder.is_file() else folder.rmdir()


def test_a_folder_for_sockets_is_open_to_its_owner_alone(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run").chmod(0o777)
    make_private(tmp_path / "run")
    assert stat.S_IMODE((tmp_path / "run").stat().st_mode) == 0o700


def test_a_second_owner_of_a_home_is_told_who_the_first_is(tmp_path: Path) -> None:
    with house.only_one(tmp_path), pytest.raises(house.AlreadyRunning, match=f"process {os.getpid()}"):
        with house.only_one(tmp_path):
            pytest.fail("two owners")


def test_an_owner_that_was_killed_leaves_no_lock(tmp_path: Path) -> None:
    code = f"""
import os, pathlib
from bot.supervision.installation import only_one
with only_one(pathlib.Path({str(tmp_path)!r})): os.kill(os.getpid(), 9)
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=20).returncode == -9
    with house.only_one(tmp_path):
        assert (tmp_path / "run" / "understudy.lock").read_text() == f"{os.getpid()}\n"


def test_an_address_somebody_listens_on_is_refused_by_name() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(house.AddressInUse, match=f"127.0.0.1:{port}"):
            house.installation(Settings(api_port=port))


def test_port_zero_becomes_a_free_one_that_every_child_is_told(tmp_path: Path) -> None:
    settings, specs = house.installation(Settings(home=tmp_path, api_port=0))
    assert settings.api_port > 0
    told = [spec.environment["UNDERSTUDY_API_PORT"] for spec in specs if spec.environment]
    assert told == [str(settings.api_port)] * 6


async def test_the_local_key_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / house.LOCAL_KEY
    house.write_private(path, "understudy_abc\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert await house.local_key(Settings(home=tmp_path)) == "understudy_abc"


@pytest.mark.parametrize(("answer", "ready"), [(b"HTTP/1.1 200 OK\r\n\r\n", True), (b"HTTP/1.1 503 No\r\n\r\n", False)])
async def test_an_api_is_ready_when_it_answers_without_a_fault(answer: bytes, ready: bool) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert await http_answers("127.0.0.1", port, "/openapi.json")() is ready
    assert not await http_answers("127.0.0.1", port, "/openapi.json")()
