"""`understudy engine serve` as a user runs it: a process of its own, ended with everything below it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psutil

from bot.supervision import kernel
from engine.client import RemoteEngine, Server
from tests.polling import until_true

READY_S = 120.0
ROOT = Path(__file__).resolve().parents[3]


class Served:
    """One running server and its processes."""

    def __init__(self, home: Path, *words: str) -> None:
        command = [sys.executable, "-m", "bot", "engine", "serve", "--port", "0", "--device", "cpu", *words]
        environment = {**os.environ, "UNDERSTUDY_HOME": str(home)}
        self.home, self._out = home, home.with_suffix(".out")
        with self._out.open("wb") as out:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment,
                stdout=out,
                stderr=out,
                preexec_fn=kernel.dying_with_parent(),  # also where the tests themselves are killed
            )

    def wait_until_ready(self, times: int = 1) -> None:
        def ready() -> bool:
            assert self.process.poll() is None, self.said()
            return self.said().count("the engine is ready") >= times

        until_true(ready, READY_S)

    def said(self) -> str:
        return self._out.read_text(errors="replace")

    @property
    def server(self) -> Server:
        url = self.said().split("listening", 1)[1].split()[0]
        return Server(url=url, token=(self.home / "engine-token").read_text().strip())

    def engine(self, **options) -> RemoteEngine:
        return RemoteEngine((self.server,), **options)

    def sessions(self) -> int:
        """How many are open; one that was left ends when its last block is made."""
        asked = Request(f"{self.server.url}/ready", headers={"Authorization": f"Bearer {self.server.token}"})
        try:
            with urlopen(asked, timeout=5) as answer:
                return int(json.load(answer)["sessions"])
        except HTTPError as error:  # 503: not ready
            return int(json.load(error)["sessions"])

    def ranks(self) -> list[psutil.Process]:
        if self.process.poll() is not None:
            return []
        below = psutil.Process(self.process.pid).children(recursive=True)
        ranks = [one for one in below if "engine.diffusion.rank" in " ".join(one.cmdline())]
        return sorted(ranks, key=lambda one: one.create_time())


@contextmanager
def serving(home: Path, *words: str) -> Iterator[Served]:
    served = Served(home, *words)
    try:
        served.wait_until_ready()
        yield served
    finally:
        below = served.ranks()
        served.process.terminate()
        try:
            served.process.wait(30)
        except subprocess.TimeoutExpired:
            served.process.kill()
            served.process.wait()
        left = [one for one in below if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
        for one in left:
            one.kill()
        assert not left, "processes outlived their server"
