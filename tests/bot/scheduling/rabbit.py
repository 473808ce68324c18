"""A real RabbitMQ of a test's own: its node, its cookie, its port mapper and its files are private, and end with it,
however it ends.

`./understudy test --all` installs it on Debian where nobody has to be asked; without, what needs it is skipped with the
reason.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import amqp
import pytest

from bot.supervision.kernel import dying_with_parent
from tests.bot.scheduling.brokers import free_port
from tests.polling import until_true

PROGRAMS = Path("/usr/lib/rabbitmq/bin")  # the wrappers on PATH insist on a user and a home of their own
START_S = 120.0
PASSWORD = "guest-of-tests"
CONF = """
listeners.tcp.1 = 127.0.0.1:{port}
default_user = understudy
default_pass = {password}
disk_free_limit.absolute = 10MB
log.file.level = warning
"""


@dataclass(frozen=True, kw_only=True)
class RabbitMq:
    url: str  # as UNDERSTUDY_BROKER_URL
    environment: Mapping[str, str]

    def in_hands(self) -> bool:
        """Does a worker hold a message that it has not acknowledged?"""
        argv = [PROGRAMS / "rabbitmqctl", "--quiet", "list_queues", "messages_unacknowledged"]
        told = subprocess.run(argv, env=self.environment, capture_output=True, text=True, timeout=60)
        return any(word.isdigit() and int(word) for word in told.stdout.split())


def environment(folder: Path, port: int) -> dict[str, str]:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rabbitmq.conf").write_text(CONF.format(port=port, password=PASSWORD))
    (folder / "plugins").write_text("[].")
    named = {"NODENAME": f"test{port}@localhost", "PID_FILE": folder / "pid", "CONFIG_FILE": folder / "rabbitmq.conf"}
    named |= {"MNESIA_BASE": folder / "data", "LOG_BASE": folder / "log", "ENABLED_PLUGINS_FILE": folder / "plugins"}
    named |= {"DIST_PORT": free_port(), "CTL_DIST_PORT_MIN": free_port(), "SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1"}
    ours = {f"RABBITMQ_{name}": str(value) for name, value in named.items()}
    ours["RABBITMQ_CTL_DIST_PORT_MAX"] = ours["RABBITMQ_CTL_DIST_PORT_MIN"]
    ours |= {"HOME": str(folder), "ERL_EPMD_PORT": str(free_port()), "ERL_EPMD_ADDRESS": "127.0.0.1"}
    ours["RUNNING_UNDER_SYSTEMD"] = "true"  # the script becomes the node, which then is our own child
    return {**os.environ, **ours}


@contextmanager
def rabbitmq(home: Path) -> Iterator[RabbitMq]:
    if not (PROGRAMS / "rabbitmq-server").exists():
        pytest.skip("there is no rabbitmq-server; apt-get install --no-install-recommends rabbitmq-server")
    folder, port = home / "rabbitmq", free_port()
    ours = environment(folder, port)
    with (folder / "server.log").open("ab") as log, ExitStack() as stack:
        own: dict[str, Any] = {"env": ours, "stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
        for argv in (["epmd"], [PROGRAMS / "rabbitmq-server"]):  # else the node starts a mapper that nobody ends
            process = subprocess.Popen(argv, **own, preexec_fn=dying_with_parent())
            stack.callback(process.wait, 20)
            stack.callback(process.kill)
            until_true(lambda: listens(int(ours["ERL_EPMD_PORT"])), START_S)
        until_true(lambda: answers(port), START_S)
        yield RabbitMq(url=f"amqp://understudy:{PASSWORD}@127.0.0.1:{port}//", environment=ours)


def listens(port: int) -> bool:
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0


def answers(port: int) -> bool:
    try:
        with amqp.Connection(f"127.0.0.1:{port}", "understudy", PASSWORD, connect_timeout=2):
            return True
    except (OSError, amqp.AMQPError):
        return False
