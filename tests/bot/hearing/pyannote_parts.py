"""What tests of pyannote.audio's own classes need: reporting to its maker is off before the first import."""

from __future__ import annotations

import os
from importlib.util import find_spec

import pytest

os.environ["PYANNOTE_METRICS_ENABLED"] = "0"

needs_pyannote = pytest.mark.skipif(
    find_spec("pyannote") is None, reason="pyannote.audio, extra [hearing], is not here"
)
