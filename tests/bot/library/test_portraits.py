"""An import leaves a whole portrait or nothing: when it is called off, when there is no room, when two meet."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest

from bot.library.portraits import PortraitUnavailable, original_of, prepare_portrait
from engine.portrait.importing.environment import OURS, PYTHONS, Analyser, environment_of
from engine.portrait.importing.errors import NoAnalyser
from engine.portrait.importing.make import _put
from engine.portrait.record import load_record
from tests.polling import eventually

pytestmark = pytest.mark.slow
POINTS = json.dumps({"mouth": {"left": [250, 230], "right": [350, 230]}, "outline": [[150, 40], [450, 40], [300, 350]]})


@pytest.fixture
def picture() -> bytes:
    return cv2.imencode(".png", np.full((360, 600, 3), 150, np.uint8))[1].tobytes()


def faces_found_by(home: Path, script: str) -> Path:
    """An environment whose Python is this script; returns its place."""
    python = python_in(home / "environments")
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    return python


def python_in(environments: Path) -> Path:
    """Where the Python that finds faces has its place, with a folder to lie in."""
    version = OURS if OURS in PYTHONS else PYTHONS[0]
    python = environment_of(environments, version) / "bin" / "python"
    python.parent.mkdir(parents=True)
    return python


def begun(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What finds faces says its number in this file, and goes on for minutes; what is passing lies in `passing`."""
    passing, told = home / "passing", home / "pid"
    passing.mkdir()
    monkeypatch.setenv("TMPDIR", str(passing))
    about = '"$$ $(nice) $(cat /proc/$$/oom_score_adj) $(env | grep -c UNDERSTUDY_)"'
    faces_found_by(home, f"echo {about} > {told}.part && mv {told}.part {told} && exec sleep 300")
    return told


async def test_an_import_called_off_ends_what_it_started_and_leaves_nothing(
    tmp_path: Path, picture: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNDERSTUDY_DATABASE_URL", "postgresql://owner:password@host/understudy")
    told = begun(tmp_path, monkeypatch)
    importing = asyncio.create_task(prepare_portrait(tmp_path, picture, points=None, style=None))
    await eventually(told.exists, 30)
    pid, nice, oom_score, settings = told.read_text().split()
    assert int(nice) >= 10 and oom_score == "1000", "an import takes from meetings"
    assert settings == "0", "what strangers send is opened beside our keys"
    assert psutil.pid_exists(int(pid))
    importing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await importing
    assert not psutil.pid_exists(int(pid)) and not (tmp_path / "characters").exists()
    assert list((tmp_path / "passing").iterdir()) == []


async def test_an_import_that_is_killed_says_so_and_leaves_no_picture_and_no_process(
    tmp_path: Path, picture: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = begun(tmp_path, monkeypatch)
    importing = asyncio.create_task(prepare_portrait(tmp_path, picture, points=None, style=None))
    await eventually(told.exists, 30)
    finding = psutil.Process(int(told.read_text().split()[0]))
    assert list((tmp_path / "passing").iterdir()) == [], "a picture would lie there for ever"
    importing_process = finding.parent()
    assert importing_process.cmdline()[3].startswith("/dev/fd/"), "and here"
    importing_process.kill()
    with pytest.raises(PortraitUnavailable, match="was killed, as where memory ends; try again"):
        await importing
    await eventually(lambda: not finding.is_running() or finding.status() == psutil.STATUS_ZOMBIE)
    assert not (tmp_path / "characters").exists()


async def test_a_portrait_that_cannot_be_kept_is_an_answer(tmp_path: Path, picture: bytes) -> None:
    (tmp_path / "characters").write_text("a file, where a folder should be")
    with pytest.raises(PortraitUnavailable, match="cannot be kept: "):
        await prepare_portrait(tmp_path, picture, points=POINTS, style=None)


async def test_the_same_picture_twice_at_once_is_one_portrait(tmp_path: Path, picture: bytes) -> None:
    one, other = await asyncio.gather(
        *(prepare_portrait(tmp_path, picture, points=POINTS, style=None) for _ in range(2))
    )
    assert one == other and load_record(one.image, one.record).mouth.seam.shape[1] == 2
    assert original_of(one.image).read_bytes() == picture
    assert len(list((tmp_path / "characters").iterdir())) == 1


def test_there_is_always_one_whole_folder(tmp_path: Path) -> None:
    """Who has the old one open goes on with it, and the path never leads nowhere."""
    folder, part = tmp_path / "made", tmp_path / "part"
    for place in (folder, part):
        place.mkdir()
        (place / "record.json").write_text(place.name)
    before = part.stat().st_ino
    _put(part, folder)
    assert folder.stat().st_ino == before and (folder / "record.json").read_text() == "part"
    assert (part / "record.json").read_text() == "made"  # goes with what is left of the import


def test_an_environment_whose_python_is_gone_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")  # nothing is fetched here: that it is made anew is seen by what went
    analyser = Analyser(tmp_path)
    python_in(tmp_path).symlink_to(tmp_path / "of-an-older-system")
    with pytest.raises(NoAnalyser, match="does not work"):
        analyser.python()
    assert list(tmp_path.iterdir()) == []
