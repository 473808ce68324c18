"""The engine's contract on the portrait engine, with its real process."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.api import CharacterAssets, Engine, Likeness, VideoFormat, open_engine
from tests.engine.contract import EngineContract

IRIS = Path(__file__).parents[3] / "bot" / "library" / "iris"


@pytest.mark.slow
@pytest.mark.parallel
class TestPortrait(EngineContract):
    character = CharacterAssets(
        character_id="iris", image=IRIS / "portrait.png", record=IRIS / "record", likeness=Likeness.FICTIONAL
    )
    video = VideoFormat(width=640, height=360, fps=24)

    def make_engine(self) -> Engine:
        return open_engine("portrait")
