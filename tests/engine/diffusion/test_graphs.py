"""The steady state can be captured: what is done again without the host is what the host would do. On any device."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event

import pytest

from engine.diffusion.config import PRESETS, CachePolicy, PositionPolicy, Schedule
from tests.engine.diffusion.support import away_from_trivial, torch  # first: it skips without torch

# isort: split
from engine.diffusion.bundle import make_trunk, random_bundle
from engine.diffusion.denoiser import Denoiser
from engine.diffusion.graphs import Path, Runner
from engine.diffusion.model.vae import StreamState
from tests.engine.diffusion.tape import NotCapturable, record

TINY = PRESETS["tiny"]
SHORT = Schedule(steps=2)
TWO_LAYERS = replace(PRESETS["tiny-s2v"].trunk, layers=2, injected_after=(0,))
SHAPES = {
    "absolute": TINY,
    "three latents": replace(PRESETS["tiny-3"], schedule=SHORT),
    "extended": replace(TINY, positions=PositionPolicy.EXTENDED, sink_distance_latents=5),
    "relative": replace(TINY, positions=PositionPolicy.RELATIVE, cache=CachePolicy.PER_TIMESTEP),
    "reset": replace(TINY, positions=PositionPolicy.RESET, position_limit=9),
    "s2v": replace(PRESETS["tiny-s2v"], trunk=TWO_LAYERS, window_latents=6, adopt_reference_after=18, schedule=SHORT),
}


def make(checkpoint, runner=None):
    torch.manual_seed(0)
    trunk = away_from_trivial(make_trunk(checkpoint.trunk, checkpoint.sound.layers + 1), torch.float32)
    denoiser = Denoiser(trunk, checkpoint, seed=3, runner=runner)
    denoiser.set_reference(torch.randn_like(denoiser.reference_BCHW))
    return denoiser


def change_something(denoiser, number):
    """Prompt, sound, still, and a way back, in turn."""
    torch.manual_seed(number)
    match number:
        case 20:
            denoiser.set_prompt([(torch.randn_like(k), torch.randn_like(v)) for k, v in denoiser.text])
        case 26 if isinstance(denoiser.audio, torch.Tensor):
            denoiser.set_audio(torch.randn_like(denoiser.audio))
        case 26:
            denoiser.set_audio(tuple(torch.randn_like(part) for part in denoiser.audio))
        case 32:
            denoiser.set_reference(torch.randn_like(denoiser.reference_BCHW))
        case 38:
            denoiser.truncate(denoiser.next_latent - 2)


OFTEN = ("absolute", "s2v")
NOW_AND_THEN = [
    pytest.param(shape, marks=[pytest.mark.acceptance, pytest.mark.parallel]) for shape in SHAPES if shape not in OFTEN
]


@pytest.mark.parametrize("shape", [*OFTEN, *NOW_AND_THEN])
def test_replay_equals_eager_over_50_steps_with_every_condition_changing(shape):
    checkpoint, runner = SHAPES[shape], Runner(Path.GRAPH, torch.device("cpu"), capture=record)
    eager, replayed = make(checkpoint), make(checkpoint, runner)
    for number in range(50):
        for denoiser in (eager, replayed):
            change_something(denoiser, number)
        assert (eager.denoise() == replayed.denoise()).all(), f"block {number}"
        for denoiser in (eager, replayed):
            denoiser.remember()
        if number == 18:
            captures = runner.captures
    assert captures > 0
    assert runner.captures - captures <= (2 if shape == "reset" else 0), "nothing was captured again"


@pytest.mark.parametrize("change", [20, 26, 32], ids=["prompt", "sound", "still"])
def test_every_condition_of_s2v_takes_effect_with_the_next_block(change):
    plain, changed = make(SHAPES["s2v"]), make(SHAPES["s2v"])
    for denoiser in (plain, changed):
        denoiser.denoise()
        denoiser.remember()
    change_something(changed, change)
    assert (plain.denoise() != changed.denoise()).any()


def test_replayed_decoding_equals_eager():
    vae = random_bundle(TINY).vae
    state, latent, out = StreamState(), torch.zeros(1, 16, 1, 4, 6), torch.zeros(1, 3, 4, 32, 48)
    vae.decode(latent, state, first=True)
    plain = StreamState()
    vae.decode(latent, plain, first=True)
    runner = Runner(Path.GRAPH, torch.device("cpu"), capture=record)
    for _ in range(6):
        latent.normal_()
        runner.run("decode", lambda: out.copy_(vae.decode(latent, state, first=False)), lane="decode")
        assert (out == vae.decode(latent, plain, first=False)).all()
    assert runner.captures == 1


FAULTS = {
    "asks the device for a value": lambda cell: cell.add_(1 if cell.item() > 3 else 2),
    "brings a value from the host": lambda cell: cell.add_(torch.tensor(1.0)),
    "draws its own noise": lambda cell: cell.normal_(),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_be_captured_is_found(fault):
    cell = torch.zeros(())
    with pytest.raises(NotCapturable):
        record(lambda: FAULTS[fault](cell), "main")


def test_a_number_of_the_host_is_frozen_as_on_a_gpu():
    cell, count = torch.zeros(()), [1.0]
    runner = Runner(Path.GRAPH, torch.device("cpu"), capture=record)
    for _ in range(4):
        count[0] += 1
        runner.run("count", lambda: cell.fill_(count[0]))
    assert float(cell) == 3.0, "the second run was captured with what the host knew then"


class Captures:
    """In place of `CudaCapture`: whether another capture began before the first one was done."""

    def __init__(self):
        self.first, self.second, self.overlapped = Event(), Event(), None

    def __call__(self, work, lane):
        if self.first.is_set():
            self.second.set()
        else:
            self.first.set()
            self.overlapped = self.second.wait(0.3)
        return record(work, lane)


def test_two_sessions_never_capture_at_once():
    captures, cell = Captures(), torch.zeros(())

    def session(number):
        runner = Runner(Path.GRAPH, torch.device("cpu"), capture=captures)
        for _ in range(2):
            with torch.inference_mode():
                runner.run("work", lambda: cell.add_(1))

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(session, range(2)))
    assert captures.overlapped is False and captures.second.is_set()


def test_noise_is_fresh_at_every_replay_and_the_seed_reproduces_it():
    runs = []
    for _ in range(2):
        denoiser = make(TINY, Runner(Path.GRAPH, torch.device("cpu"), capture=record))
        made = []
        for _ in range(9):
            denoiser.denoise()
            denoiser.remember()
            made.append(denoiser.noise_FKBCHW.clone())
        runs.append(torch.stack(made))
    assert (runs[0] == runs[1]).all()
    assert all((one != two).any() for one, two in zip(runs[0], runs[0][1:], strict=False))
