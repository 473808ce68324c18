"""The contract of connectors, kept by the Meet connector in the simulator, over real browsers, sound and pictures."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from connectors.base import (
    CHUNK_SAMPLES,
    HEARING_RATE_HZ,
    BrowserDied,
    ChatMessage,
    Connector,
    Ended,
    JoinRequest,
    ParticipantJoined,
    Removed,
    Speaking,
)
from connectors.meet.connector import MeetConnector
from connectors.simulator.screens import ENDINGS
from tests.connectors import needs
from tests.connectors.contract import NAME, LobbyContract, LobbyStage, Notes, until
from tests.connectors.meeting_stage import MeetingStage, meeting_stage, stages

KINDS = ("browser", "camera", "sound")
ADA_HZ, BEN_HZ = 600.0, 1000.0  # whole periods in a chunk: neither shows at the other's place
AUDIBLE = 800  # amplitude; the guests' own is 8000
MISTAKEN_S = 0.3  # at most, of the other's: where one's turn on a track begins

pytestmark = [
    pytest.mark.slow,
    *needs.browser,
    *needs.sound,
]


@pytest.mark.acceptance
@pytest.mark.timeout(120)
@pytest.mark.parametrize("variant", ["shared", "one_track"])
async def test_shared_tracks_are_told_apart_by_their_contributing_sources(tmp_path: Path, variant: str) -> None:
    """Two guests, one after the other; and where there is a track for each, at the same time too."""
    async with meeting_stage(tmp_path / "ada") as stage:
        url, beside = await stage.open_meeting(lobby=False), stage.beside(tmp_path / "ben")
        await stage.guest_joins("Ada")
        await beside.guest_joins("Ben")
        async with MeetConnector(tmp_path / "bot") as connector:
            notes = Notes(connector)
            await connector.join(JoinRequest(meeting_url=f"{url}?variant={variant}", display_name=NAME))
            ids = await until(lambda: ids_of(notes, "Ada", "Ben"))
            await stage.guest_beeps(ADA_HZ, 3.0)
            await beside.guest_beeps(BEN_HZ, 3.0)
            if variant == "shared":
                await asyncio.gather(stage.guest_beeps(ADA_HZ, 3.0), beside.guest_beeps(BEN_HZ, 3.0))
            await connector.leave()
            await notes.close()
    spoken_s = 4.0 if variant == "shared" else 2.0  # of six or three: a track is shared from the first sound on
    for name, own_hz, other_hz in (("Ada", ADA_HZ, BEN_HZ), ("Ben", BEN_HZ, ADA_HZ)):
        found = {hz: tone_s(notes, ids[name], hz) for hz in (own_hz, other_hz)}
        assert found[own_hz] > spoken_s and found[other_hz] < MISTAKEN_S, (name, found)


def ids_of(notes: Notes, *names: str) -> dict[str, str]:
    """Empty until all are there."""
    there = {one.name: one.participant for one in notes.of(ParticipantJoined) if not one.is_self}
    return there if set(names) <= there.keys() else {}


def tone_s(notes: Notes, participant: str, hz: float) -> float:
    """For how long a participant's stream has this tone, by chunks in which it stands out."""
    carrier = np.exp(-2j * np.pi * hz * np.arange(CHUNK_SAMPLES) / HEARING_RATE_HZ)
    theirs = [chunk.pcm for chunk in notes.chunks if chunk.participant == participant]
    audible = sum(2 * abs(pcm @ carrier) / CHUNK_SAMPLES > AUDIBLE for pcm in theirs)
    return audible * CHUNK_SAMPLES / HEARING_RATE_HZ


class TestMeet(LobbyContract):
    platform = "meet"
    stages = stages("meet")

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path / "guest"

    def make_stage(self) -> AbstractAsyncContextManager[LobbyStage]:
        return meeting_stage(self.folder)


@pytest.mark.parallel
async def test_nothing_is_left_of_a_bot_but_its_evidence(tmp_path: Path) -> None:
    async with meeting_stage(tmp_path / "guest") as stage:
        url = await stage.open_meeting(lobby=False)
        before = set(psutil.Process().children(recursive=True)), remains_of(os.getpid())
        async with MeetConnector(tmp_path / "bot") as connector:
            await connector.join(JoinRequest(meeting_url=url, display_name=NAME))
            assert len(psutil.Process().children(recursive=True)) > len(before[0]) + 3
            assert remains_of(os.getpid()) > before[1]
            stage.room.remove(NAME)
            removed = await until_of(connector, Removed)
        assert {one for one in psutil.Process().children(recursive=True) if running(one)} <= before[0]
        assert remains_of(os.getpid()) == before[1]
    assert removed.evidence is not None and removed.evidence.heading == ENDINGS["removed"].heading
    assert {path.suffix for path in files_in(tmp_path / "bot")} == {".png", ".html"}


