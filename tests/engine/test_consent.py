"""Whose face may be shown: only with a likeness stated, a proof where it is a real person's, and not after its end."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.api import CharacterAssets, ConsentMissing, Likeness, require_consent

DRAWN = CharacterAssets(character_id="iris", image=Path("iris.png"), likeness=Likeness.FICTIONAL)
REAL = replace(DRAWN, likeness=Likeness.CONSENTED, consent_proof="letter of 2026-11-01")


@pytest.mark.parametrize(
    "assets",
    [
        replace(DRAWN, likeness=None),
        replace(REAL, consent_proof=None),
        replace(REAL, likeness=Likeness.SELF, consent_proof=""),
        replace(REAL, consent_proof="  "),
        replace(REAL, consent_expires_at=datetime.now(UTC) - timedelta(seconds=1)),
    ],
)
def test_a_face_without_valid_consent_is_refused(assets: CharacterAssets) -> None:
    with pytest.raises(ConsentMissing, match="iris"):
        require_consent(assets)


def test_a_drawn_face_and_one_with_consent_are_shown() -> None:
    require_consent(DRAWN)
    require_consent(replace(REAL, consent_expires_at=datetime.now(UTC) + timedelta(days=1)))
