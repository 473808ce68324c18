"""A meeting of the simulator in its own process, directed by its control API: what a host does, and nothing else."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from bot.config import Settings, child_environment
from bot.errors import Unavailable
from bot.supervision.installation import ROOT, command
from bot.supervision.probes import http_answers
from bot.supervision.tree import ChildSpec

HOST = "127.0.0.1"  # browsers give camera and microphone to this address without a certificate
ANSWER_S = 10.0
POLL_S = 0.2


class NobodyKnocked(Unavailable):
    """Whoever was to be admitted did not ask to join in time."""

    code = "nobody_knocked"


class NoSimulator(Unavailable):
    """The meeting simulator does not do what it was asked; its log says why."""

    code = "no_simulator"


@dataclass(frozen=True, kw_only=True, slots=True)
class Meeting:
    code: str
    url: str
    host_url: str


def free_port() -> int:
    """A port of this machine that nobody listens on now."""
    with socket.socket() as trial:
        trial.bind((HOST, 0))
        return int(trial.getsockname()[1])


def simulator_child(settings: Settings, port: int) -> ChildSpec:
    return ChildSpec(
        name="simulator",
        argv=command("simulator", "--host", HOST, "--port", str(port)),
        folder=ROOT,
        environment={**child_environment(settings), "PYTHONUNBUFFERED": "1"},
        ready=http_answers(HOST, port, "/labels.json"),
    )


class Host:
    """The host's hand on a running simulator."""

    def __init__(self, port: int, token: str) -> None:
        self._base = f"http://{HOST}:{port}/control/meetings"
        self._headers = {"Authorization": f"Bearer {token}"}

    @classmethod
    async def of(cls, port: int, log: Path) -> Host:
        """Of the simulator on this port, which writes this log behind what earlier ones wrote. Raises NoSimulator."""
        own = re.compile(rf"^host controls\s+http://\S+:{port}/\S*\ncontrol token\s+(\S+)$", re.MULTILINE)
        deadline_s = time.monotonic() + ANSWER_S
        while True:
            said = own.findall(await asyncio.to_thread(log.read_text, errors="replace"))
            if said:
                return cls(port, said[-1])
            if time.monotonic() > deadline_s:
                raise NoSimulator(f"the simulator did not say its control token; its log is {log}")
            await asyncio.sleep(POLL_S)

    async def open(self, *, lobby: bool = True, lobby_timeout_s: float = 600.0, refuse: str | None = None) -> Meeting:
        """Raises NoSimulator."""
        wanted = {"lobby": lobby, "lobby_timeout_s": lobby_timeout_s, "refuse": refuse}
        status, made = await self._post("", wanted)
        if status != 201:
            raise NoSimulator(f"the simulator made no meeting: {status}")
        return Meeting(code=made["code"], url=made["url"], host_url=made["host_url"])

    async def admit(self, meeting: Meeting, name: str, *, within_s: float = 30.0) -> None:
        """Raises NobodyKnocked, NoSimulator."""
        await self._until_done(meeting, "admit", name, within_s)

    async def deny(self, meeting: Meeting, name: str, *, within_s: float = 30.0) -> None:
        """Raises NobodyKnocked, NoSimulator."""
        await self._until_done(meeting, "deny", name, within_s)

    async def remove(self, meeting: Meeting, name: str, *, within_s: float = 30.0) -> None:
        """Raises NobodyKnocked, NoSimulator."""
        await self._until_done(meeting, "remove", name, within_s)

    async def _until_done(self, meeting: Meeting, verb: str, name: str, within_s: float) -> None:
        deadline_s = time.monotonic() + within_s
        while True:
            status, _ = await self._post(f"/{meeting.code}/{verb}", {"who": name})
            if status == 200:
                return
            if time.monotonic() > deadline_s:
                raise NobodyKnocked(f"{name!r} did not ask to join within {within_s:.0f} s")
            await asyncio.sleep(POLL_S)

    async def _post(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        timeout = aiohttp.ClientTimeout(total=ANSWER_S)
        try:
            async with aiohttp.ClientSession(headers=self._headers, timeout=timeout) as session:
                async with session.post(self._base + path, json=body) as answer:
                    content = await answer.json() if answer.content_type == "application/json" else {}
                    return answer.status, content
        except (aiohttp.ClientError, TimeoutError) as error:
            raise NoSimulator(f"the simulator does not answer: {error}") from error
