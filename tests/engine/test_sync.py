"""Frames follow the sound that is heard: properties on a virtual clock."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.output import PUBLISHED_RATE_HZ, PublishedBlock
from engine.sync import FrameSync

FPS = 24
PER_FRAME = PUBLISHED_RATE_HZ // FPS
PER_BLOCK = 4 * PER_FRAME


def block(index: int, epoch: int = 1) -> PublishedBlock:
    frames = np.array([[[(4 * index + k) % 256]] for k in range(4)], np.uint8)
    return PublishedBlock(
        epoch=epoch,
        index=index,
        first_frame=4 * index,
        frames=frames,
        sound=np.zeros(PER_BLOCK, np.int16),
        spoken_from=0,
        spoken_to=0,
    )


def test_the_frame_is_that_of_the_sample_being_heard() -> None:
    sync = FrameSync(fps=FPS)
    for index in range(3):
        sync.append(block(index), starts_at=700 + index * PER_BLOCK)
    for number in range(12):
        assert sync.frame_at(700 + number * PER_FRAME).number == number
    assert sync.tally.shown == 12 and sync.tally.dropped == sync.tally.repeated == 0


def test_a_longer_sound_path_delays_the_frames_by_as_much() -> None:
    sync = FrameSync(fps=FPS, device_offset_s=0.125)
    for index in range(3):
        sync.append(block(index), starts_at=index * PER_BLOCK)
    assert sync.frame_at(8 * PER_FRAME).number == 5, "125 ms are three frames"


@settings(max_examples=6, deadline=None)
@given(drift_ppm=st.integers(-200, 200), offset_ms=st.integers(0, 120), phase=st.integers(0, PER_FRAME - 1))
@pytest.mark.slow
@pytest.mark.parallel
def test_forty_minutes_of_clock_drift_leave_the_skew_within_one_frame(
    drift_ppm: int, offset_ms: int, phase: int
) -> None:
    sync = FrameSync(fps=FPS, device_offset_s=offset_ms / 1000)
    offset = round(offset_ms / 1000 * PUBLISHED_RATE_HZ)
    appended, last = 0, -1
    ticks = 40 * 60 * FPS
    for tick in range(ticks):
        heard = int(tick * PER_FRAME * (1 + drift_ppm / 1e6)) + phase
        while appended * PER_BLOCK <= heard + PER_BLOCK:
            sync.append(block(appended), starts_at=appended * PER_BLOCK)
            appended += 1
        shown = sync.frame_at(heard)
        if shown.waiting:
            continue
        assert shown.number is not None and shown.number >= last
        assert 0 <= heard - offset - shown.number * PER_FRAME < PER_FRAME
        last = shown.number
    assert sync.tally.repeated + sync.tally.dropped <= ticks * 200e-6 + 2


Step = st.tuples(st.sampled_from(["append", "hear", "flush"]), st.integers(0, 3 * PER_BLOCK))


@settings(max_examples=150, deadline=None)
@given(steps=st.lists(Step, max_size=60))
def test_it_never_goes_back_never_shows_an_old_epoch_and_stays_bounded(steps: list[tuple[str, int]]) -> None:
    sync = FrameSync(fps=FPS, capacity_frames=16)
    heard, index, written, made_epoch, flushed_to, last = 0, 0, 0, 1, 0, (-1, -1)
    for what, amount in steps:
        if what == "append":
            sync.append(block(index, epoch=made_epoch), starts_at=max(written, heard))
            index, written = index + 1, max(written, heard) + PER_BLOCK
            made_epoch = max(made_epoch, flushed_to) if amount % 2 else made_epoch
        elif what == "flush":
            flushed_to = max(flushed_to, made_epoch) + 1
            sync.flush(flushed_to)
            written = heard
        else:
            heard += amount
            shown = sync.frame_at(heard)
            assert shown.epoch >= flushed_to
            if shown.number is not None:
                assert (shown.epoch, shown.number) >= last
                last = (shown.epoch, shown.number)
        assert sync.stored <= 16


def test_after_a_flush_the_neutral_picture_stays_until_the_new_epoch_comes() -> None:
    sync = FrameSync(fps=FPS)
    sync.append(block(0, epoch=1), starts_at=0)
    assert sync.frame_at(0).frame is not None
    sync.flush(2)
    sync.append(block(1, epoch=1), starts_at=PER_BLOCK)
    assert sync.frame_at(PER_BLOCK).frame is None
    sync.append(block(2, epoch=2), starts_at=3 * PER_BLOCK)
    early = sync.frame_at(2 * PER_BLOCK)
    assert early.waiting and early.number == 8
    assert not sync.frame_at(3 * PER_BLOCK).waiting


def test_a_frame_stays_what_it_was_when_the_engine_reuses_its_memory() -> None:
    sync, given_block = FrameSync(fps=FPS), block(3)
    sync.append(given_block, starts_at=0)
    given_block.frames[:] = 255
    shown = sync.frame_at(0).frame
    assert shown is not None and shown[0, 0] == 12
