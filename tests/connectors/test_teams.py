"""The contract of connectors, kept by the Teams connector in the simulator, over real browsers, sound and pictures."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from tests.connectors import needs
from tests.connectors.contract import LobbyContract, LobbyStage
from tests.connectors.meeting_stage import meeting_stage, stages

pytestmark = [
    pytest.mark.acceptance,
    *needs.browser,
    *needs.sound,
]


class TestTeams(LobbyContract):
    platform = "teams"
    stages = stages("teams")

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path / "guest"

    def make_stage(self) -> AbstractAsyncContextManager[LobbyStage]:
        return meeting_stage(self.folder, "teams")
