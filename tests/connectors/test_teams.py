"""The contract of connectors, kept by the Teams connector in the simulator, over real browsers, sound and pictures."""

from __future__ import annotations

import shutil
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from connectors.kit.browser import PROGRAMS
from tests.connectors.contract import LobbyContract, LobbyStage
from tests.connectors.meeting_stage import meeting_stage

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.browser,
    pytest.mark.sound,
    pytest.mark.skipif(not any(map(shutil.which, PROGRAMS)), reason="no Chromium is installed"),
    pytest.mark.skipif(not shutil.which("pulseaudio"), reason="no PulseAudio is installed"),
]


class TestTeams(LobbyContract):
    platform = "teams"

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path / "guest"

    def make_stage(self) -> AbstractAsyncContextManager[LobbyStage]:
        return meeting_stage(self.folder, "teams")
