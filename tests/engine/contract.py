"""What every engine owes, as tests. A suite subclasses `EngineContract` and says how to make the engine.

class TestPortrait(EngineContract):
    def make_engine(self): return open_engine("portrait")
    character = ...; video = VideoFormat(...)
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import numpy as np
import pytest

from engine.api import (
    FRAMES_PER_BLOCK,
    LISTEN_RATE_HZ,
    SPEECH_RATE_HZ,
    AvBlock,
    BadFormat,
    CharacterAssets,
    ConsentMissing,
    Engine,
    Likeness,
    Session,
    SessionClosed,
    VideoFormat,
)

BLOCK_TIMEOUT_S = 20.0


def tone(seconds: float, hz: float = 220.0, rate_hz: int = SPEECH_RATE_HZ) -> np.ndarray:
    """A voiced-like test sound: no zero sample survives by chance in its middle."""
    at = np.arange(int(seconds * rate_hz)) / rate_hz
    return (9000 * np.sin(2 * np.pi * hz * at) + 300).astype(np.int16)


async def take(blocks: AsyncIterator[AvBlock], count: int) -> list[AvBlock]:
    """The next blocks, with their arrays copied as the contract asks of those who keep them."""
    taken = []
    for _ in range(count):
        block = await asyncio.wait_for(anext(blocks), BLOCK_TIMEOUT_S)
        taken.append(replace(block, frames=block.frames.copy(), sound=block.sound.copy()))
    return taken


class EngineContract:
    character: CharacterAssets
    video: VideoFormat

    def make_engine(self) -> Engine:
        raise NotImplementedError("the suite says how to make its engine")

    @pytest.fixture
    async def session(self) -> AsyncIterator[Session]:
        session = await self.make_engine().open(self.character, self.video)
        async with session:
            yield session

    async def test_blocks_have_four_frames_and_exactly_their_sound(self, session: Session) -> None:
        video = session.video
        for number, block in enumerate(await take(session.blocks(), 3)):
            assert block.index == number
            assert block.frames.shape == (FRAMES_PER_BLOCK, *video.frame_shape)
            assert block.frames.dtype == np.uint8
            assert block.sound.shape == (video.samples_per_block,)
            assert block.sound.dtype == np.int16

    async def test_the_stream_never_stops_and_is_silent_when_nothing_is_said(self, session: Session) -> None:
        blocks = await take(session.blocks(), 6)
        assert not any(block.voiced or block.sound.any() for block in blocks)
        assert any((blocks[0].frames != block.frames).any() for block in blocks[1:]), "the listening face is alive"

    async def test_speech_comes_out_whole_in_order_and_once(self, session: Session) -> None:
        said = tone(0.9)
        blocks = session.blocks()
        await take(blocks, 2)
        await session.speak(said[:10_000], timing=None, epoch=1)
        await session.speak(said[10_000:], timing=None, epoch=1)
        taken = await take(blocks, 3 + -(-len(said) // session.video.samples_per_block))
        assert next(n for n, block in enumerate(taken) if block.voiced) <= 1, "starts in the next block but one"
        voiced = [block for block in taken if block.voiced]
        assert [b.spoken_from for b in voiced] == [0, *[b.spoken_to for b in voiced[:-1]]]
        assert voiced[-1].spoken_to == len(said)
        heard = np.concatenate([block.sound for block in voiced])
        np.testing.assert_array_equal(heard[: len(said)], said)

    async def test_the_picture_moves_with_the_speech(self, session: Session) -> None:
        blocks = session.blocks()
        quiet = await take(blocks, 3)
        await session.speak(tone(1.5), timing=None, epoch=1)
        loud = [block for block in await take(blocks, 8) if block.voiced]
        still = np.mean([np.abs(np.diff(b.frames.astype(np.int16), axis=0)).mean() for b in quiet])
        first, last = quiet[-1].frames[-1].astype(np.int16), loud[2].frames[-1].astype(np.int16)
        assert np.abs(last - first).mean() > still / 4

    async def test_after_an_interruption_nothing_of_the_old_epoch_is_heard(self, session: Session) -> None:
        blocks = session.blocks()
        await session.speak(tone(3.0), timing=None, epoch=1)
        await take(blocks, 3)
        session.interrupt(2)
        session.interrupt(2)
        after = await take(blocks, 4)
        made_after = [block for block in after if block.epoch >= 2]
        assert len(made_after) >= 3, "at most the block already made is older"
        assert not any(block.voiced or block.sound.any() for block in made_after)

    async def test_old_epochs_are_dropped_and_newer_ones_heard(self, session: Session) -> None:
        blocks = session.blocks()
        session.interrupt(5)
        await session.speak(tone(0.5), timing=None, epoch=4)
        assert not any(block.voiced for block in await take(blocks, 3))
        await session.speak(tone(0.2), timing=None, epoch=5)
        assert any(block.voiced and block.epoch == 5 for block in await take(blocks, 3))

    async def test_listening_never_waits_and_never_makes_a_sound(self, session: Session) -> None:
        blocks = session.blocks()
        for _ in range(200):
            session.listen(tone(0.1, rate_hz=LISTEN_RATE_HZ), speaker_id="a", gaze_xy=(0.2, 0.0))
        session.listen(tone(0.0, rate_hz=LISTEN_RATE_HZ), gaze_xy=(-0.2, 0.0))
        assert not any(block.sound.any() for block in await take(blocks, 3))

    async def test_a_closed_session_says_so_and_ends_its_stream(self) -> None:
        session = await self.make_engine().open(self.character, self.video)
        blocks = session.blocks()
        await take(blocks, 1)
        await session.aclose()
        await session.aclose()
        with pytest.raises(SessionClosed):
            await session.speak(tone(0.1), timing=None, epoch=1)
        with pytest.raises(StopAsyncIteration):
            for _ in range(3):
                await asyncio.wait_for(anext(blocks), BLOCK_TIMEOUT_S)

    async def test_same_seed_and_sound_give_the_same_frames(self) -> None:
        runs = []
        for _ in range(2):
            async with await self.make_engine().open(self.character, self.video) as session:
                await session.speak(tone(0.4), timing=None, epoch=1)
                runs.append(np.stack([block.frames for block in await take(session.blocks(), 4)]))
        np.testing.assert_array_equal(runs[0], runs[1])

    async def test_a_real_person_needs_a_consent_record(self) -> None:
        for likeness in (None, Likeness.SELF, Likeness.CONSENTED):
            with pytest.raises(ConsentMissing):
                await self.make_engine().open(
                    replace(self.character, likeness=likeness, consent_proof=None), self.video
                )

    async def test_an_impossible_picture_is_refused(self) -> None:
        with pytest.raises(BadFormat):
            await self.make_engine().open(self.character, VideoFormat(width=2, height=2, fps=1))
