"""Stages of known length: over two devices a block comes after the longer one, on one device after both."""

from __future__ import annotations

import argparse

import pytest

from engine.diffusion.capacity import Load, capacity
from tests.benchmarks.pipeline import overlap, run
from tests.engine.diffusion.support import torch  # first: it skips without torch

# isort: split
from engine.diffusion.orders import Done

assert torch
DENOISE_MS, DECODE_MS = 600.0, 500.0


def options(**changes):
    told = {"checkpoint": None, "preset": "tiny", "tp": 1, "device": "cpu", "decode_device": "cpu", "path": "eager"}
    told |= {"blocks": 12, "denoise_ms": DENOISE_MS, "decode_ms": DECODE_MS}
    return argparse.Namespace(**told | changes)


@pytest.mark.acceptance
@pytest.mark.parallel
@pytest.mark.parametrize(("denoise_ms", "decode_ms"), [(DENOISE_MS, DECODE_MS), (DECODE_MS, DENOISE_MS)])
async def test_over_two_devices_the_period_is_the_longer_stage_and_a_frames_way_the_sum(denoise_ms, decode_ms):
    figures = await run(options(denoise_ms=denoise_ms, decode_ms=decode_ms))
    print(figures)
    assert figures["period_ms"]["p50"] <= 1.05 * figures["longest_stage_ms"]
    assert figures["latency_of_one_frame_ms"]["p50"] >= 0.99 * figures["sum_of_stages_ms"]
    assert figures["overlap"] > 0.8


@pytest.mark.acceptance
@pytest.mark.parallel
async def test_on_one_device_the_period_is_the_sum_and_is_reported_so():
    figures = await run(options(decode_device="same"))
    print(figures)
    assert figures["period_ms"]["p50"] >= 0.99 * figures["sum_of_stages_ms"]
    assert (figures["period_follows"], figures["overlap"]) == ("the sum of both", 0.0)


def done(began_s, ended_s):
    return Done(began_s=began_s, ended_s=ended_s)


def test_overlap_is_the_share_of_decoding_beside_diffusion():
    assert overlap([done(0, 1), done(1, 2)], [done(1, 2), done(2, 3)]) == 0.5
    assert overlap([done(0, 1)], [done(1, 2)]) == 0


def test_capacity_is_the_most_sessions_that_kept_up():
    def load(sessions, wait_s):
        return Load(sessions=sessions, waits_s=(wait_s,) * 10, block_s=0.2)

    assert capacity([load(1, 0.05), load(2, 0.1), load(3, 0.19)]) == 2
    assert capacity([load(1, 0.3)]) == 0
