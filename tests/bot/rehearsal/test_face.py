"""A demo says how fast a generated face was made."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from bot.log import configure, get_log
from bot.rehearsal.face import SENTENCE, FaceRates


@pytest.mark.parametrize("as_json", [True, False])
def test_the_rate_is_read_from_what_a_bots_log_gained(
    tmp_path: Path, as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    logger = logging.getLogger()
    before, level = logger.handlers[:], logger.level
    try:
        configure(as_json=as_json)
        get_log("engine.diffusion.engine").info(SENTENCE, frames_per_s=135.2, fps=24, blocks=300, held=2)
    finally:
        logger.handlers[:] = before
        logger.setLevel(level)
    line, log = capsys.readouterr().err, tmp_path / "bots" / "bot-1.log"
    log.parent.mkdir()
    log.write_text(line + "of a demo before\n")
    rates = FaceRates(tmp_path)
    with log.open("a") as file:
        file.write(line + f"{SENTENCE} but torn\n")
    (told,) = rates.told()
    assert "135.2 frames" in told and "24 needed" in told and "300 blocks" in told and "2 held" in told


def test_a_face_that_is_not_generated_says_nothing(tmp_path: Path) -> None:
    assert FaceRates(tmp_path / "none").told() == []