@pytest.mark.parallel
async def test_peoples_words_do_not_pass_for_screens(tmp_path: Path) -> None:
    async with meeting_stage(tmp_path / "guest") as stage:
        url = await stage.open_meeting(lobby=False)
        await stage.guest_joins("You've been removed from the meeting")
        async with MeetConnector(tmp_path / "bot") as connector:
            notes = Notes(connector)
            await connector.join(JoinRequest(meeting_url=url, display_name=NAME))
            await stage.guest_writes("Your host ended the meeting for everyone")
            await until(lambda: notes.of(ChatMessage))
            await stage.guest_writes("still here")
            await until(lambda: len(notes.of(ChatMessage)) == 2)
            assert not notes.of(Removed) and not notes.of(Ended)
            await connector.leave()
            await notes.close()


async def test_a_raised_hand_and_speech_are_seen_by_the_others(tmp_path: Path) -> None:
    async with meeting_stage(tmp_path / "guest") as stage:
        url = await stage.open_meeting(lobby=False)
        await stage.guest_joins("Guest")
        async with MeetConnector(tmp_path / "bot", camera="page") as connector:
            assert connector.camera_way == "page"
            notes = Notes(connector)
            await connector.join(JoinRequest(meeting_url=url, display_name=NAME))
            await connector.raise_hand(True)
            await until(lambda: raised(stage))
            await connector.raise_hand(False)
            await until(lambda: not raised(stage))
            await stage.guest_beeps(500.0, 1.0)
            await until(lambda: {one.active for one in notes.of(Speaking)} == {True, False})
            await connector.leave()
            await notes.close()


@pytest.mark.parallel
async def test_a_browser_that_dies_in_the_call_is_told(tmp_path: Path) -> None:
    async with meeting_stage(tmp_path / "guest") as stage:
        url = await stage.open_meeting(lobby=False)
        async with MeetConnector(tmp_path / "bot") as connector:
            await connector.join(JoinRequest(meeting_url=url, display_name=NAME))
            connector.browser.processes()[0].kill()
            with pytest.raises(BrowserDied):
                await until_of(connector, Ended)
            with pytest.raises(BrowserDied):
                await connector.say_in_chat("anyone there?")


@pytest.mark.parallel
async def test_a_killed_bot_leaves_no_process(tmp_path: Path) -> None:
    async with meeting_stage(tmp_path / "guest") as stage:
        url = await stage.open_meeting(lobby=False)
        owner = await asyncio.create_subprocess_exec(
            sys.executable, "-c", ORPHAN, url, str(tmp_path / "bot"), stdout=subprocess.PIPE
        )
        assert owner.stdout is not None and await asyncio.wait_for(owner.stdout.readline(), 30) == b"in\n"
        family = psutil.Process(owner.pid).children(recursive=True)
        assert len(family) > 5
        owner.kill()
        await owner.wait()
        await until(lambda: not any(running(one) for one in family))
        await until(lambda: not stage.room.people())
        for folder in remains_of(owner.pid):  # folders, unlike processes, have nobody to remove them
            shutil.rmtree(folder)


ORPHAN = """
import asyncio, sys
from pathlib import Path
from connectors.base import JoinRequest
from connectors.registry import open_connector
async def main():
    async with open_connector(sys.argv[1], Path(sys.argv[2])) as connector:
        await connector.join(JoinRequest(meeting_url=sys.argv[1], display_name="Iris (AI)"))
        print("in", flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


def raised(stage: MeetingStage) -> bool:
    return any(seat.state["hand"] for seat in stage.room.people())


def running(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def remains_of(pid: int) -> set[Path]:
    """What our parts made in that process, outside a bot's own folder."""
    folders = {Path(tempfile.gettempdir()), Path("/dev/shm")}
    return {path for folder in folders for kind in KINDS for path in folder.glob(f"understudy-{kind}-{pid}-*")}


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def until_of(connector: Connector, kind: type[Any]) -> Any:
    """The first event of a kind. Raises what events() raises."""
    async with asyncio.timeout(20):
        async for event in connector.events():
            if isinstance(event, kind):
                return event
    raise AssertionError(f"events ended without {kind.__name__}")
