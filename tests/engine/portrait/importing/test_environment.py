"""The environment that finds faces belongs to the Python it was made with. None is made here."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.portrait.importing.environment import PYTHONS, Analyser, environment_of


def make(folder: Path, version: str) -> Path:
    """As far as can be seen from outside."""
    python = environment_of(folder, version) / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    return python


@pytest.mark.parametrize("ours", PYTHONS)
def test_one_made_with_another_python_is_not_taken(tmp_path: Path, ours: str) -> None:
    for version in PYTHONS:
        if version != ours:
            make(tmp_path, version)
    assert Analyser(tmp_path, ours=ours).made() is None
    made = make(tmp_path, ours)
    assert Analyser(tmp_path, ours=ours).python() == made


@pytest.mark.parametrize("version", PYTHONS)
def test_where_ours_will_not_do_one_that_is_there_is_taken(tmp_path: Path, version: str) -> None:
    made = make(tmp_path, version)
    assert Analyser(tmp_path, ours="python3.99").python() == made
