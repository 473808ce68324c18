"""A clip that fails takes nothing of an older one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engine.portrait.preview import NoClip, NotWritten, _encode, _whole

FRAMES = [np.zeros((6, 4), np.uint8)]
WRITES_HALF = 'cat > /dev/null; echo half > "$0"'


def test_a_clip_is_whole_or_stays_as_it_was(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_text("older")
    with pytest.raises(NoClip, match="ffmpeg failed"):
        _encode(["sh", "-c", f"{WRITES_HALF}; exit 1"], iter(FRAMES), clip)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["older"]
    _encode(["sh", "-c", WRITES_HALF], iter(FRAMES), clip)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["half\n"]


def test_a_clip_that_broke_off_says_why(tmp_path: Path) -> None:
    with pytest.raises(NoClip, match="ffmpeg failed: no room"):
        _encode(["sh", "-c", "echo no room >&2; exit 1"], iter(FRAMES * 100_000), tmp_path / "clip.mp4")
    assert list(tmp_path.iterdir()) == []


def test_a_sheet_without_room_is_refused_in_words_and_the_older_one_stays(tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    sheet.write_text("older")
    (tmp_path / ".sheet.png.part").symlink_to("/dev/full")
    with (
        pytest.raises(NotWritten, match=r"sheet\.png cannot be written: No space"),
        _whole(sheet) as part,
    ):
        part.write_bytes(b"PNG")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["older"]


@pytest.mark.slow
@pytest.mark.parallel
def test_as_a_process_it_answers_where_there_is_no_room() -> None:
    at = Path(__file__).parents[3] / "bot" / "library" / "iris"
    words = [str(at / "portrait.png"), str(at / "record"), "/dev/full"]
    done = subprocess.run([sys.executable, "-m", "engine.portrait.preview", *words], capture_output=True, text=True)
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["code"] == "not_written" and told["error"].endswith("No space left on device")
