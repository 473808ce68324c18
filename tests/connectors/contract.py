"""What every connector owes, as tests. A suite subclasses `ConnectorContract`, or `LobbyContract` where guests wait to
be let in, and brings a `Stage`: a meeting of its platform with a host and a guest it can direct, real or simulated.

Each refusal that can be staged is a test; `cannot_stage` names the others, each with the reason, and
`test_contract.py` that none is forgotten.
"""

from __future__ import annotations

import asyncio
import io
import threading
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, ClassVar, Protocol

import numpy as np
import pytest

from connectors.base import (
    CHUNK_SAMPLES,
    HEARING_RATE_HZ,
    MICROPHONE_RATE_HZ,
    Admitted,
    AudioChunk,
    ChatMessage,
    Connector,
    Ended,
    Event,
    InLobby,
    JoinRefused,
    JoinRequest,
    Layout,
    NotSupported,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantRenamed,
    Refusal,
    Removed,
    Speaking,
)
from tests.connectors.platforms import CONNECTORS

NAME = "Iris (AI)"
PATIENCE_S, GIVING_UP_S = 2.0, 10.0  # in a lobby nobody answers in; then there is evidence to keep, and to leave
ANSWERED = (Refusal.DENIED, Refusal.LOBBY_TIMEOUT)  # by a host, or by none: tests of their own
WITHOUT_A_PAGE = (Refusal.UNREACHABLE, Refusal.INVALID_LINK)  # the link alone does it
# One for each way of finding out. The others' screens are known by a row of the same table, which is asked for each
# without a browser at every run, and with one at acceptance.
EVERY_TIME = (*WITHOUT_A_PAGE, Refusal.NOT_FOUND, Refusal.CONSENT_REQUIRED, Refusal.PAGE_NOT_UNDERSTOOD)
# Whether each of these pictures is at its spot, whatever lies over it.
STAND_JS = """([spots, tiles, attribute]) => Object.entries(spots).every(([id, [x, y]]) => document
    .elementsFromPoint(((x + 1) / 2) * innerWidth, ((y + 1) / 2) * innerHeight)
    .some((one) => one.closest(tiles)?.getAttribute(attribute) === id))"""


class Stage(Protocol):
    """A meeting under direction. `guest` is a participant with a real browser, who makes and takes real media."""

    async def open_meeting(self, *, lobby: bool) -> str: ...

    async def host_removes(self, name: str) -> None: ...

    async def host_ends(self) -> None: ...

    async def guest_joins(self, name: str) -> None: ...

    async def guest_leaves(self) -> None: ...

    async def guest_beeps(self, hz: float, seconds: float) -> None:
        """The guest's microphone carries a tone; returns when it has been sent."""
        ...

    async def guest_writes(self, text: str) -> None:
        """Asked only where the platform has a chat, as is `guest_reads`."""
        ...

    async def guest_renames(self, name: str) -> None:
        """Asked only where the suite does not say that names stay."""
        ...

    async def guest_hears_hz(self, seconds: float) -> float:
        """The strongest frequency of what the guest hears during that time, 0 for silence."""
        ...

    async def guest_sees_luma(self) -> float:
        """The mean luma, 0..255, of the bot's picture as the guest receives it now; -1 without a picture."""
        ...

    async def guest_reads(self) -> list[str]: ...

    async def refusing_url(self, refusal: Refusal) -> str:
        """A link that is refused for that reason, which is one the suite says it can stage."""
        ...


class LobbyStage(Stage, Protocol):
    async def host_admits(self, name: str) -> None: ...

    async def host_denies(self, name: str) -> None: ...


