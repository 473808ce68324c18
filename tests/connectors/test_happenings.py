"""What happens on pages besides their screens: windows, hiding controls, cameras switched off, cut networks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.base import (
    Admitted,
    ChatMessage,
    ConnectionLost,
    Ended,
    InLobby,
    JoinRefused,
    JoinRequest,
    LeftUnasked,
    NotDone,
    ParticipantJoined,
    PictureArrives,
    Refusal,
    Removed,
    ScreenShared,
    SoundArrives,
    Speaking,
    UnnamedPeople,
)
from connectors.registry import open_connector
from connectors.simulator import SimulatorServer
from connectors.simulator.screens import PLATFORMS
from tests.connectors import needs
from tests.connectors.contract import NAME, Notes, playing, until
from tests.connectors.meeting_stage import meeting_stage

pytestmark = [
    pytest.mark.acceptance,
    *needs.browser,
    *needs.sound,
]
ALL_AT_ONCE = "modal_before.modal_late.hiding_toolbar.phantom.renamed_chat"
CODE = "abc-defg-hij"


@pytest.fixture
async def simulator() -> AsyncIterator[SimulatorServer]:
    async with SimulatorServer() as simulator:
        yield simulator


def link(simulator: SimulatorServer, platform: str, fields: str) -> str:
    path = CODE if platform == "meet" else f"{platform}/{CODE}"
    return f"{simulator.base_url}/{path}?{fields}"


def modal_is_gone(connector) -> object:
    return connector.browser.page.evaluate(
        "() => window.covered === true && document.querySelector('.modal').hidden || "
        "void (window.covered ||= !document.querySelector('.modal').hidden)"
    )


@pytest.mark.parametrize(
    ("platform", "variant"),
    [
        *((one, ALL_AT_ONCE) for one in PLATFORMS),
        ("teams", "light"),
        ("teams", "light_at_knock"),
        ("meet", "signed_in"),
    ],
)
async def test_a_page_with_everything_in_the_way_is_joined_and_left(
    simulator: SimulatorServer, tmp_path: Path, platform: str, variant: str
) -> None:
    url = link(simulator, platform, f"scenario=admitted&after=4&variant={variant}")
    async with open_connector(url, tmp_path) as connector:
        notes = Notes(connector)
        await connector.join(JoinRequest(meeting_url=url, display_name=NAME))
        kinds = [type(event) for event in notes.events]
        assert kinds.index(InLobby) < kinds.index(Admitted)
        if "modal_late" in variant:
            await until(lambda: modal_is_gone(connector), 15)
        await connector.say_in_chat("hello")
        room = simulator.room(CODE)
        await until(lambda: connector.browser.page.evaluate("() => document.querySelector('.said.own') !== null"))
        await connector.leave()
        await until(lambda: not room.people())
        assert not notes.of(Removed) and not notes.of(Ended)
        await notes.close()


@pytest.mark.parametrize(("scenario", "end"), [("removed", Removed), ("ended", Ended), ("cut", ConnectionLost)])
@pytest.mark.parametrize("platform", PLATFORMS)
async def test_how_a_call_ends_is_told_with_evidence(
    simulator: SimulatorServer, tmp_path: Path, platform: str, scenario: str, end: type
) -> None:
    url = link(simulator, platform, f"scenario={scenario}&after=2")
    async with open_connector(url, tmp_path) as connector:
        await connector.join(JoinRequest(meeting_url=url, display_name=NAME))
        told = []
        try:
            async with asyncio.timeout(20):
                async for event in connector.events():
                    told.append(event)
        except ConnectionLost as lost:
            told.append(lost)
    assert isinstance(told[-1], end)
    evidence = told[-1].evidence
    assert evidence.rule and evidence.screenshot.exists() and evidence.html.exists()


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_a_page_that_leaves_by_itself_is_told_with_evidence(
    simulator: SimulatorServer, tmp_path: Path, platform: str
) -> None:
    url = link(simulator, platform, "scenario=open")
    async with open_connector(url, tmp_path) as connector:
        await connector.join(JoinRequest(meeting_url=url, display_name=NAME))
        simulator.room(CODE).leave(simulator.room(CODE).people()[0])
        with pytest.raises(LeftUnasked) as left:
            async with asyncio.timeout(20):
                async for _ in connector.events():
                    pass
    assert left.value.evidence is not None and left.value.evidence.screenshot is not None


@pytest.mark.parametrize("platform", ["meet", "zoom"])
async def test_a_window_that_asks_to_agree_is_never_answered(
    simulator: SimulatorServer, tmp_path: Path, platform: str
) -> None:
    url = link(simulator, platform, "scenario=open&variant=recording_before")
    async with open_connector(url, tmp_path / "before") as connector:
        with pytest.raises(JoinRefused) as refused:
            await connector.join(JoinRequest(meeting_url=url, display_name=NAME))
        assert refused.value.refusal is Refusal.CONSENT_REQUIRED
        assert await connector.browser.page.evaluate(COVERED_JS) and not simulator.room(CODE).people()
    url = url.replace("before", "late")
    async with open_connector(url, tmp_path / "late") as connector:
        await connector.join(JoinRequest(meeting_url=url, display_name=NAME))
        await until(lambda: connector.browser.page.evaluate(COVERED_JS))
        await connector.say_in_chat("hello")
        assert await connector.browser.page.evaluate(COVERED_JS) and simulator.room(CODE).people()
        await connector.leave()


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_a_chat_without_a_box_takes_nothing_and_says_so(
    simulator: SimulatorServer, tmp_path: Path, platform: str
) -> None:
    url = link(simulator, platform, "scenario=open")
    async with open_connector(url, tmp_path) as connector:
        await connector.join(JoinRequest(meeting_url=url, display_name=NAME))
        await connector.say_in_chat("hello")
        await connector.browser.page.evaluate("() => document.querySelector('.composer').remove()")
        with pytest.raises(NotDone):
            await connector.say_in_chat("anyone there?")
        await connector.leave()


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_devices_the_lobby_switched_off_are_on_again_in_the_call(platform: str, tmp_path: Path) -> None:
    async with meeting_stage(tmp_path / "guest", platform) as stage:
        url = await stage.open_meeting(lobby=False)
        await stage.guest_joins("Guest")
        stage.room.policy = type(stage.room.policy)(lobby=True)
        async with open_connector(url, tmp_path / "bot") as connector:
            joining = asyncio.create_task(
                connector.join(JoinRequest(meeting_url=f"{url}?variant=camera_off.microphone_off", display_name=NAME))
            )
            await until(stage.room.knocks)
            await until(lambda: not any(stage.room.knocks()[0].state[one] for one in ("camera", "microphone")))
            stage.room.admit(NAME)
            await joining
            notes = Notes(connector)
            with playing(connector, hz=440.0, luma=180):
                await until(lambda: sees(stage, 180), 30)
                assert abs(await stage.guest_hears_hz(1.5) - 440.0) < 15
            assert not [one for one in notes.of(PictureArrives) if not one.active]
            await connector.leave()
            await notes.close()


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_what_a_participant_does_is_told_and_a_picture_or_a_voice_that_stops_too(
    platform: str, tmp_path: Path
) -> None:
    async with meeting_stage(tmp_path / "guest", platform) as stage:
        url = await stage.open_meeting(lobby=False)
        await stage.guest_joins("Guest")
        async with open_connector(url, tmp_path / "bot") as connector:
            notes = Notes(connector)
            await connector.join(JoinRequest(meeting_url=url, display_name=NAME))
            guest = (await until(lambda: [p for p in notes.of(ParticipantJoined) if not p.is_self]))[0].participant
            seat = next(one for one in stage.room.people() if one.id == guest)
            for sharing in (True, False):
                stage.room.update(seat, {"sharing": sharing, "speaking": sharing})
                await until(lambda on=sharing: [e.active for e in notes.of(ScreenShared)][-1:] == [on])
            await until(lambda: {one.active for one in notes.of(Speaking)} == {True, False})
            await stage.guest_writes("hello")
            await until(lambda: notes.of(ChatMessage))
            with playing(connector, hz=440.0, luma=180):
                await until(lambda: sees(stage, 180), 30)
                await until(lambda: connector.sound_left)
                for sounds in (False, True):
                    await connector.browser.page.evaluate(SOUND_JS, sounds)
                    await until(lambda on=sounds: [one.active for one in notes.of(SoundArrives)][-1:] == [on])
            await connector.browser.page.evaluate(STOP_JS)
            await until(lambda: [one.active for one in notes.of(PictureArrives)] == [False], 20)
            await connector.leave()
            await notes.close()


async def test_people_whose_pictures_have_no_name_are_counted(tmp_path: Path) -> None:
    async with meeting_stage(tmp_path / "guest", "teams") as stage:
        url = await stage.open_meeting(lobby=False)
        await stage.guest_joins("Guest")
        async with open_connector(url, tmp_path / "bot") as connector:
            notes = Notes(connector)
            await connector.join(JoinRequest(meeting_url=f"{url}?variant=nameless", display_name=NAME))
            await until(lambda: [one.others for one in notes.of(UnnamedPeople)] == [1])
            await stage.guest_leaves()
            await until(lambda: [one.others for one in notes.of(UnnamedPeople)] == [1, 0])
            assert not notes.of(ParticipantJoined)
            await connector.leave()
            await notes.close()


async def sees(stage, luma: float) -> bool:
    return abs(await stage.guest_sees_luma() - luma) < 25


COVERED_JS = "() => !document.querySelector('.modal').hidden"
SOUND_JS = """(on) => {
  for (const link of window.understudyLinks) for (const one of link.getSenders())
    if (one.track?.kind === "audio") one.track.enabled = on;
}"""
STOP_JS = """async () => {
  for (const link of window.understudyLinks) for (const one of link.getSenders())
    if (one.track?.kind === "video") await one.replaceTrack(null);
}"""
