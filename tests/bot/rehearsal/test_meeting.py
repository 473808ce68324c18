"""The host's hand on a real simulator, found by its log."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.rehearsal.meeting import Host, NoSimulator
from connectors.simulator import SimulatorServer


def said_by(simulator: SimulatorServer) -> str:
    """What `understudy simulator` prints, with a meeting it has made."""
    room = simulator.create_meeting()
    return (
        f"meeting        {simulator.url(room)}\n"
        f"host controls  {simulator.host_url(room)}\n"
        f"control token  {simulator.control_token}\n"
    )


async def test_the_simulator_that_runs_now_is_told_from_those_that_logged_before(tmp_path: Path) -> None:
    log = tmp_path / "simulator.log"
    async with SimulatorServer() as earlier, SimulatorServer() as now:
        log.write_text(said_by(earlier) + said_by(now))
        port = int(now.base_url.rsplit(":", 1)[1])
        meeting = await (await Host.of(port, log)).open()
        assert meeting.url.startswith(now.base_url)


async def test_a_wrong_token_is_a_clear_error() -> None:
    async with SimulatorServer() as simulator:
        port = int(simulator.base_url.rsplit(":", 1)[1])
        with pytest.raises(NoSimulator):
            await Host(port, "wrong").open()
