"""The demo's `--engine` is what moves the shipped character's face, until a demo without it."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from bot.commands import character, demo
from bot.config import Settings
from bot.conversation.passages import split_document
from bot.library import SHIPPED
from bot.library.importing import ensure_character
from tests.bot.stores import Seeded


def parsed(command, *words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.arguments(parser)
    return parser.parse_args(words)


def test_demo_and_character_take_an_engine() -> None:
    assert parsed(demo, "--engine", "diffusion-tiny").engine == "diffusion-tiny"
    assert parsed(character, "ensure-shipped", "--engine", "diffusion-tiny").engine == "diffusion-tiny"


@pytest.mark.parametrize("where", ["nowhere/report.json", "."])
def test_a_report_that_cannot_be_written_is_told_before_anything_is_played(tmp_path: Path, where: str) -> None:
    args = parsed(demo, "--rehearse", "--json", str(tmp_path / where))
    with pytest.raises(demo.BadReportFile):
        demo.run(args, Settings(home=tmp_path))
    assert not any(tmp_path.iterdir())


async def test_the_engine_chosen_is_kept_with_the_character_and_taken_back(sqlite_store: Seeded) -> None:
    engines = []
    for engine in ("diffusion-tiny", None):
        async with sqlite_store.database.write() as session:
            made = await ensure_character(
                session, SHIPPED, workspace_id=sqlite_store.workspace.id, split=split_document, engine=engine
            )
            engines.append(made.engine)
    assert engines == ["diffusion-tiny", "portrait"]
