"""A parted model with a decoder of its own, behind `understudy engine serve`: the contract, equality, deaths."""

from __future__ import annotations

import asyncio
import signal
import time
from itertools import pairwise

import cv2
import numpy as np
import psutil
import pytest

from engine.api import CharacterAssets, EngineDied, Likeness, VideoFormat
from engine.diffusion.config import PRESETS
from engine.standby import StandbyEngine
from tests.engine.contract import EngineContract, take, tone
from tests.engine.diffusion.served import serving
from tests.engine.diffusion.support import torch  # first: it skips without torch
from tests.engine.painted import PaintedEngine
from tests.polling import eventually, until_true

# isort: split
from engine.diffusion.bundle import random_bundle
from engine.diffusion.frames import read_still
from engine.diffusion.stream import FaceStream

assert torch
pytestmark = pytest.mark.acceptance
VIDEO = VideoFormat(width=640, height=360, fps=24)
GROUP = ("--preset", "tiny", "--tp", "2", "--decode-device", "cpu", "--never-hold", "--sessions", "3")
STANDBY = 150  # no darker are the frames of what takes over


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("served") / "home", *GROUP) as one:
        yield one


@pytest.fixture
def served(server):
    """With all its room."""
    until_true(lambda: server.sessions() == 0, 30)
    return server


@pytest.fixture
def character(tmp_path):
    path = tmp_path / "face.png"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8))
    return CharacterAssets(character_id="c", image=path, likeness=Likeness.FICTIONAL, seed=7)


class TestThroughTheServer(EngineContract):
    video = VIDEO

    @pytest.fixture(autouse=True)
    def set_up(self, served, character):
        self.served, self.character = served, character

    def make_engine(self):
        return self.served.engine()


async def test_500_blocks_through_the_server_are_those_of_one_process(served, character):
    checkpoint, said = PRESETS["tiny"], tone(20.0)
    still = read_still(character.image, width=checkpoint.width_px, height=checkpoint.height_px)
    single, furthest = FaceStream(random_bundle(checkpoint), still, seed=character.seed), 0
    single.timeline.speak(said, epoch=1)
    async with await served.engine().open(character, VIDEO) as session:
        await session.speak(said, timing=None, epoch=1)
        blocks = session.blocks()
        for _ in range(500):
            (block,), other = await take(blocks, 1), single.next_block()
            assert (block.index, block.spoken_from, block.spoken_to) == (
                other.index,
                other.spoken_from,
                other.spoken_to,
            )
            np.testing.assert_array_equal(block.sound, other.sound)
            furthest = max(furthest, int(abs(block.frames.astype(int) - other.frames.astype(int)).max()))
    assert furthest <= 1, "of 255: what rounding to bytes leaves of 1e-5"


async def test_a_hundred_interruptions_beside_other_sessions_leave_nothing_of_an_old_epoch(served, character):
    engine = served.engine()
    async with await engine.open(character, VIDEO) as one, await engine.open(character, VIDEO) as other:
        blocks, beside = one.blocks(), other.blocks()
        for epoch in range(1, 101):
            await one.speak(tone(1.0), timing=None, epoch=epoch)
            await asyncio.gather(take(blocks, 1 + epoch % 3), take(beside, 1))
            one.interrupt(epoch + 1)
            (block,) = await take(blocks, 1)
            assert block.epoch == epoch + 1 and not block.sound.any() and not block.voiced


async def test_a_session_alone_is_not_moved_by_others_made_together_with_it(served, character):
    engine, alone = served.engine(), []
    async with await engine.open(character, VIDEO) as session:
        await session.speak(tone(0.5), timing=None, epoch=1)
        alone = await take(session.blocks(), 12)
    async with (
        await engine.open(character, VIDEO) as one,
        await engine.open(character, VIDEO) as two,
        await engine.open(character, VIDEO) as three,
    ):
        await one.speak(tone(0.5), timing=None, epoch=1)
        mine, *_ = await asyncio.gather(*(take(session.blocks(), 12) for session in (one, two, three)))
    for expected, got in zip(alone, mine, strict=True):
        assert abs(expected.frames.astype(int) - got.frames.astype(int)).max() <= 1


async def test_a_client_that_stops_reading_harms_no_other(served, character):
    engine = served.engine()
    async with await engine.open(character, VIDEO) as idle, await engine.open(character, VIDEO) as busy:
        await take(idle.blocks(), 1)
        assert len(await take(busy.blocks(), 30)) == 30


@pytest.mark.parametrize("rank", [0, 1, 2])
async def test_any_rank_may_be_killed_and_the_face_goes_on(served, character, rank):
    """Within a second by another engine, without a process left over; the server is ready again by itself."""
    before, readied = served.ranks(), served.said().count("the engine is ready")
    engine = StandbyEngine(served.engine(), PaintedEngine(colour=STANDBY), retry_s=0.2)
    async with await engine.open(character, VIDEO) as session:
        blocks = session.blocks()
        await session.speak(tone(30.0), timing=None, epoch=1)
        seen = await take(blocks, 3)
        before[rank].send_signal(signal.SIGKILL)
        killed_s, longest_s = time.monotonic(), 0.0
        while not session.on_standby:
            asked_s = time.monotonic()
            seen += await take(blocks, 1)
            longest_s = max(longest_s, time.monotonic() - asked_s)
            assert time.monotonic() - killed_s < 30
        seen += await take(blocks, 1)
        assert longest_s < 5, "the bound is one second; a busy machine is given more"
        voiced = [block for block in seen if block.voiced]
        assert all(one.spoken_to == other.spoken_from for one, other in pairwise(voiced))
        gone, _ = psutil.wait_procs(before, timeout=5)
        assert len(gone) == len(before), "the other ranks were ended with it"
        await eventually(lambda: served.said().count("the engine is ready") > readied, 120)
        print(f"rank {rank} killed: longest wait for a block {longest_s:.2f} s")


async def test_without_a_standby_the_client_is_told_what_happened(served, character):
    readied = served.said().count("the engine is ready")
    async with await served.engine().open(character, VIDEO) as session:
        await take(session.blocks(), 1)
        served.ranks()[1].kill()
        with pytest.raises(EngineDied, match=r"rank [0-2] of the engine group ended"):
            await take(session.blocks(), 1000)
    await eventually(lambda: served.said().count("the engine is ready") > readied, 120)


def test_the_ranks_end_with_a_head_that_is_killed(tmp_path):
    with serving(tmp_path / "home", "--preset", "tiny", "--tp", "2") as one:
        ranks = one.ranks()
        one.process.kill()
        gone, _ = psutil.wait_procs(ranks, timeout=10)
        assert len(gone) == 2
        one.process.wait()
