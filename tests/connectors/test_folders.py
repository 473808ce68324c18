"""What a killed process left is swept; what a living one uses is not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from connectors.kit.folders import make_folder, maker_of, plain_place, sweep

NOBODY = 65534
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


STRANGE = (
    "understudy-x-99999999999999-y",
    "understudy-x-2147483648-y",
    "understudy-x-0-y",
    "understudy-x-\N{ARABIC-INDIC DIGIT NINE}99999-y",
    "understudy-x--1-y",
)


@pytest.mark.parametrize("name", STRANGE)
def test_a_folder_nobody_of_ours_could_have_made_stays_and_stops_nobody(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    assert sweep([tmp_path]) == []


@pytest.mark.parametrize("mark", ["display-a-b", "display-1", "display-1-2-3", "display-99999999999-99999999999"])
def test_a_mark_of_no_display_does_not_keep_a_folder_of_the_dead(tmp_path: Path, mark: str) -> None:
    folder = tmp_path / "understudy-browser-999999999-x"
    folder.mkdir()
    (folder / mark).touch()
    assert sweep([tmp_path]) == [folder]


def test_what_is_no_folder_is_neither_removed_nor_followed(tmp_path: Path) -> None:
    (kept := tmp_path / "kept").mkdir()
    (tmp_path / "understudy-bot-999999999-link").symlink_to(kept)
    (tmp_path / "understudy-bot-999999998-file").touch()
    assert sweep([tmp_path]) == [] and kept.is_dir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another user's folder")
def test_another_users_folder_is_not_even_looked_into(tmp_path: Path) -> None:
    folder = tmp_path / "understudy-bot-999999999-x"
    folder.mkdir()
    (folder / "display-1-999999999").touch()
    os.chown(folder, NOBODY, NOBODY)
    assert sweep([tmp_path]) == [] and folder.is_dir()


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
