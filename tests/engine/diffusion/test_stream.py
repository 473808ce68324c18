"""A session's stream: re-planning, sound in the picture, and the three ways to run it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from itertools import product

import numpy as np
import pytest

from engine.diffusion.config import PRESETS, AudioAdapter, CachePolicy, PositionPolicy
from tests.engine.contract import tone
from tests.engine.diffusion.support import torch  # first: it skips without torch

# isort: split
from engine.diffusion.bundle import random_bundle
from engine.diffusion.errors import PartMissing
from engine.diffusion.frames import ToI420
from engine.diffusion.graphs import Path, Runner, compile_blocks
from engine.diffusion.lane import DecodeLane
from engine.diffusion.stream import FaceStream
from tests.engine.diffusion.tape import record

TINY_3 = PRESETS["tiny-3"]
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="CUDA graphs need a CUDA device")


@cache
def weights(trunk, device):
    return random_bundle(replace(TINY_3, trunk=trunk, width_px=64, height_px=64), device=device)


def make(checkpoint=TINY_3, *, path=Path.EAGER, device="cpu", seed=0):
    bundle = replace(weights(checkpoint.trunk, device), checkpoint=checkpoint)
    torch.manual_seed(9)
    still = torch.rand(1, 3, 1, checkpoint.height_px, checkpoint.width_px) * 2 - 1
    return FaceStream(bundle, still, seed=seed, path=path)


def frames(stream, blocks):
    return np.stack([stream.next_block().frames for _ in range(blocks)])


def test_speech_arriving_inside_a_planned_block_is_in_the_very_next_block():
    stream = make()
    while stream.pending != 1:
        stream.next_block()
    stream.timeline.speak(tone(0.5), epoch=1)
    assert stream.next_block().voiced


def test_the_mouth_of_a_late_reply_is_planned_with_its_sound():
    """Frames made after the reply came are those of a stream that knew of it from that block on."""
    late, quiet = make(), make()
    for stream in (late, quiet):
        while stream.pending != 2:
            stream.next_block()
    late.timeline.speak(tone(0.5), epoch=1)
    assert (frames(late, 2) != frames(quiet, 2)).any()
    assert late.denoiser.cache.book.count > quiet.denoiser.cache.book.count, "a new block began with the reply"


def test_an_interruption_forgets_the_latents_not_yet_shown():
    stream = make()
    stream.timeline.speak(tone(2.0), epoch=1)
    frames(stream, 4)
    assert stream.pending == 2
    shown = stream.shown
    stream.timeline.interrupt(2)
    block = stream.next_block()
    assert (block.epoch, block.voiced, block.index) == (2, False, shown - 1)
    assert stream.denoiser.cache.book.count == shown + 3


@pytest.mark.parametrize("busy", [0.9, 1.8, 3.5])
def test_a_slow_stream_repeats_the_last_frame_and_its_sound_never_waits(busy):
    """`busy`: how many times longer than it plays a block takes to make; the machine's own speed is left out."""
    stream, said = make(PRESETS["tiny"]), tone(2.0)
    stream.keep_time, block_s = True, 4 / 24
    stream.timeline.speak(said, epoch=1)
    made, heard, last = 0.0, [], None
    for index in range(12):
        stream.behind_s = made - index * block_s
        held = stream.rate.held
        block = stream.next_block()
        assert block.index == index
        if stream.rate.held > held:
            assert (block.frames == last).all()
        else:
            made += busy * block_s
            last = block.frames[-1]
        assert made <= (index + 1 + busy) * block_s, "never behind by more than the block being made"
        heard.append(block.sound)
    np.testing.assert_array_equal(np.concatenate(heard), said[: 12 * 4000])
    assert (stream.rate.held > 0) == (busy > 1)


def test_after_a_held_block_the_picture_hears_what_is_played_with_it():
    slow, straight = make(PRESETS["tiny"]), make(PRESETS["tiny"])
    slow.keep_time, slow.behind_s = True, 0.01
    slow.timeline.speak(tone(1.0), epoch=1)
    straight.timeline.speak(tone(1.0)[4000:], epoch=1)
    slow.next_block()
    assert slow.rate.held == 1
    for stream in (slow, straight):
        stream.next_block()
    assert (slow.planned_sound == straight.planned_sound).all()


def test_decoding_leaves_the_latents_as_they_were_made():
    stream = make()
    while stream.pending != 2:
        stream.next_block()
    made = stream.denoiser.latents_BCFHW.clone()
    frames(stream, 2)
    assert (stream.denoiser.latents_BCFHW == made).all(), "the clean pass after them reads what was made"


def test_silence_runs_the_same_loop_without_a_new_start():
    stream = make()
    stream.timeline.speak(tone(0.3), epoch=1)
    frames(stream, 6)
    counts = []
    for _ in range(3):
        frames(stream, 3)
        counts.append(stream.denoiser.cache.book.count)
    stream.timeline.speak(tone(0.3), epoch=1)
    frames(stream, 3)
    counts.append(stream.denoiser.cache.book.count)
    assert np.diff(counts).tolist() == [3, 3, 3]


