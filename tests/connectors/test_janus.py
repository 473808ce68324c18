"""The contract of connectors, kept by the Janus connector on a real server: Debian's, with the page it comes with."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest

from bot.rehearsal.speech import synthesise
from connectors.base import MICROPHONE_RATE_HZ, JoinRefused, JoinRequest, Pcm, Refusal, Removed
from connectors.janus.admission import hears
from connectors.janus.connector import JanusConnector
from connectors.janus.join import address
from connectors.kit.browser import Browser
from connectors.kit.microphone import SLICE, microphone_script, open_microphone
from connectors.kit.pulse import Record
from connectors.kit.sound import MICROPHONE_SINK, SoundServer
from connectors.urls import find_meeting
from tests.benchmarks._said import Said
from tests.benchmarks.janus import (
    FULL,
    LEAST_CORRELATION,
    LINES,
    MOST_LAG_S,
    alone,
    envelope,
    follows,
    joins,
    kept_up,
    misses_of,
    of_looks,
    pair,
)
from tests.connectors import needs
from tests.connectors.contract import NAME, ConnectorContract, Notes, Stage, until
from tests.connectors.janus_server import PAGE, JanusServer, is_installed
from tests.connectors.luma import LUMA_JS
from tests.connectors.meeting_stage import heard_hz, tone

real = [
    pytest.mark.acceptance,
    *needs.browser,
    *needs.sound,
    pytest.mark.skipif(not is_installed(), reason="no Janus is installed (Debian's janus and janus-demos)"),
]

# The guest has no camera, and the page publishes nothing without one.
_CAMERA_JS = """(() => {
  const native = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async ({ audio, video }) => {
    const stream = audio ? await native({ audio }) : new MediaStream();
    if (video) {
      const canvas = Object.assign(document.createElement("canvas"), { width: 320, height: 180 });
      const pen = canvas.getContext("2d");
      let drawn = 0;
      setInterval(() => {
        drawn += 1;
        pen.fillStyle = drawn % 2 ? "#333" : "#444";
        pen.fillRect(0, 0, 320, 180);
      }, 200);
      stream.addTrack(canvas.captureStream(5).getVideoTracks()[0]);
    }
    return stream;
  };
})()"""
_LUMA_JS = """(name) => {
  const titled = (panel) => panel.querySelector("[id^=remote]")?.textContent === name;
  const panel = [...document.querySelectorAll(".panel")].find(titled);
  const video = panel?.querySelector("video");
  return (LUMA_OF)(video);
}""".replace("LUMA_OF", LUMA_JS)
_HEARS_JS = "() => [...document.querySelectorAll('[id^=videoremote] audio')].some((one) => one.readyState >= 2)"


class JanusStage:
    """Implements `tests.connectors.contract.Stage`: the host by the server's API, the guest by its page."""

    def __init__(self, janus: JanusServer, folder: Path, stack: AsyncExitStack) -> None:
        self.janus, self._folder, self._stack = janus, folder, stack
        self.room = 0

    async def open_meeting(self, *, lobby: bool) -> str:
        assert not lobby
        self.room = await self.janus.create_room()
        return self.janus.page(self.room)

    async def host_removes(self, name: str) -> None:
        await self.janus.ask("kick", room=self.room, id=(await self.janus.people(self.room))[name])

    async def host_ends(self) -> None:
        await self.janus.ask("destroy", room=self.room)

    async def guest_joins(self, name: str) -> None:
        if not hasattr(self, "guest"):
            self.sound = await self._stack.enter_async_context(SoundServer())
            self.guest = await self._stack.enter_async_context(Browser(self._folder, sound=self.sound))
            await self.guest.context.grant_permissions(["camera", "microphone", "local-network-access"])
            await self.guest.context.add_init_script(microphone_script())
            await self.guest.context.add_init_script(_CAMERA_JS)
        page = self.guest.page
        await page.goto(self.janus.page(self.room))
        await page.click("#start")
        await page.fill("#username", name)
        await page.click("#register")
        await page.wait_for_selector("#bitrateset")

    async def guest_leaves(self) -> None:
        await self.guest.page.click("#start")

    async def guest_beeps(self, hz: float, seconds: float) -> None:
        await until(lambda: self.guest.page.evaluate(_HEARS_JS))  # what arrives there leaves here
        await self.sound.speak(tone(hz, seconds))
        await asyncio.sleep(0.5)  # the network's and the jitter buffer's share of "has been sent"

    async def guest_writes(self, text: str) -> None:
        raise NotImplementedError("a VideoRoom has no chat")

    async def guest_reads(self) -> list[str]:
        raise NotImplementedError("a VideoRoom has no chat")

    async def guest_renames(self, name: str) -> None:
        raise NotImplementedError("a VideoRoom's people keep their names")

    async def guest_hears_hz(self, seconds: float) -> float:
        return await asyncio.to_thread(heard_hz, self.sound, seconds)

    async def guest_sees_luma(self) -> float:
        return float(await self.guest.page.evaluate(_LUMA_JS, NAME))

    async def refusing_url(self, refusal: Refusal) -> str:
        match refusal:
            case Refusal.UNREACHABLE:
                return f"http://127.0.0.1:9/{PAGE}"  # the discard port: nothing listens
            case Refusal.INVALID_LINK:
                return f"{self.janus.base_url}/audiobridgetest.html"
            case Refusal.PAGE_NOT_UNDERSTOOD:
                return f"{self.janus.base_url}/other/{PAGE}"
            case Refusal.NOT_FOUND:
                return self.janus.page(1)
        if refusal in SERVERS:
            other = await self._stack.enter_async_context(JanusServer(**SERVERS[refusal]))
            return other.page(1)
        self.room = await self.janus.create_room(**ROOMS[refusal])
        if refusal is Refusal.FULL:
            await self.guest_joins("Guest")
        return self.janus.page(self.room)