async def until(probe: Callable[[], Any], timeout_s: float = 20.0) -> Any:
    """Poll a condition on a real external part; the only waiting these tests do."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = probe()
        if asyncio.iscoroutine(value):
            value = await value
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s} s: {probe}\n{_what_goes_on()}")
        await asyncio.sleep(0.1)


def _what_goes_on() -> str:
    """Where each task waits: what hangs is seen there, and only then."""
    said = io.StringIO()
    for task in asyncio.all_tasks():
        task.print_stack(limit=6, file=said)
    return said.getvalue()


class Notes:
    """Collects what a connector tells, in the background."""

    def __init__(self, connector: Connector) -> None:
        self.events: list[Event] = []
        self.chunks: list[AudioChunk] = []
        self.ended = asyncio.Event()
        self._tasks = [asyncio.create_task(self._events(connector)), asyncio.create_task(self._audio(connector))]

    async def _events(self, connector: Connector) -> None:
        async for event in connector.events():
            self.events.append(event)
        self.ended.set()

    async def _audio(self, connector: Connector) -> None:
        async for chunk in connector.audio():
            self.chunks.append(chunk)

    def of(self, kind: type[Any]) -> list[Any]:
        """Raises what the events broke off with, where none of these came before."""
        found = [event for event in self.events if isinstance(event, kind)]
        telling = self._tasks[0]
        if not found and telling.done() and not telling.cancelled():
            telling.result()
        return found

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class ConnectorContract:
    """`platform` is its folder's name. `stages`: the refusals its stage has a link for. `unstaged`: what its page can
    show, but its stage not bring about, and why. `names_stay`: why nobody is called otherwise later."""

    platform: ClassVar[str]
    stages: ClassVar[Collection[Refusal]]
    unstaged: ClassVar[Mapping[Refusal, str]] = {}
    names_stay: ClassVar[str] = ""

    @classmethod
    def cannot_stage(cls) -> dict[Refusal, str]:
        never = CONNECTORS[cls.platform].ways.screens.never
        return {one: why for one, why in {**never, **cls.unstaged}.items() if one not in WITHOUT_A_PAGE}

    @classmethod
    def staged(cls) -> list[Refusal]:
        return [one for one in Refusal if one not in cls.cannot_stage()]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "refusal" in metafunc.fixturenames:
            found = [one for one in self.staged() if one not in ANSWERED]
            seldom = {one: () if one in EVERY_TIME else pytest.mark.acceptance for one in found}
            metafunc.parametrize("refusal", [pytest.param(one, marks=seldom[one], id=one.value) for one in found])

    def make_stage(self) -> AbstractAsyncContextManager[Stage]:
        raise NotImplementedError("the suite brings its stage")

    def make_connector(self, url: str, workdir: Any) -> Connector:
        return CONNECTORS[self.platform](workdir / "bot")

    @pytest.fixture
    async def stage(self) -> AsyncIterator[Stage]:
        async with self.make_stage() as stage:
            yield stage

    @asynccontextmanager
    async def in_call(self, stage: Stage, tmp_path: Any) -> AsyncIterator[tuple[Connector, Notes]]:
        url = await stage.open_meeting(lobby=False)
        await stage.guest_joins("Guest")
        async with self.make_connector(url, tmp_path) as connector:
            notes = Notes(connector)
            await connector.join(JoinRequest(meeting_url=url, display_name=NAME))
            try:
                yield connector, notes
            finally:
                await connector.leave()
                await notes.close()

    @pytest.mark.parallel
    async def test_each_screen_that_refuses_is_named(self, stage: Stage, tmp_path: Any, refusal: Refusal) -> None:
        url = await stage.refusing_url(refusal)
        async with self.make_connector(url, tmp_path) as connector:
            with pytest.raises(JoinRefused) as refused:
                patience = {"page_timeout_s": 10.0, "lobby_timeout_s": 2.0}  # some may be waited in, in vain
                await connector.join(JoinRequest(meeting_url=url, display_name=NAME, **patience))
            assert refused.value.refusal is refusal
            evidence = refused.value.evidence
            assert evidence is not None
            if refusal not in WITHOUT_A_PAGE:
                assert evidence.screenshot is not None and evidence.html is not None
                assert evidence.rule or refusal is Refusal.PAGE_NOT_UNDERSTOOD

    @pytest.mark.parallel
    async def test_participants_chat_and_leaving_are_told(self, stage: Stage, tmp_path: Any) -> None:
        async with self.in_call(stage, tmp_path) as (connector, notes):
            guest = await until(lambda: [p for p in notes.of(ParticipantJoined) if p.name == "Guest"])
            assert not guest[0].is_self
            if connector.capabilities.chat:
                await self._they_chat(stage, connector, notes)
            else:
                with pytest.raises(NotSupported):
                    await connector.say_in_chat("a < b & c")
            await stage.guest_leaves()
            gone = await until(lambda: notes.of(ParticipantLeft))
            assert gone[0].participant == guest[0].participant
            own = [m for m in notes.of(ChatMessage) if m.text == "a < b & c"]
            assert not own, "the bot's own messages are not told back to it"

    async def _they_chat(self, stage: Stage, connector: Connector, notes: Notes) -> None:
        await stage.guest_writes("hello <b>bot</b>")
        message = (await until(lambda: notes.of(ChatMessage)))[0]
        assert (message.text, message.name) == ("hello <b>bot</b>", "Guest")
        await connector.say_in_chat("a < b & c")
        await until(stage.guest_reads)
        assert "a < b & c" in await stage.guest_reads()

    @pytest.mark.parallel
    async def test_another_name_is_told_and_taken_for_theirs(self, stage: Stage, tmp_path: Any) -> None:
        if self.names_stay:
            pytest.skip(self.names_stay)
        async with self.in_call(stage, tmp_path) as (connector, notes):
            guest = (await until(lambda: [p for p in notes.of(ParticipantJoined) if p.name == "Guest"]))[0].participant
            await stage.guest_renames("Grace Hopper")
            await until(lambda: notes.of(ParticipantRenamed))
            assert [(one.participant, one.name) for one in notes.of(ParticipantRenamed)] == [(guest, "Grace Hopper")]
            if connector.capabilities.chat:
                await stage.guest_writes("it is me")
                written = (await until(lambda: notes.of(ChatMessage)))[0]
                assert (written.participant, written.name) == (guest, "Grace Hopper")
            assert len([p for p in notes.of(ParticipantJoined) if not p.is_self]) == 1 and not notes.of(ParticipantLeft)

    @pytest.mark.parallel
    async def test_what_was_written_before_the_bot_came_is_old(self, stage: Stage, tmp_path: Any) -> None:
        if not CONNECTORS[self.platform].ways.capabilities.chat:
            pytest.skip("its page has no chat")
        url = await stage.open_meeting(lobby=False)
        await stage.guest_joins("Guest")
        for text in ("Iris, what is the price?", "Iris, please leave the meeting."):
            await stage.guest_writes(text)
            await until(lambda text=text: _read(stage, text))
        async with self.make_connector(url, tmp_path) as connector:
            notes = Notes(connector)
            await connector.join(JoinRequest(meeting_url=url, display_name=NAME))
            await stage.guest_writes("welcome")
            await until(lambda: notes.of(ChatMessage))
            await stage.guest_writes("and hello")
            await until(lambda: len(notes.of(ChatMessage)) > 1)
            assert [message.text for message in notes.of(ChatMessage)] == ["welcome", "and hello"]
            await connector.leave()
            await notes.close()

    @pytest.mark.parallel
    async def test_where_each_picture_stands_is_told_and_seldom(self, stage: Stage, tmp_path: Any) -> None:
        async with self.in_call(stage, tmp_path) as (connector, notes):
            if not connector.capabilities.layout:
                await stage.guest_leaves()
                await until(lambda: notes.of(ParticipantLeft))
                assert not notes.of(Layout)
                return
            guest = (await until(lambda: [p for p in notes.of(ParticipantJoined) if p.name == "Guest"]))[0].participant
            own = (await until(lambda: [p for p in notes.of(ParticipantJoined) if p.is_self]))[0].participant
            await until(lambda: self.stand_as_told(connector, notes, {own, guest}))
            await stage.guest_beeps(600.0, 2.0)
            await until(lambda: self.stand_as_told(connector, notes, {own, guest}))
            assert len(notes.of(Layout)) <= 4, "speech moves no picture, nor does time"
            await stage.guest_leaves()
            await until(lambda: not notes.of(Layout)[-1].others)

    async def stand_as_told(self, connector: Any, notes: Notes, who: set[str]) -> bool:
        """Are these the pictures that were told, and each there in the bot's page?"""
        if not notes.of(Layout) or notes.of(Layout)[-1].own is None:
            return False
        layout, tile = notes.of(Layout)[-1], CONNECTORS[self.platform].ways.roster.tile
        own = who - layout.others.keys()
        asked = [{**layout.others, "".join(own): layout.own}, ", ".join(tile.find), tile.attribute]
        return len(own) == 1 and bool(await connector.browser.page.evaluate(STAND_JS, asked))

    async def test_each_participant_is_heard_on_one_timeline(self, stage: Stage, tmp_path: Any) -> None:
        async with self.in_call(stage, tmp_path) as (connector, notes):
            guest = (await until(lambda: [p for p in notes.of(ParticipantJoined) if p.name == "Guest"]))[0].participant
            await stage.guest_beeps(600.0, 3.0)
            await until(lambda: {one.active for one in notes.of(Speaking)} == {True, False})
            assert {one.participant for one in notes.of(Speaking)} == {guest}
            for stream in (guest, None) if connector.capabilities.participant_audio else (None,):
                chunks = [chunk for chunk in notes.chunks if chunk.participant == stream]
                assert chunks, f"no sound of stream {stream}"
                starts = np.array([chunk.start_sample for chunk in chunks])
                assert (np.diff(starts) >= CHUNK_SAMPLES).all()
                assert all(len(chunk.pcm) == CHUNK_SAMPLES for chunk in chunks)
                loud = np.concatenate(
                    [c.pcm for c in chunks if np.abs(c.pcm.astype(np.int32)).max() > 800] or [np.zeros(1)]
                )
                assert len(loud) > HEARING_RATE_HZ, f"the beep is not in stream {stream}"
                spectrum = np.abs(np.fft.rfft(loud[:HEARING_RATE_HZ] * np.hanning(HEARING_RATE_HZ)))
                assert abs(int(spectrum.argmax()) - 600) < 15

    async def test_the_bot_is_heard_and_seen_and_not_heard_by_itself(self, stage: Stage, tmp_path: Any) -> None:
        async with self.in_call(stage, tmp_path) as (connector, notes):
            with playing(connector, hz=440.0, luma=180):
                await until(lambda: _near(stage.guest_sees_luma, 180, 25), 30.0)
                assert abs(await stage.guest_hears_hz(1.5) - 440.0) < 15
                epoch, sample = connector.microphone.heard()
                assert epoch == 1 and sample > MICROPHONE_RATE_HZ
                own = [c for c in notes.chunks if np.abs(c.pcm.astype(np.int32)).max() > 3000]
                assert not own, "the bot hears itself"

    async def test_a_flush_silences_what_is_on_its_way(self, stage: Stage, tmp_path: Any) -> None:
        async with self.in_call(stage, tmp_path) as (connector, _):
            with playing(connector, hz=440.0, luma=120):
                await until(lambda: _above(stage.guest_hears_hz, 400.0))
                connector.microphone.flush(2)
                connector.camera.flush(2)
                await until(lambda: _below(stage.guest_hears_hz, 100.0))

    @pytest.mark.parallel
    async def test_a_removal_and_an_ended_meeting_are_different_ends(self, stage: Stage, tmp_path: Any) -> None:
        async with self.in_call(stage, tmp_path) as (_, notes):
            await stage.host_removes(NAME)
            removed = (await until(lambda: notes.of(Removed)))[0]
            await asyncio.wait_for(notes.ended.wait(), 10)
        async with self.in_call(stage, tmp_path) as (_, notes):
            await stage.host_ends()
            ended = (await until(lambda: notes.of(Ended)))[0]
            assert not notes.of(Removed)
        for end in (removed, ended):
            assert end.evidence is not None and end.evidence.rule and end.evidence.html is not None


