"""What is asked of the command fits together, and what told voices apart is said."""

from __future__ import annotations

import argparse

import pytest

from bot.commands import demo
from bot.config import Settings
from bot.errors import BadInput
from bot.rehearsal.table import told_apart_by


@pytest.mark.parametrize("words", [["--scene", "table"], ["--rehearse", "--mixed"]])
def test_a_scene_is_rehearsed_and_only_a_scene_is_mixed(words: list[str]) -> None:
    parser = argparse.ArgumentParser()
    demo.arguments(parser)
    with pytest.raises(BadInput, match="--scene is played with --rehearse"):
        demo.run(parser.parse_args(words), Settings())


def test_what_told_voices_apart_is_said_without_praise() -> None:
    assert "stream of their own" in told_apart_by("", mixed=False)
    assert "active-speaker signals only" in told_apart_by("", mixed=True)
    said = told_apart_by("/models/secret/random-one", mixed=True)
    assert "random-one" in said and "random weights prove the path only" in said and "secret" not in said
