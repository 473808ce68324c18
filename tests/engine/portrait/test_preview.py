"""A clip that fails takes nothing of an older one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.portrait.preview import NoClip, _encode

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