ROOMS: dict[Refusal, dict[str, object]] = {
    Refusal.FULL: {"publishers": 1},
    Refusal.PASSCODE_WRONG: {"pin": "4711"},
    Refusal.BLOCKED_BY_POLICY: {"allowed": ["a token"]},
    Refusal.ENCRYPTED: {"require_e2ee": True},
}
SERVERS: dict[Refusal, dict[str, Any]] = {
    Refusal.SIGN_IN_REQUIRED: {"api_secret": "s3"},
    Refusal.PLATFORM_ERROR: {"rooms": False},
}


@asynccontextmanager
async def janus_stage(folder: Path) -> AsyncIterator[JanusStage]:
    async with AsyncExitStack() as stack:
        yield JanusStage(await stack.enter_async_context(JanusServer()), folder, stack)


def test_the_servers_word_is_told_from_what_people_say() -> None:
    frame = '{"janus": "event", "plugindata": {"plugin": "janus.plugin.videoroom", "data": {%s}}}'
    assert hears(frame % '"videoroom": "event", "leaving": "ok", "reason": "kicked"') == "kicked"
    assert hears(frame % '"videoroom": "destroyed", "room": 1') == "destroyed"
    assert hears(frame % '"error_code": 433, "error": "Unauthorized (wrong pin)"') == "wrong_pin"
    named = '"publishers": [{"id": 1, "display": "\\"videoroom\\": \\"destroyed\\", \\"leaving\\": \\"ok\\""}]'
    assert [hears(frame % named), hears(frame % '"leaving": 7'), hears("[]"), hears("2"), hears("x")] == [None] * 5


def test_a_pin_is_for_the_server_and_not_for_logs_of_pages() -> None:
    link = find_meeting("http://127.0.0.1:1/videoroomtest.html?room=5&pin=4711")
    assert link is not None and link.passcode == "4711"
    assert address(link, JoinRequest(meeting_url="", display_name=NAME)).endswith("?room=5")


@pytest.mark.parametrize(
    ("counts", "size", "missed"),
    [
        ((0, 24, 48, 72), FULL, []),
        ((0, 12, 24, 36), FULL, ["alone: fps"]),
        ((0, 60, 60, 84), FULL, ["alone: no frame sent between two looks"]),
        ((0, 0, 0, 0), FULL, ["alone: no frame sent between two looks", "alone: fps"]),
        ((0, 24, 48, 72), (960, 540), ["alone: not full size"]),
    ],
)
def test_the_bench_sees_when_sending_stops(counts: tuple[int, ...], size: tuple[int, int], missed: list[str]) -> None:
    """Statistics go on to tell the last frame's size."""
    figures = of_looks([[*FULL, counts[0], "none"], *([*size, count, "none"] for count in counts[1:])], 3.0)
    assert misses_of({"alone": figures}) == missed, figures


def test_the_bench_judges_a_pair_by_all_it_measures() -> None:
    way = {"correlation": 0.8, "mouth_to_ear_ms": 200.0}
    good = {"ears": way, "played": way, "mouth_dry_s": 0.0, "fps_distinct": 22.0, "size": "640x360"}
    assert misses_of({"pair": {"Ada": good, "busy": 0.5}}) == [] and kept_up({"Ada": good, "busy": 0.5})
    late, dry = {**way, "mouth_to_ear_ms": 300.0}, {**good, "mouth_dry_s": 1.0}
    for bad in (
        {"played": late},
        {"ears": {**way, "correlation": 0.7}},
        {"fps_distinct": 19.0},
        {"size": "320x180"},
        {"mouth_dry_s": 1.0},
    ):
        assert len(misses_of({"pair": {"Ada": {**good, **bad}, "busy": 0.5}})) == 1, bad
    assert not kept_up({"Ada": good, "busy": 0.95}) and not kept_up({"Ada": dry, "busy": 0.5})