class LobbyContract(ConnectorContract):
    """Of a platform whose guests wait for someone to let them in."""

    def make_stage(self) -> AbstractAsyncContextManager[LobbyStage]:
        raise NotImplementedError("the suite brings its stage")

    @pytest.mark.parallel
    async def test_the_lobby_is_told_apart_from_the_call(self, stage: LobbyStage, tmp_path: Any) -> None:
        url = await stage.open_meeting(lobby=True)
        async with self.make_connector(url, tmp_path) as connector:
            notes = Notes(connector)
            joining = asyncio.create_task(connector.join(JoinRequest(meeting_url=url, display_name=NAME)))
            await until(lambda: notes.of(InLobby))
            assert not notes.of(Admitted) and not joining.done()
            await stage.host_admits(NAME)
            await asyncio.wait_for(joining, 20)
            await until(lambda: notes.of(Admitted))
            await connector.leave()
            await connector.leave()
            await asyncio.wait_for(notes.ended.wait(), 10)
            await notes.close()

    @pytest.mark.parallel
    async def test_a_denial_is_final_and_has_evidence(self, stage: LobbyStage, tmp_path: Any) -> None:
        url = await stage.open_meeting(lobby=True)
        async with self.make_connector(url, tmp_path) as connector:
            notes = Notes(connector)
            joining = asyncio.create_task(connector.join(JoinRequest(meeting_url=url, display_name=NAME)))
            await until(lambda: notes.of(InLobby))
            await stage.host_denies(NAME)
            with pytest.raises(JoinRefused) as refused:
                await asyncio.wait_for(joining, 20)
            assert refused.value.refusal is Refusal.DENIED
            assert refused.value.evidence is not None and refused.value.evidence.heading
            await notes.close()

    @pytest.mark.parallel
    async def test_a_lobby_nobody_answers_ends_in_time(self, stage: LobbyStage, tmp_path: Any) -> None:
        url = await stage.open_meeting(lobby=True)
        async with self.make_connector(url, tmp_path) as connector:
            notes = Notes(connector)
            with pytest.raises(JoinRefused) as refused:
                await connector.join(JoinRequest(meeting_url=url, display_name=NAME, lobby_timeout_s=PATIENCE_S))
            ended_s = time.monotonic() - connector.timeline_start_s
            assert refused.value.refusal is Refusal.LOBBY_TIMEOUT
            await asyncio.wait_for(notes.ended.wait(), 10)
            assert PATIENCE_S <= ended_s - notes.of(InLobby)[0].at_s < PATIENCE_S + GIVING_UP_S
            await notes.close()


