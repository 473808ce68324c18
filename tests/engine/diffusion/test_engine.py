"""`diffusion-tiny` keeps the engine contract, with blocks of one latent and of three."""

from __future__ import annotations

import asyncio
import logging
import weakref
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from bot.rehearsal.face import FIELDS, SENTENCE
from engine.api import BadCharacter, CharacterAssets, Engine, EngineDied, Likeness, Session, VideoFormat, open_engine
from engine.output import Output
from tests.engine.contract import EngineContract, take, tone
from tests.engine.diffusion.support import torch  # first: it skips without torch

# isort: split
from engine.diffusion.config import PRESETS
from engine.diffusion.engine import DiffusionEngine, tiny_engine

assert torch


@pytest.fixture(scope="module")
def still(tmp_path_factory):
    path = tmp_path_factory.mktemp("character") / "face.png"
    random = np.random.default_rng(0)
    cv2.imwrite(str(path), random.integers(0, 256, (40, 30, 3), dtype=np.uint8))
    return path


@cache
def engine_of(preset: str) -> Engine:
    """Weights are made once; sessions share nothing else."""
    return open_engine("diffusion-tiny", preset=preset, keep_time=False)


class TestOneLatentBlocks(EngineContract):
    video = VideoFormat(width=1280, height=720, fps=24)
    preset = "tiny"

    def make_engine(self):
        return engine_of(self.preset)

    @pytest.fixture(autouse=True)
    def set_character(self, still):
        self.character = CharacterAssets(character_id="c", image=still, likeness=Likeness.FICTIONAL, seed=7)

    async def test_the_size_and_rate_are_the_checkpoints_own(self, session: Session) -> None:
        checkpoint = PRESETS[self.preset]
        own = VideoFormat(width=checkpoint.width_px, height=checkpoint.height_px, fps=checkpoint.fps)
        assert session.video == own != self.video

    async def test_speech_in_ragged_pieces_gives_the_same_stream_as_in_one(self) -> None:
        said, runs = tone(0.7), []
        for cut in (len(said), 1_777):
            async with await self.make_engine().open(self.character, self.video) as session:
                for at in range(0, len(said), cut):
                    await session.speak(said[at : at + cut], timing=None, epoch=1)
                runs.append(await take(session.blocks(), 8))
        for one, other in zip(*runs, strict=True):
            assert one.frames.tobytes() == other.frames.tobytes()
            assert one.sound.tobytes() == other.sound.tobytes()
            assert (one.spoken_from, one.spoken_to) == (other.spoken_from, other.spoken_to)

    async def test_a_session_is_not_moved_by_another_beside_it(self) -> None:
        engine, alone = self.make_engine(), []
        async with await engine.open(self.character, self.video) as session:
            await session.speak(tone(0.5), timing=None, epoch=1)
            alone = await take(session.blocks(), 5)
        other = replace(self.character, seed=8)
        async with await engine.open(self.character, self.video) as one, await engine.open(other, self.video) as two:
            await one.speak(tone(0.5), timing=None, epoch=1)
            mine, theirs, beside = one.blocks(), two.blocks(), []
            for _ in range(5):
                beside += await take(mine, 1)
                await take(theirs, 1)
        for expected, got in zip(alone, beside, strict=True):
            np.testing.assert_array_equal(expected.frames, got.frames)

    async def test_the_rate_is_reported(self, session: Session) -> None:
        await take(session.blocks(), 4)
        assert session.rate.blocks >= 4
        assert session.rate.frames_per_s > 0

    async def test_the_rate_is_in_the_log_when_the_session_closes(self, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.INFO):
            async with await self.make_engine().open(self.character, self.video) as session:
                await take(session.blocks(), 2)
        (record,) = [record for record in caplog.records if record.message == SENTENCE]
        assert set(record.understudy_fields) == set(FIELDS)

    async def test_how_far_the_picture_drifted_is_in_the_log_too(self, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.INFO):
            async with await self.make_engine().open(self.character, self.video) as session:
                await take(session.blocks(), 2)
        (record,) = [record for record in caplog.records if record.message == "diffusion session drifted"]
        assert record.understudy_fields["drift"] >= 0

    async def test_a_missing_image_is_said(self) -> None:
        with pytest.raises(BadCharacter, match="missing"):
            missing = replace(self.character, image=self.character.image.with_name("none.png"))
            await self.make_engine().open(missing, self.video)


