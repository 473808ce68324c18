"""What a killed process left is swept; what a living one uses is not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from connectors.kit.folders import make_folder, maker_of, plain_place, sweep

LEAVE = "import sys; from pathlib import Path; from connectors.kit.folders import make_folder as m; "


def test_only_folders_of_the_dead_are_swept(tmp_path: Path) -> None:
    own = make_folder("sound", tmp_path)
    (own / "file").touch()
    made = subprocess.run(
        [sys.executable, "-c", LEAVE + f"print(m('camera', Path({str(tmp_path)!r})))"],
        capture_output=True, text=True, check=True, timeout=30,
    ).stdout.strip()  # fmt: skip
    (tmp_path / "understudy-notes").mkdir()
    assert sweep([tmp_path, tmp_path / "missing"]) == [Path(made)]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([own.name, "understudy-notes"])


def test_a_folder_says_who_made_it(tmp_path: Path) -> None:
    assert maker_of(make_folder("bot", tmp_path)) is not None
    assert maker_of(tmp_path / "understudy-rehearsal-ab12") is None


def test_no_folder_is_made_where_its_path_would_have_a_space(tmp_path: Path) -> None:
    temporary = tmp_path / "a place"
    temporary.mkdir()
    made = subprocess.run(
        [sys.executable, "-c", LEAVE + "made = m('camera'); made.rmdir(); print(made)"],
        capture_output=True, text=True, check=True, timeout=30, env={**os.environ, "TMPDIR": str(temporary)},
    ).stdout.strip()  # fmt: skip
    assert made.startswith("/tmp/understudy-camera-")
    assert plain_place(Path("/var/tmp/x-1.2")) == Path("/var/tmp/x-1.2")