async def _read(stage: Stage, text: str) -> bool:
    return text in await stage.guest_reads()


async def _near(measure: Callable[[], Any], value: float, by: float) -> bool:
    return abs(await measure() - value) <= by


async def _above(measure: Callable[[float], Any], value: float) -> bool:
    return bool(await measure(0.5) > value)


async def _below(measure: Callable[[float], Any], value: float) -> bool:
    return bool(await measure(0.5) < value)


class playing:
    """A device thread as the bot has one: a tone and a grey picture, epoch 1, until left."""

    def __init__(self, connector: Connector, *, hz: float, luma: int) -> None:
        self._connector, self._hz, self._luma = connector, hz, luma
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._play, name="test-device", daemon=True)

    def _play(self) -> None:
        camera, microphone = self._connector.camera, self._connector.microphone
        frame = np.full((camera.height * 3 // 2, camera.width), 128, np.uint8)
        frame[: camera.height] = self._luma
        step = MICROPHONE_RATE_HZ // camera.fps
        at = 0
        while not self._stop.is_set():
            phase = 2 * np.pi * self._hz * np.arange(at, at + step) / MICROPHONE_RATE_HZ
            microphone.write((8000 * np.sin(phase)).astype(np.int16), epoch=1)
            camera.show(frame, epoch=1)
            at += step

    def __enter__(self) -> playing:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join(5)
