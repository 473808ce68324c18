"""`understudy up` as a person starts and stops it: all of it runs, and nothing of it remains."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from bot.supervision.installation import LOCAL_KEY, ROOT
from tests.polling import until_true

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 45.0

pytestmark = [pytest.mark.slow, pytest.mark.parallel]


class Installation:
    def __init__(self, home: Path) -> None:
        self.home, self.output = home, home.with_suffix(".out")
        self.environment = {**os.environ, "UNDERSTUDY_HOME": str(home), "UNDERSTUDY_API_PORT": "0"}
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bot", "up"],
                cwd=ROOT,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        until_true(lambda: "Ctrl-C" in self.said() or self.process.poll() is not None, START_TIMEOUT_S)
        assert self.process.poll() is None, self.said()
        self.family = psutil.Process(self.process.pid).children(recursive=True)

    def said(self) -> str:
        return self.output.read_text()

    def left(self) -> list[psutil.Process]:
        return [process for process in self.family if process.is_running() and process.status() != "zombie"]


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    running = Installation(tmp_path / "home")
    yield running
    running.process.kill()
    running.process.wait()
    for process in running.left():
        process.kill()


def signs_in(said: str) -> list[int]:
    """What two attempts with the printed link come to."""
    found = re.search(r"(http://\S+)/dashboard/#token=(\S+)", said)
    assert found is not None, said
    statuses = []
    for _ in range(2):
        body = json.dumps({"token": found[2]}).encode()
        headers = {"Content-Type": "application/json", "Origin": found[1]}
        exchange = urllib.request.Request(f"{found[1]}/dashboard/session", body, headers)
        try:
            with urllib.request.urlopen(exchange) as answer:
                statuses.append(answer.status)
        except urllib.error.HTTPError as refused:
            statuses.append(refused.code)
    return statuses


def test_all_of_it_starts_and_an_interrupt_leaves_nothing(installation: Installation) -> None:
    names = " ".join(" ".join(process.cmdline()) for process in installation.family)
    assert all(f"-m bot {name}" in names for name in ("api", "worker", "dispatcher", "courier", "bot-host"))
    assert "redis-server" in names
    assert signs_in(installation.said()) == [200, 401], "the page's link is good once"
    key = installation.home / LOCAL_KEY
    assert key.read_text().strip() and stat.S_IMODE(key.stat().st_mode) == 0o600
    installation.process.send_signal(signal.SIGINT)
    assert installation.process.wait(STOP_TIMEOUT_S) == 0, installation.said()
    assert not installation.left()


def test_a_second_one_on_the_same_home_is_told_of_the_first(installation: Installation) -> None:
    second = subprocess.run(
        installation.process.args,
        cwd=ROOT,
        env=installation.environment,
        capture_output=True,
        text=True,
        timeout=START_TIMEOUT_S,
    )
    assert second.returncode == 1
    assert f"process {installation.process.pid}" in second.stderr and "(already_running)" in second.stderr


def test_a_second_interrupt_ends_it_at_once(installation: Installation) -> None:
    installation.process.send_signal(signal.SIGINT)
    installation.process.send_signal(signal.SIGTERM)
    installation.process.wait(STOP_TIMEOUT_S)
    assert not installation.left()
