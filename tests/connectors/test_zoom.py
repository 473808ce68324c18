"""The contract of connectors, kept by the Zoom connector in the simulator, over real browsers, sound and pictures."""

from __future__ import annotations

import shutil
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from connectors.base import Connector
from connectors.kit.browser import PROGRAMS
from connectors.zoom.connector import ZoomConnector
from tests.connectors.contract import ConnectorContract, Stage
from tests.connectors.meeting_stage import meeting_stage

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.browser,
    pytest.mark.sound,
    pytest.mark.skipif(not any(map(shutil.which, PROGRAMS)), reason="no Chromium is installed"),
    pytest.mark.skipif(not shutil.which("pulseaudio"), reason="no PulseAudio is installed"),
]


class TestZoom(ConnectorContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path / "guest"

    def make_stage(self) -> AbstractAsyncContextManager[Stage]:
        return meeting_stage(self.folder, "zoom")

    def make_connector(self, url: str, workdir: Any) -> Connector:
        return ZoomConnector(workdir / "bot")