@pytest.mark.acceptance
@pytest.mark.sound
@pytest.mark.skipif(not shutil.which("pulseaudio"), reason="no PulseAudio is installed")
@pytest.mark.parametrize("held_up_s", [0.0, 0.3])
async def test_the_bench_knows_what_was_said_though_who_speaks_is_held_up(held_up_s: float) -> None:
    """Measured on a sound server alone: what it plays is what was said, and not late."""
    speech = await synthesise(LINES["Ada (AI)"][1])
    async with SoundServer() as sound:
        ears = asyncio.create_task(asyncio.to_thread(_recorded, sound, 10.0))
        said = await asyncio.to_thread(_speaks, sound, speech, 11.0, held_up_s)
        begin_s, heard = await ears
    begin_s, heard = begin_s + MOST_LAG_S, heard[round(MOST_LAG_S * MICROPHONE_RATE_HZ) :]
    spoken = said.between(begin_s - MOST_LAG_S, begin_s + len(heard) / MICROPHONE_RATE_HZ)
    found = follows(*(envelope(pcm, MICROPHONE_RATE_HZ) for pcm in (heard, spoken)))
    assert found["correlation"] > 0.97 and found["mouth_to_ear_ms"] < 60.0, found
    assert held_up_s == 0 or said.dry_s(begin_s, begin_s + 8.0) > 1.0


def _recorded(sound: SoundServer, seconds: float) -> tuple[float, Pcm]:
    """From when, and what: what goes into the bot's microphone."""
    record = Record(sound.address, f"{MICROPHONE_SINK}.monitor")
    try:
        record.read(MICROPHONE_RATE_HZ // 10)
        begin_s = time.monotonic() - record.delay_s()
        return begin_s, record.read(round(seconds * MICROPHONE_RATE_HZ))
    finally:
        record.close()


def _speaks(sound: SoundServer, speech: Pcm, seconds: float, held_up_s: float) -> Said:
    """As a bot's device does, but that it is held up twice a second."""
    microphone, said = open_microphone(sound.address, MICROPHONE_SINK), Said(speech, SLICE)
    until_s, number = time.monotonic() + seconds, 0
    while time.monotonic() < until_s:
        number += 1
        if number % 40 == 0:
            time.sleep(held_up_s)
        microphone.write(said.hand_over(time.monotonic()), epoch=1)
    microphone.close()
    return said


class TestJanus(ConnectorContract):
    platform = "janus"
    stages: ClassVar = {*ROOMS, *SERVERS, Refusal.PAGE_NOT_UNDERSTOOD, Refusal.NOT_FOUND}
    unstaged: ClassVar = {
        Refusal.DENIED: "who is removed while joining is removed; there is no asking",
        Refusal.ENDED: "a room that was destroyed is one that is not there",
    }
    names_stay = "who is in a VideoRoom keeps the name they came with"
    pytestmark = real

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path / "guest"

    def make_stage(self) -> AbstractAsyncContextManager[Stage]:
        return janus_stage(self.folder)

    async def test_the_name_is_said_as_given_and_the_pin_with_it(self, stage: JanusStage, tmp_path: Path) -> None:
        room = await stage.janus.create_room(pin="4711")
        url = f"{stage.janus.page(room)}&pin=4711"
        async with self.make_connector(url, tmp_path) as connector:
            await connector.join(JoinRequest(meeting_url=url, display_name=NAME))
            assert set(await stage.janus.people(room)) == {NAME}
            await connector.leave()
            await until(lambda: _is_empty(stage.janus, room))


async def _is_empty(janus: JanusServer, room: int) -> bool:
    return not await janus.people(room)


class TestOnTheServer:
    """Besides the contract: a page that asks by HTTP; what two bots make of each other, and what is left of them, of
    which `bench janus` has the figures."""

    pytestmark = real

    async def test_a_page_that_asks_by_http_tells_as_much(self, tmp_path: Path) -> None:
        async with JanusServer(http=True) as janus, JanusConnector(tmp_path / "in") as connector:
            room, closed = await janus.create_room(), await janus.create_room(pin="4711")
            notes = Notes(connector)
            await connector.join(JoinRequest(meeting_url=janus.page(room), display_name=NAME))
            await janus.ask("kick", room=room, id=(await janus.people(room))[NAME])
            await until(lambda: notes.of(Removed))
            await notes.close()
            async with JanusConnector(tmp_path / "out") as other:
                with pytest.raises(JoinRefused) as refused:
                    await other.join(JoinRequest(meeting_url=janus.page(closed), display_name=NAME))
            assert refused.value.refusal is Refusal.PASSCODE_WRONG

    @pytest.mark.timeout(240)
    async def test_two_bots_hear_and_see_each_other(self) -> None:
        figures = await pair(settle_s=20.0, seconds=10.0)
        for name in LINES:
            found = figures[name]
            assert found["ears"]["correlation"] >= LEAST_CORRELATION, figures
            assert found["size"] == "640x360" and found["fps_distinct"] > 0
        if not kept_up(figures):
            pytest.skip(f"the machine did not keep up with two bots, so all it can show is that they hear: {figures}")
        assert misses_of({"pair": figures}) == [], figures

    @pytest.mark.timeout(240)
    async def test_a_bot_alone_sends_frames_of_full_size(self) -> None:
        figures = await alone(settle_s=120.0, seconds=30.0)
        assert figures["looks"] > 10 and figures["full_size"] == figures["looks"], figures
        assert misses_of({"alone": figures}) == [], figures

    @pytest.mark.timeout(400)
    async def test_ten_joins_and_leaves_leave_nothing_behind(self) -> None:
        assert set((await joins(10)).values()) == {0}
