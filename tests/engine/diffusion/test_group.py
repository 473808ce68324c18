"""A group of processes makes what one process makes, and ends whole when a part of it ends."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from engine.api import CharacterAssets, Likeness, VideoFormat
from engine.diffusion.config import PRESETS
from engine.diffusion.group import GroupOptions
from engine.diffusion.group_engine import GroupEngine
from tests.engine.contract import take, tone
from tests.engine.diffusion.support import torch  # first: it skips without torch

# isort: split
from engine.diffusion.bundle import random_bundle
from engine.diffusion.frames import read_still
from engine.diffusion.stream import FaceStream

assert torch
pytestmark = pytest.mark.acceptance
VIDEO = VideoFormat(width=1280, height=720, fps=24)


@pytest.fixture
def character(tmp_path):
    path = tmp_path / "face.png"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8))
    return CharacterAssets(character_id="c", image=path, likeness=Likeness.FICTIONAL, seed=7)


def alone(character, preset="tiny"):
    checkpoint = PRESETS[preset]
    still = read_still(character.image, width=checkpoint.width_px, height=checkpoint.height_px)
    return FaceStream(random_bundle(checkpoint), still, seed=character.seed)


def furthest(block, other):
    assert (block.index, block.epoch, block.spoken_from, block.spoken_to) == (
        other.index,
        other.epoch,
        other.spoken_from,
        other.spoken_to,
    )
    np.testing.assert_array_equal(block.sound, other.sound)
    return int(abs(block.frames.astype(int) - other.frames.astype(int)).max())


@pytest.mark.parametrize("preset", ["tiny", "tiny-3", "tiny-s2v"])
@pytest.mark.parametrize("decode", ["same", "cpu"])
async def test_two_ranks_and_a_decoder_stream_what_one_process_streams(character, preset, decode):
    """Speech, a reply that begins inside what was already begun, an interruption."""
    single = alone(character, preset)
    options = GroupOptions(tp=2, decode_device=decode, preset=preset)
    async with GroupEngine(options, keep_time=False) as engine, await engine.open(character, VIDEO) as session:
        blocks = session.blocks()
        for number in range(16):
            if number in (2, 5):
                await session.speak(tone(0.5), timing=None, epoch=1)
                single.timeline.speak(tone(0.5), epoch=1)
            if number == 7:
                session.interrupt(2)
                single.timeline.interrupt(2)
            (block,) = await take(blocks, 1)
            assert furthest(block, single.next_block()) <= 1, f"block {number}"
