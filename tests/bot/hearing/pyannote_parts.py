"""What tests of pyannote.audio's own classes need: reporting to its maker is off before the first import."""

from __future__ import annotations

import os

import pytest

from bot.hearing.diarization.model_place import packages_are_here

os.environ["PYANNOTE_METRICS_ENABLED"] = "0"

needs_pyannote = pytest.mark.skipif(not packages_are_here(), reason="pyannote.audio, extra [hearing], is not here")
