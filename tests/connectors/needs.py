"""What a test of real parts needs of the machine, as marks; one that is missing skips with its name."""

from __future__ import annotations

import shutil

import pytest

from connectors.base import DeviceFailed
from connectors.kit.browser import find_chromium


def _chromium_is_missing() -> bool:
    try:
        return not find_chromium()
    except DeviceFailed:
        return True


browser = [pytest.mark.browser, pytest.mark.skipif(_chromium_is_missing(), reason="no Chromium is installed")]
sound = [pytest.mark.sound, pytest.mark.skipif(not shutil.which("pulseaudio"), reason="no PulseAudio is installed")]
