"""Three people at one browser, heard by a bot's connector: each has a voice of their own."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from bot.rehearsal.people import People
from connectors.base import HEARING_RATE_HZ, AudioChunk, JoinRequest, ParticipantJoined
from connectors.meet.connector import MeetConnector
from connectors.simulator import Policy, SimulatorServer
from tests.connectors import needs
from tests.connectors.contract import until

pytestmark = [pytest.mark.acceptance, *needs.browser, *needs.sound]
TONES_HZ = {"Ada": 440.0, "Ben": 700.0, "Carl": 1120.0}
PLAYED_S = 6.0
LOUD = 500
ENOUGH_CHUNKS = 25  # half a second: a browser takes a steady tone for noise after a while


class Listener:
    """What the connector tells and hears, by participant."""

    def __init__(self, connector: MeetConnector) -> None:
        self._connector = connector
        self.names: dict[str, str] = {}
        self.sound: dict[str, list[AudioChunk]] = {}

    async def names_come(self) -> None:
        async for event in self._connector.events():
            if isinstance(event, ParticipantJoined):
                self.names[event.participant] = event.name

    async def sound_comes(self) -> None:
        async for chunk in self._connector.audio():
            if chunk.participant and np.abs(chunk.pcm.astype(int)).max() > LOUD:
                self.sound.setdefault(self.names.get(chunk.participant, ""), []).append(chunk)

    def loudest_hz(self, name: str) -> float:
        pcm = np.concatenate([chunk.pcm for chunk in self.sound[name]])
        return float(np.abs(np.fft.rfft(pcm * np.hanning(len(pcm)))).argmax() * HEARING_RATE_HZ / len(pcm))


def tone(hz: float) -> np.ndarray:
    """In bursts of a quarter of a second."""
    at_s = np.arange(round(PLAYED_S * 48_000)) / 48_000
    return (8000 * np.sin(2 * np.pi * hz * at_s) * (at_s % 0.5 < 0.25)).astype(np.int16)


async def test_three_people_at_one_browser_are_three_streams_at_the_bot(tmp_path: Path) -> None:
    voices = dict.fromkeys(TONES_HZ, "slt")
    async with (
        SimulatorServer() as simulator,
        People(tmp_path / "people", voices, eyes=False) as table,
        MeetConnector(tmp_path / "bot") as connector,
        asyncio.TaskGroup() as group,
    ):
        url = simulator.url(simulator.create_meeting(Policy(lobby=False)))
        for name, person in table.people.items():
            await table.come(name, url)
            await person.knock()
        listener = Listener(connector)
        group.create_task(listener.names_come())
        await connector.join(JoinRequest(meeting_url=url, display_name="Iris (AI)"))
        group.create_task(listener.sound_comes())
        await until(lambda: set(listener.names.values()) >= TONES_HZ.keys())
        said = await asyncio.gather(*(person.play(tone(TONES_HZ[name])) for name, person in table.people.items()))
        assert all(span is not None for span in said)
        await connector.leave()
    for name, hz in TONES_HZ.items():
        assert len(listener.sound[name]) >= ENOUGH_CHUNKS
        assert listener.loudest_hz(name) == pytest.approx(hz, abs=5)
