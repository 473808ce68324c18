"""`understudy demo --rehearse` as an ordinary user: a whole meeting, each browser in its own sandbox, nothing left.

Where the tests run as root they become another user for it, who must be able to read the checkout and run a Python.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.house.sources import ROOT
from tests.journeys.needs import real_parts

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(420), *real_parts]
USER = 65534 if os.geteuid() == 0 else os.geteuid()
LIMIT_S = 400
SITE = sysconfig.get_path("purelib")
NEEDED = "import bot.cli, aiohttp, numpy, playwright, psutil, redis"
PYTHONS: tuple[tuple[str, dict[str, str]], ...] = (  # ours, else the system's with our packages
    (sys.executable, {}),
    (f"/usr/bin/python3.{sys.version_info.minor}", {"PYTHONPATH": SITE}),
)


@pytest.fixture
def home() -> Iterator[Path]:
    """Theirs; a test's own folder is closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="ordinary-"))
    os.chown(folder, USER, USER)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def begin(words: list[str], home: Path, **variables: str) -> subprocess.Popen[str]:
    other: dict[str, Any] = {"user": USER, "group": USER, "extra_groups": []} if os.geteuid() == 0 else {}
    return subprocess.Popen(
        words,
        cwd=ROOT,
        env={"HOME": str(home), "PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1", **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **other,
    )


def python_of(home: Path) -> tuple[str, dict[str, str]]:
    """Which Python that user can run the product with."""
    for python, variables in PYTHONS:
        try:
            with begin([python, "-c", NEEDED], home, **variables) as trial:
                if trial.wait(60) == 0:
                    return python, variables
        except OSError:  # it is not theirs to run, or the checkout not theirs to enter
            continue
    pytest.skip(f"user {USER} can read no Python with the product's packages, or not this checkout")


def browsers() -> dict[int, list[str]]:
    """The command lines of that user's browser processes, now."""
    found: dict[int, list[str]] = {}
    for process in psutil.process_iter():
        try:
            if process.uids().real == USER and "chrom" in process.name():
                found[process.pid] = process.cmdline()
        except psutil.Error:
            continue
    return found


def rehearse(home: Path) -> tuple[dict[str, Any], dict[int, list[str]], str]:
    """The report, every browser process that was seen, and what was said."""
    python, variables = python_of(home)
    seen: dict[int, list[str]] = {}
    words = [python, "-m", "bot", "demo", "--rehearse", "--headless", "--json", str(home / "report.json")]
    with begin(words, home, **variables) as process:
        try:
            for _ in range(LIMIT_S):
                try:
                    _, said = process.communicate(timeout=1)
                    return json.loads((home / "report.json").read_text()), seen, said
                except subprocess.TimeoutExpired:
                    seen |= browsers()
        finally:
            process.kill()
    pytest.fail(f"no end within {LIMIT_S} s")


def test_an_ordinary_user_has_a_meeting_with_every_browser_in_its_own_sandbox(home: Path) -> None:
    report, seen, said = rehearse(home)
    print(said)
    # What is said in it is test_rehearsal's: of an ordinary user a busy machine may deny the sound server its priority.
    for step in ("the bot is in the call", "the bot has introduced itself", "last state: ended"):
        assert step in said, report["problems"]
    assert report["left"] == []
    kinds = [word for line in seen.values() for word in line if word.startswith("--type=")]
    assert "--type=renderer" in kinds and "--type=zygote" in kinds, "a sandbox is made by a zygote"
    assert [line for line in seen.values() if "--no-sandbox" in line] == []
