"""A face goes on when its engine is lost, says what was not said yet, and comes back between two answers."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import numpy as np
import pytest

from engine.api import CharacterAssets, ConsentMissing, EngineDied, Likeness, VideoFormat
from engine.client import EngineBusy, EngineUnreachable
from engine.messages import BadMessage
from engine.refit import Refit
from engine.standby import StandbyEngine
from tests.engine.contract import EngineContract, take, tone
from tests.engine.painted import PaintedEngine
from tests.polling import eventually

FIRST, SECOND = 20, 150  # how bright whose frames are
SMALL, LARGE = VideoFormat(width=64, height=32, fps=16), VideoFormat(width=128, height=64, fps=24)


@pytest.fixture
def character(tmp_path):
    (tmp_path / "face.png").write_bytes(b"a picture")
    return CharacterAssets(character_id="c", image=tmp_path / "face.png", likeness=Likeness.FICTIONAL, seed=3)


def pair(video=None):
    return PaintedEngine(video=video, colour=FIRST), PaintedEngine(colour=SECOND)


def whose(block):
    return SECOND if block.frames.min() >= SECOND else FIRST


class TestWithTheFirst(EngineContract):
    video = LARGE

    @pytest.fixture(autouse=True)
    def set_character(self, character):
        self.character = character

    def make_engine(self):
        return StandbyEngine(*pair())


@pytest.mark.slow
@pytest.mark.parallel
class TestWithTheSecondAlone(TestWithTheFirst):
    """Of another rate and size than the first would have had."""

    def make_engine(self):
        first, second = pair()
        first.refusal = EngineUnreachable("nobody there")
        return StandbyEngine(first, second)


async def lost_in_speech(character, video, lose):
    first, second = pair(video)
    said = tone(3.0)
    async with await StandbyEngine(first, second, patience_s=0.2).open(character, LARGE) as session:
        blocks = session.blocks()
        await session.speak(said, timing=None, epoch=1)
        before = await take(blocks, 3)
        lose(first)
        after = await take(blocks, 40)
    return said, before, after


@pytest.mark.parametrize("video", [None, SMALL], ids=["same rate", "another rate"])
@pytest.mark.parametrize(
    "lose", [lambda engine: engine.die(), lambda engine: engine.sessions[0].alive.clear()], ids=["dies", "hangs"]
)
async def test_what_was_not_voiced_is_said_by_the_other_once_and_in_order(character, video, lose):
    said, before, after = await lost_in_speech(character, video, lose)
    assert {whose(block) for block in before} == {FIRST} and whose(after[-1]) == SECOND
    assert [block.index for block in before + after] == list(range(43))
    voiced = [block for block in before + after if block.voiced]
    assert voiced[0].spoken_from == 0 and voiced[-1].spoken_to == len(said)
    assert all(one.spoken_to == other.spoken_from for one, other in pairwise(voiced))
    heard = np.concatenate([block.sound[: block.spoken_to - block.spoken_from] for block in voiced])
    np.testing.assert_array_equal(heard, said)


async def test_more_than_a_face_takes_at_once_is_said_by_the_other_while_its_blocks_are_taken(character):
    first, second = pair()
    said = [tone(25.0) for _ in range(5)]
    async with await StandbyEngine(first, second).open(character, LARGE) as session:

        async def say():
            for clause in said:
                await session.speak(clause, timing=None, epoch=1)

        saying, blocks = asyncio.create_task(say()), session.blocks()
        before = await take(blocks, 3)
        first.die()
        async with asyncio.timeout(10):
            taken = [block for block in before + await take(blocks, 752) if block.voiced]
        await saying
    heard = np.concatenate([block.sound[: block.spoken_to - block.spoken_from] for block in taken])
    np.testing.assert_array_equal(heard, np.concatenate(said))


async def test_what_waits_for_the_other_face_is_forgotten_when_it_is_interrupted(character):
    first, second = pair()
    async with await StandbyEngine(first, second).open(character, LARGE) as session:

        async def say(epoch, *lengths):
            for length in lengths:
                await session.speak(tone(length), timing=None, epoch=epoch)

        saying, blocks = asyncio.create_task(say(1, 65.0, 5.0, 5.0)), session.blocks()
        await take(blocks, 3)
        first.die()
        async with asyncio.timeout(10):
            await take(blocks, 3)
            session.interrupt(2)
            await asyncio.gather(saying, say(2, 0.5, 0.5))
            after = [block for block in await take(blocks, 8) if block.voiced]
    assert {block.epoch for block in after} == {2} and after[-1].spoken_to == 24_000


async def test_an_interruption_holds_across_the_loss(character):
    first, second = pair()
    async with await StandbyEngine(first, second).open(character, LARGE) as session:
        blocks = session.blocks()
        await session.speak(tone(3.0), timing=None, epoch=1)
        await take(blocks, 2)
        session.interrupt(2)
        first.die()
        after = await take(blocks, 5)
        assert not any(block.sound.any() or block.epoch < 2 for block in after[1:])
        await session.speak(tone(0.3), timing=None, epoch=2)
        assert any(block.voiced and block.epoch == 2 for block in await take(blocks, 4))


async def test_the_first_takes_the_face_back_when_nothing_is_being_said(character):
    first, second = pair()
    async with await StandbyEngine(first, second, retry_s=0.01).open(character, LARGE) as session:
        blocks = session.blocks()
        await session.speak(tone(2.0), timing=None, epoch=1)
        await take(blocks, 1)
        first.die()
        assert whose((await take(blocks, 3))[-1]) == SECOND
        await eventually(lambda: len(first.sessions) == 2)
        speaking = [block for block in await take(blocks, 14) if block.voiced]
        assert {whose(block) for block in speaking} == {SECOND}
        (quiet,) = await take(blocks, 1)
        assert whose(quiet) == FIRST and not session.on_standby
        await session.speak(tone(0.2), timing=None, epoch=1)
        voiced = [block for block in await take(blocks, 3) if block.voiced]
        assert (voiced[0].spoken_from, voiced[-1].spoken_to) == (48_000, 48_000 + 4_800)


async def test_while_the_second_is_still_opening_the_last_frame_is_held(character):
    first, slow = pair()
    opened = asyncio.Event()

    class Slow(PaintedEngine):
        async def open(self, character, video):
            await opened.wait()
            return await slow.open(character, video)

    async with await StandbyEngine(first, Slow()).open(character, LARGE) as session:
        blocks = session.blocks()
        (last,) = await take(blocks, 1)
        first.die()
        held = await take(blocks, 2)
        assert all((block.frames == last.frames[-1]).all() for block in held)
        opened.set()
        await eventually(lambda: bool(slow.sessions))
        assert whose((await take(blocks, 2))[-1]) == SECOND


async def test_with_both_lost_the_session_ends(character):
    first, second = pair()
    async with await StandbyEngine(first, second).open(character, LARGE) as session:
        await take(session.blocks(), 1)
        first.die()
        second.die()
        with pytest.raises(EngineDied):
            await take(session.blocks(), 4)


@pytest.mark.parametrize("refusal", [EngineUnreachable("no"), EngineBusy("no"), BadMessage("another version")])
async def test_a_server_that_cannot_be_had_is_a_loss_from_the_start(character, refusal):
    first, second = pair()
    first.refusal = refusal
    async with await StandbyEngine(first, second).open(character, LARGE) as session:
        assert whose((await take(session.blocks(), 1))[0]) == SECOND and session.on_standby


async def test_a_refusal_of_the_character_is_no_loss(character):
    first, second = pair()
    first.refusal = ConsentMissing("no")
    with pytest.raises(ConsentMissing):
        await StandbyEngine(first, second).open(character, LARGE)
    await eventually(lambda: all(session.closed for session in second.sessions))


@pytest.mark.parametrize(("source", "target"), [(SMALL, LARGE), (LARGE, SMALL), (LARGE, LARGE)])
async def test_a_refitted_stream_has_the_same_sound_and_the_pictures_of_its_moments(character, source, target):
    engine, refit = PaintedEngine(video=source), Refit(source, target)
    session = await engine.open(character, source)
    await session.speak(tone(1.5), timing=None, epoch=1)
    given, made = [], []
    async for block in session.blocks():
        given.append(block)
        refit.push(block)
        while (one := refit.pull()) is not None:
            made.append(one)
        if len(given) == 12:
            break
    whole = np.concatenate([block.sound for block in made])
    np.testing.assert_array_equal(whole, np.concatenate([block.sound for block in given])[: len(whole)])
    pictures, shown = np.concatenate([b.frames for b in given]), np.concatenate([b.frames for b in made])
    for number, frame in enumerate(shown):
        assert frame[0, 0] == pictures[number * source.fps // target.fps][0, 0], number
    assert made[0].frames.shape[1:] == target.frame_shape
