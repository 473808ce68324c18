"""What tests of pyannote.audio's own classes need: reporting to its maker is off before the first import."""

from __future__ import annotations

import os

import numpy as np
import pytest

from bot.hearing.base import Pcm
from bot.hearing.diarization.model_place import packages_are_here

os.environ["PYANNOTE_METRICS_ENABLED"] = "0"

needs_pyannote = pytest.mark.skipif(not packages_are_here(), reason="pyannote.audio, extra [hearing], is not here")


def babble(samples: int, seed: int = 0) -> Pcm:
    """Noise that comes and goes."""
    loudness = np.maximum(0.0, np.sin(np.arange(samples) / 4000) + 0.5 * np.sin(np.arange(samples) / 900))
    noise = np.random.default_rng(seed).normal(size=samples) * 6000 * loudness
    return noise.clip(-32768, 32767).astype(np.int16)
