"""A session through a socket keeps the contract; who may have one, and what ends one."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import aiohttp
import numpy as np
import pytest

from engine import messages
from engine.api import BadFormat, CharacterAssets, EngineDied, Likeness, VideoFormat
from engine.client import EngineBusy, EngineUnreachable, RemoteEngine, Server
from engine.messages import BadMessage, Encoding
from engine.server import EngineServer
from tests.engine.contract import EngineContract, take, tone
from tests.engine.painted import PaintedEngine
from tests.polling import eventually

TOKEN = "a-token"
VIDEO = VideoFormat(width=64, height=32, fps=24)


@pytest.fixture
def character(tmp_path):
    (tmp_path / "face.png").write_bytes(b"a picture")
    return CharacterAssets(character_id="c", image=tmp_path / "face.png", likeness=Likeness.FICTIONAL, seed=3)


@asynccontextmanager
async def serving(engine=None, **options):
    async with EngineServer(engine or PaintedEngine(), token=TOKEN, **options) as server:
        await asyncio.wait_for(server.warm.wait(), 5)
        yield server


def remote(server, **options):
    return RemoteEngine((Server(url=server.url, token=TOKEN),), **options)


@pytest.mark.slow
@pytest.mark.parallel
class TestThroughASocket(EngineContract):
    video = VIDEO

    @pytest.fixture(autouse=True)
    async def set_up(self, character):
        self.character = character
        async with serving(most_sessions=8) as server:
            self.server = server
            yield

    def make_engine(self):
        return remote(self.server)


async def test_frames_may_travel_as_pictures(character):
    async with serving() as server:
        plain = await remote(server).open(character, VIDEO)
        packed = await remote(server, encoding=Encoding.JPEG).open(character, VIDEO)
        async with plain, packed:
            one, other = await take(plain.blocks(), 2), await take(packed.blocks(), 2)
    for ours, theirs in zip(one, other, strict=True):
        assert abs(ours.frames.astype(int) - theirs.frames.astype(int)).max() <= 2
        np.testing.assert_array_equal(ours.sound, theirs.sound)


async def test_the_picture_travels_and_its_copy_is_gone_with_the_session(character):
    engine = PaintedEngine()
    async with serving(engine) as server, await remote(server).open(character, VIDEO) as session:
        await take(session.blocks(), 1)
    assert engine.images == [b"a picture"]


async def test_without_the_token_nothing_but_life_is_told(character):
    async with serving() as server, aiohttp.ClientSession() as http:
        for path, status in (("/live", 200), ("/ready", 401), ("/metrics", 401), (messages.PATH, 401)):
            async with http.get(server.url + path) as answer:
                assert answer.status == status, path
        with pytest.raises(EngineUnreachable, match="401"):
            await RemoteEngine((Server(url=server.url, token="another"),)).open(character, VIDEO)


async def test_it_is_ready_while_it_is_warm_has_room_and_is_not_draining(character):
    engine = PaintedEngine()
    async with serving(engine, most_sessions=1) as server:
        assert server.ready
        async with await remote(server).open(character, VIDEO):
            assert not server.ready
            with pytest.raises(EngineBusy):
                await remote(server).open(character, VIDEO)
        await eventually(lambda: server.ready)
        await server.drain(1.0)
        assert not server.ready
        with pytest.raises(EngineBusy):
            await remote(server).open(character, VIDEO)


async def test_of_several_servers_the_first_with_room_is_taken(character):
    async with serving(most_sessions=1) as full, serving(engine := PaintedEngine()) as free:
        async with await remote(full).open(character, VIDEO):
            where = tuple(Server(url=url, token=TOKEN) for url in ("http://127.0.0.1:9", full.url, free.url))
            async with await RemoteEngine(where).open(character, VIDEO) as session:
                await take(session.blocks(), 1)
    assert len(engine.sessions) == 1


async def test_when_the_engine_dies_its_clients_are_told_and_it_is_warmed_again(character):
    engine = PaintedEngine()
    async with serving(engine) as server, await remote(server).open(character, VIDEO) as session:
        blocks = session.blocks()
        await take(blocks, 2)
        engine.die()
        with pytest.raises(EngineDied, match="painter died"):
            await take(blocks, 4)
        with pytest.raises(EngineDied):
            await session.speak(tone(0.1), timing=None, epoch=1)
        await eventually(lambda: engine.warmed == 2 and server.ready)


async def test_a_client_that_takes_nothing_has_nothing_made_and_harms_nobody(character):
    engine = PaintedEngine()
    async with serving(engine, most_sessions=2) as server:
        idle, busy = await remote(server).open(character, VIDEO), await remote(server).open(character, VIDEO)
        async with idle, busy:
            await idle.speak(tone(1.0), timing=None, epoch=1)
            await take(busy.blocks(), 100)
            assert engine.sessions[0].timeline.taken_samples == 0


async def test_a_server_that_stops_ends_its_sessions_with_a_reason(character):
    async with serving() as server:
        session = await remote(server).open(character, VIDEO)
        await take(session.blocks(), 1)
    with pytest.raises(EngineDied, match="stops"):
        await take(session.blocks(), 4)
    await session.aclose()


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\xff\xff\xff\xff",
        messages.pack(messages.Take()),
        messages.pack(messages.Interrupt(epoch=1)).replace(b"interrupt", b"nonsense!"),
        b"\x00\x00\x00\x02{}",
        b"\x00\x00\x00\x04null",
    ],
)
async def test_nonsense_ends_the_connection_with_a_reason_and_nothing_else(character, sent):
    async with serving() as server, aiohttp.ClientSession() as http:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with http.ws_connect(server.url + messages.PATH, headers=headers) as socket:
            await socket.send_bytes(sent)
            told = messages.unpack(await asyncio.wait_for(socket.receive_bytes(), 5))
            assert isinstance(told, messages.Failed) and told.code == "bad_message"
        async with await remote(server).open(character, VIDEO) as session:
            await take(session.blocks(), 1)


def hello(**changes):
    told = messages.Hello(
        version=messages.VERSION,
        character_id="c",
        likeness="fictional",
        consent_proof=None,
        consent_expires_at=None,
        seed=0,
        width=64,
        height=32,
        fps=24,
        encoding="i420",
        tail=b"x",
    )
    return replace(told, **changes)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"version": 99}, "bad_message"),
        ({"likeness": "somebody"}, "bad_message"),
        ({"likeness": None}, "consent_missing"),
        ({"likeness": "self"}, "consent_missing"),
        ({"consent_expires_at": "2000-01-01T00:00:00"}, "bad_message"),
        ({"consent_expires_at": "2000-01-01T00:00:00+00:00"}, "consent_missing"),
        ({"encoding": "gif"}, "bad_format"),
        ({"width": 3}, "bad_format"),
    ],
)
async def test_the_server_judges_a_hello_for_itself(changes, code):
    async with serving() as server, aiohttp.ClientSession() as http:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with http.ws_connect(server.url + messages.PATH, headers=headers) as socket:
            await socket.send_bytes(messages.pack(hello(**changes)))
            told = messages.unpack(await asyncio.wait_for(socket.receive_bytes(), 5))
    assert isinstance(told, messages.Failed) and told.code == code


@pytest.mark.parametrize(
    "message",
    [
        hello(),
        messages.Speak(epoch=1, phonemes=[[0, 5, "a"]], tail=b"\x01\x02"),
        messages.Listen(speaker_id="a", gaze_xy=[0.1, 0.2], tail=b""),
        messages.Draining(within_s=1.5),
        messages.Failed(code="c", message="m", retryable=True),
    ],
)
def test_a_message_read_is_the_message_written(message):
    assert messages.unpack(messages.pack(message)) == message


def test_fields_of_another_type_are_refused():
    for message in (replace(hello(), seed="1"), replace(hello(), seed=True), replace(hello(), encoding=1)):
        with pytest.raises(BadMessage):
            messages.unpack(messages.pack(message))


async def test_more_blocks_or_speech_than_may_wait_are_refused(character):
    async with serving() as server:
        for flood in (
            [messages.Take()] * 400,
            [messages.Speak(epoch=1, phonemes=None, tail=bytes(2 * 24_000 * 31))] * 3,
        ):
            session = await remote(server).open(character, VIDEO)
            for message in flood:
                session._send(message)
            await eventually(lambda session=session: session.dead is not None)
            assert "bad_message" in str(session.dead)
            await session.aclose()


async def test_speech_longer_than_a_server_takes_at_once_is_said_whole(character):
    video, seconds = VideoFormat(width=64, height=32, fps=8), 150
    said = (np.arange(seconds * 24_000) % 30_011).astype(np.int16)
    async with serving() as server, await remote(server).open(character, video) as session:
        await session.speak(said, timing=None, epoch=1)
        blocks = await take(session.blocks(), 2 * seconds + 2)
    heard = np.concatenate([block.sound[: block.spoken_to - block.spoken_from] for block in blocks])
    np.testing.assert_array_equal(heard, said)


async def test_nothing_of_long_speech_follows_its_interruption(character):
    video = VideoFormat(width=64, height=32, fps=8)
    async with serving() as server, await remote(server).open(character, video) as session:
        await session.speak(tone(150.0), timing=None, epoch=1)
        await take(session.blocks(), 3)
        session.interrupt(2)
        await session.speak(tone(1.0), timing=None, epoch=2)
        blocks = await take(session.blocks(), 8)
    assert [block.epoch for block in blocks] == [2] * 8
    assert sum(block.spoken_to - block.spoken_from for block in blocks) == 24_000


async def test_an_impossible_size_is_the_servers_word(character):
    async with serving() as server:
        with pytest.raises(BadFormat, match="too small"):
            await remote(server).open(character, VideoFormat(width=8, height=8, fps=24))


async def test_figures_are_for_who_has_the_token(character):
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with serving() as server, aiohttp.ClientSession(headers=headers) as http:
        async with http.get(server.url + "/metrics") as answer:
            told = await answer.text()
    assert "understudy_engine_ready 1" in told and "understudy_engine_painted 0" in told
