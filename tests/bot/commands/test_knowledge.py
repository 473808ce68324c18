"""`understudy knowledge add`: which files are taken."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bot.commands.knowledge import read_document
from bot.conversation.passages import MAX_BYTES
from bot.errors import BadInput


def test_a_text_file_is_read_with_its_type(tmp_path: Path) -> None:
    file = tmp_path / "ferns.md"
    file.write_text("# Ferns\nKeep them moist – always.", encoding="utf-8")
    assert read_document(file) == ("# Ferns\nKeep them moist – always.", "text/markdown")


def test_what_is_no_file_of_text_is_refused_without_being_read_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "endless.md").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe.md")
    (tmp_path / "folder.md").mkdir()
    (tmp_path / "large.md").write_bytes(b"x" * (MAX_BYTES + 1))
    (tmp_path / "latin.md").write_bytes("Käfer".encode("latin-1"))
    (tmp_path / "picture.png").write_bytes(b"")
    for name, said in {
        "endless.md": "is no file",
        "pipe.md": "is no file",
        "folder.md": "is no file",
        "nowhere.md": "is not there",
        "large.md": "too large",
        "latin.md": "not UTF-8",
        "picture.png": "must end in",
    }.items():
        with pytest.raises(BadInput, match=said):
            read_document(tmp_path / name)