def test_the_listening_prompt_is_used_while_nothing_is_said():
    stream = make()
    assert stream.listening is True
    stream.timeline.speak(tone(0.2), epoch=1)
    stream.next_block()
    assert stream.listening is False
    frames(stream, 9)
    assert stream.listening is True


@pytest.mark.parametrize(
    ("block", "cache", "positions"),
    [((1, 3, 4)[n % 3], *pair) for n, pair in enumerate(product(CachePolicy, PositionPolicy))],
)
def test_every_policy_streams_four_frames_at_a_time(block, cache, positions):
    checkpoint = replace(
        PRESETS["tiny"],
        block_latents=block,
        window_latents=block + 2,
        cache=cache,
        positions=positions,
        position_limit=2 * block + 2,
    )
    stream = make(checkpoint)
    for index in range(6):
        made = stream.next_block()
        assert made.index == index
        assert made.frames.shape == (4, 48, 48)


def test_a_checkpoint_without_sound_streams_too():
    checkpoint = replace(TINY_3, trunk=replace(TINY_3.trunk, in_channels=16, audio=AudioAdapter.NONE))
    stream = make(checkpoint)
    stream.timeline.speak(tone(0.2), epoch=1)
    assert stream.next_block().voiced
    assert frames(stream, 3).any()


@pytest.mark.parametrize("preset", ["tiny-3", "tiny-s2v"])
def test_a_stream_that_forgot_all_is_as_just_opened_at_the_same_addresses(preset):
    stream, said = make(replace(PRESETS[preset], drift_correction=0.2)), tone(1.0)
    ring = stream.denoiser.cache.keys_RYBXHD.data_ptr()
    runs = []
    for _ in range(2):
        stream.timeline.speak(said, epoch=1)
        runs.append(frames(stream, 7))
        stream.forget_all()
        stream.begin()
    np.testing.assert_array_equal(*runs)
    assert stream.denoiser.cache.keys_RYBXHD.data_ptr() == ring


def test_all_is_captured_before_the_first_block_and_the_frames_are_those_of_a_fresh_stream():
    eager, still = make(PRESETS["tiny"], seed=5), torch.rand(1, 3, 1, 32, 48)
    runner = Runner(Path.GRAPH, torch.device("cpu"), capture=record)
    plain, captured = (FaceStream(eager.bundle, still, seed=5, runner=one) for one in (None, runner))
    captures = runner.captures
    assert captures == 3, "a steady block, the pass after it, and its decoding"
    assert (captured.rate.blocks, captured.timeline.taken_samples) == (0, 0)
    for stream in (plain, captured):
        stream.timeline.speak(tone(1.0), epoch=1)
    np.testing.assert_array_equal(frames(plain, 9), frames(captured, 9))
    assert runner.captures == captures


def test_s2v_sees_the_still_beside_the_stream_and_its_first_frames_are_new():
    stream = make(PRESETS["tiny-s2v"])
    assert (stream.shown, stream.pending, stream.denoiser.next_latent) == (0, 0, 0)
    stream.timeline.speak(tone(0.5), epoch=1)
    first = stream.next_block()
    assert (first.index, first.voiced, stream.denoiser.next_latent) == (0, True, 3)
    assert stream._heard(0) == 1, "its first latent hears the stream's first block"
    assert first.frames.std() > 0


@pytest.mark.parametrize("after", [1, pytest.param(13, marks=[pytest.mark.acceptance, pytest.mark.parallel])])
def test_s2v_is_interrupted_like_any_other(after):
    """Also before its first latent has been shown, and after the first latent made stands for the still."""
    stream = make(PRESETS["tiny-s2v"])
    stream.timeline.speak(tone(4.0), epoch=1)
    frames(stream, after)
    assert stream.pending == 2
    stream.timeline.interrupt(2)
    block = stream.next_block()
    assert (block.epoch, block.voiced, block.index) == (2, False, after)
    assert stream.denoiser.adopted == (after > 12)


def test_a_changed_prompt_changes_what_s2v_sees_beside_the_stream():
    stream = make(PRESETS["tiny-s2v"])
    frames(stream, 1)
    before = stream.denoiser.cache.condition.keys_YBCHD.clone()
    stream.denoiser.set_prompt([(keys + 1, values + 1) for keys, values in stream.denoiser.text])
    stream.denoiser.look_at_still()
    after = stream.denoiser.cache.condition.keys_YBCHD
    assert (before[0] == after[0]).all() and (before[1:] != after[1:]).any()


class ApartInOrder(DecodeLane):
    """The order of work as on a GPU's two streams, without them."""

    def __init__(self):
        self.apart = True

    def latents_are_made(self):
        """One stream needs no events."""

    def run(self, work):
        work()

    def wait(self):
        """Done already."""


def test_what_follows_the_latents_may_run_before_their_frames_are_handed_on():
    inline, apart = make(), make()
    apart.decoding.lane = ApartInOrder()
    np.testing.assert_array_equal(frames(inline, 7), frames(apart, 7))