class TestThreeLatentBlocks(TestOneLatentBlocks):
    preset = "tiny-3"


@pytest.mark.acceptance
@pytest.mark.parallel
class TestS2v(TestOneLatentBlocks):
    """The other family: still beside the stream, a ring for each step, 25 frames a second."""

    preset = "tiny-s2v"


async def test_a_full_queue_makes_speak_wait_and_an_interruption_lets_it_go(still):
    character = CharacterAssets(character_id="c", image=still, likeness=Likeness.FICTIONAL)
    async with await tiny_engine().open(character, VideoFormat(width=64, height=64, fps=24)) as session:
        await session.speak(tone(60.0), timing=None, epoch=1)
        waiting = asyncio.create_task(session.speak(tone(0.1), timing=None, epoch=1))
        done, _ = await asyncio.wait({waiting}, timeout=0.05)
        assert not done
        session.interrupt(2)
        await asyncio.wait_for(waiting, 5)
        assert not any(block.voiced for block in await take(session.blocks(), 2))


async def test_a_cancelled_wait_loses_no_block(still):
    character = CharacterAssets(character_id="c", image=still, likeness=Likeness.FICTIONAL)
    async with await tiny_engine(keep_time=False).open(character, VideoFormat(width=64, height=64, fps=24)) as session:
        blocks = session.blocks()
        waiting = asyncio.ensure_future(anext(blocks))
        await asyncio.sleep(0)
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await waiting
        assert [block.index for block in await take(blocks, 3)] == [0, 1, 2]


async def test_what_fails_in_the_worker_ends_the_stream_and_lets_a_waiting_speaker_go(still):
    character = CharacterAssets(character_id="c", image=still, likeness=Likeness.FICTIONAL)
    async with await tiny_engine().open(character, VideoFormat(width=64, height=64, fps=24)) as session:
        await session.speak(tone(60.0), timing=None, epoch=1)
        waiting = asyncio.create_task(session.speak(tone(0.1), timing=None, epoch=1))
        await asyncio.sleep(0)
        session._stream.denoiser.latents_BCFHW = torch.zeros(2)  # where no latent fits
        for call in (anext(session.blocks()), waiting, session.speak(tone(0.1), timing=None, epoch=2)):
            with pytest.raises(EngineDied):
                await asyncio.wait_for(call, 10)


async def test_a_closed_session_that_is_kept_holds_no_ring(still):
    character = CharacterAssets(character_id="c", image=still, likeness=Likeness.FICTIONAL)
    session = await tiny_engine().open(character, VideoFormat(width=64, height=64, fps=24))
    await take(session.blocks(), 2)
    ring = weakref.ref(session._stream.denoiser.cache)
    await session.aclose()
    assert ring() is None
    assert session.rate.blocks >= 2 and session.video.fps == 24


async def test_what_torch_reports_while_opening_is_an_engines_error(still):
    def too_large():
        return torch.empty(2**62, dtype=torch.uint8)

    character = CharacterAssets(character_id="c", image=still, likeness=Likeness.FICTIONAL)
    with pytest.raises(EngineDied, match="could not begin"):
        await DiffusionEngine(name="large", load=too_large).open(character, VideoFormat(width=64, height=64, fps=24))


async def test_the_shipped_picture_reaches_the_published_size():
    shipped = Path(__file__).parents[3] / "bot" / "library" / "iris" / "portrait.png"
    character = CharacterAssets(character_id="iris", image=shipped, likeness=Likeness.FICTIONAL)
    published = VideoFormat(width=640, height=360, fps=24)
    async with await open_engine("diffusion-tiny").open(character, published) as session:
        output = Output(session.video, published)
        await session.speak(tone(0.5), timing=None, epoch=1)
        blocks = [output.convert(block) for block in await take(session.blocks(), 4)]
    assert all(block.frames.shape[1:] == published.frame_shape for block in blocks)
    assert any(block.sound.any() for block in blocks)
