"""Launching on this host: asks the bot host, over its unix socket, to start a process. One JSON line each way."""

from __future__ import annotations

import json
import socket
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bot.errors import BotError
from bot.scheduling.launchers import HostFull, HostUnavailable, Launch, Launched, LaunchFailed, LaunchRefused
from bot.sockets import socket_path

TIMEOUT_S = 10.0
MAX_LINE_BYTES = 64 * 1024
ERRORS: dict[str, type[BotError]] = {
    error.code: error for error in (HostFull, HostUnavailable, LaunchFailed, LaunchRefused)
}


def host_socket(home: Path) -> Path:
    """Where the bot host of this installation listens."""
    return socket_path(home, "bot-host.sock")


class SubprocessLauncher:
    def __init__(self, path: Path) -> None:
        self._path = path

    def start(self, launch: Launch) -> Launched:
        """As the port says."""
        answer = self._ask({"op": "launch", **asdict(launch)})
        if "code" in answer:
            raise ERRORS.get(str(answer["code"]), LaunchFailed)(str(answer.get("detail", "")) or None)
        return Launched(pid=answer["pid"], new=answer["new"])

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        return _asked(self._path, question)


def host_answers(path: Path) -> bool:
    """Does a bot host listen there and answer?"""
    try:
        _asked(path, {})  # nothing it could start: it says so
    except HostUnavailable:
        return False
    return True


def _asked(path: Path, question: dict[str, Any]) -> dict[str, Any]:
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(TIMEOUT_S)
            connection.connect(str(path))
            connection.sendall(json.dumps(question).encode() + b"\n")
            with connection.makefile("rb") as lines:
                answer = json.loads(lines.readline(MAX_LINE_BYTES))
    except (OSError, ValueError) as error:
        raise HostUnavailable from error
    if not isinstance(answer, dict):
        raise HostUnavailable
    return answer