def test_a_streams_latents_are_watched_and_corrected_where_the_checkpoint_asks():
    plain, corrected = make(), make(replace(TINY_3, drift_correction=0.5))
    before = plain.latents.drift.mean.clone()
    assert (frames(plain, 5) != frames(corrected, 5)).any()
    assert (plain.latents.drift.mean != before).any()
    assert (plain.latents.drift.reference_mean == corrected.latents.drift.reference_mean).all()


@pytest.mark.parametrize("preset", ["tiny-3", pytest.param("tiny-s2v", marks=pytest.mark.acceptance)])
def test_in_bfloat16_it_streams_and_the_still_is_encoded_in_float32(preset):
    """The precision of a GPU; no parity is asked of it."""
    bundle = random_bundle(PRESETS[preset], dtype=torch.bfloat16)
    assert bundle.encoder_vae.conv1.weight.dtype == torch.float32
    assert bundle.vae.conv2.weight.dtype == bundle.trunk.patch_embedding.weight.dtype == torch.bfloat16
    stream = FaceStream(bundle, torch.rand(1, 3, 1, bundle.checkpoint.height_px, bundle.checkpoint.width_px), seed=0)
    assert frames(stream, 4).std() > 0
    assert stream.denoiser.latents_BCFHW.dtype == torch.float32 and stream.denoiser.latents_BCFHW.isfinite().all()


def test_i420_has_the_published_values_of_the_primaries():
    colours = {(1, -1, -1): (81, 90, 240), (-1, 1, -1): (145, 54, 34), (1, 1, 1): (235, 128, 128)}
    for rgb, yuv in colours.items():
        plane = ToI420("cpu")(torch.tensor(rgb, dtype=torch.float32)[None, :, None, None, None].expand(1, 3, 2, 4, 8))
        assert plane.shape == (2, 6, 8)
        assert (int(plane[0, 0, 0]), int(plane[0, 4, 0]), int(plane[0, 5, 0])) == pytest.approx(yuv, abs=1)


def test_compiled_blocks_have_no_graph_break_and_give_the_same_frames():
    """`fullgraph` raises at a break; the `eager` backend leaves out the minutes of code generation."""
    checkpoint = replace(TINY_3, trunk=replace(TINY_3.trunk, eps=2e-6))  # weights of its own: compiling changes them
    plain, compiled = frames(make(checkpoint), 4), make(checkpoint)
    compile_blocks(compiled.bundle.trunk, backend="eager")
    np.testing.assert_array_equal(plain, frames(compiled, 4))


def test_graphs_without_a_gpu_are_refused_in_words():
    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    with pytest.raises(PartMissing, match="CUDA"):
        make(path=Path.GRAPH)


@pytest.mark.gpu
@needs_gpu
def test_graph_replay_equals_eager_over_50_steps_with_every_condition_changing():
    eager, graph = (make(path=path, device="cuda") for path in (Path.EAGER, Path.GRAPH))
    for number in range(50):
        for stream in (eager, graph):
            if number == 20:
                stream.timeline.speak(tone(1.0), epoch=1)  # changes sound and prompt
            if number == 35:
                stream.denoiser.set_reference(stream.denoiser.reference_BCHW.flip(-1).clone())
        one, other = eager.next_block().frames.astype(int), graph.next_block().frames.astype(int)
        assert abs(one - other).max() <= 1, f"block {number}"
        if number == 15:
            captures = graph.runner.captures
    assert graph.runner.captures == captures, "nothing was captured again"


@pytest.mark.gpu
@needs_gpu
def test_sessions_whose_graphs_are_captured_at_the_same_time_give_the_frames_of_one_alone():
    alone = frames(make(path=Path.GRAPH, device="cuda"), 20)

    def session(number):
        with torch.inference_mode():
            return frames(make(path=Path.GRAPH, device="cuda"), 20)

    with ThreadPoolExecutor(3) as threads:
        for beside in threads.map(session, range(3)):
            assert abs(beside.astype(int) - alone).max() <= 1


@pytest.mark.gpu
@needs_gpu
def test_the_steady_state_neither_synchronises_nor_allocates():
    stream = make(path=Path.GRAPH, device="cuda")
    frames(stream, 12)
    before = torch.cuda.memory_allocated()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(10):
            stream.latents.make(stream.plan_block())
            stream.latents.settle()
            stream.decoding.lane.latents_are_made()
            stream.decoding.lane.run(lambda: stream.runner.run("decode", stream.decoding.decode_static, lane="decode"))
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert torch.cuda.memory_allocated() == before


@pytest.mark.gpu
@needs_gpu
def test_noise_differs_between_replays_and_the_seed_reproduces_it():
    runs = []
    for _ in range(2):
        stream = make(path=Path.GRAPH, device="cuda")
        made = []
        for _ in range(8):
            stream.denoiser.denoise()
            made.append(stream.denoiser.noise_FKBCHW.clone())
            stream.denoiser.remember()
        runs.append(torch.stack(made))
    assert (runs[0] == runs[1]).all()
    assert all((one != two).any() for one, two in zip(runs[0], runs[0][1:], strict=False))
