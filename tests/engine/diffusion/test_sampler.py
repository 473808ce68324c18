"""Both families' schedules are the published numbers and diffusers' scheduler."""

from __future__ import annotations

import pytest

from engine.diffusion.config import PRESETS, SamplerKind, Schedule
from tests.engine.diffusion.support import torch  # first: it skips without torch

# isort: split
from engine.diffusion.sampler import Level, NoiseSource, bfloat16, clean, levels, step


def test_livetalk_timesteps_are_the_published_ones():
    schedule = PRESETS["livetalk-1.3b"].schedule
    assert [level.timestep for level in levels(schedule)] == [1000, 936, 832, 624]
    assert [1000 * level.sigma for level in levels(schedule)] == pytest.approx([1000, 937.5, 833.3333, 625])


def test_liveavatar_shifts_its_end_point_too():
    schedule = PRESETS["liveavatar-14b"].schedule
    assert [level.sigma for level in levels(schedule)] == pytest.approx([1, 0.8577, 0.6022, 0.0089], abs=5e-5)
    three = Schedule(kind=SamplerKind.EULER, steps=3, shift=3.0, round_timesteps=False)
    assert [level.timestep for level in levels(three)] == pytest.approx([1000, 751.12, 8.93], abs=5e-3)


@pytest.mark.parametrize("steps", [2, 3, 4, 8])
def test_euler_equals_diffusers_scheduler(steps):
    diffusers = pytest.importorskip("diffusers", reason="parity needs diffusers")
    theirs = diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0)
    theirs.set_timesteps(steps)
    ours = levels(Schedule(kind=SamplerKind.EULER, steps=steps, shift=3.0, round_timesteps=False))
    assert [level.sigma for level in ours] == pytest.approx(theirs.sigmas[:-1].tolist(), abs=1e-6)
    x, velocity = torch.randn(2, 1, 16, 1, 4, 4).unbind(0)
    for level, t in zip(ours, theirs.timesteps, strict=True):
        stepped = step(SamplerKind.EULER, x, velocity, level, x)
        torch.testing.assert_close(stepped, theirs.step(velocity, t, x).prev_sample, atol=1e-5, rtol=1e-5)


def test_renoise_and_euler_are_not_the_same_step():
    level = Level(timestep=1000, sigma=1.0, next_sigma=0.5)
    x, velocity, noise = torch.randn(3, 1, 16, 1, 4, 4).unbind(0)
    renoised = step(SamplerKind.RENOISE, x, velocity, level, noise)
    torch.testing.assert_close(renoised, 0.5 * (x - velocity) + 0.5 * noise)
    torch.testing.assert_close(step(SamplerKind.EULER, x, velocity, level, noise), x - 0.5 * velocity)


def test_the_clean_latent_is_formed_in_float64():
    x = torch.randn(1, 16, 1, 4, 4)
    assert clean(x.bfloat16(), x.bfloat16(), 0.9375).dtype == torch.float64


@pytest.mark.parametrize("value", [1000.0, 937.5, 833.3333333, 625.0, 857.69, 602.15, 8.93, 255.0, 257.0])
def test_bfloat16_rounds_as_torch_does(value):
    assert bfloat16(value) == float(torch.tensor(value).bfloat16())


def test_noise_is_fresh_at_every_step_and_latent_and_the_seed_reproduces_it():
    noise = torch.empty(3, 2, 1, 16, 4, 4)
    NoiseSource(7).fill(noise, 5)
    flat = noise.flatten(0, 1).flatten(1)
    assert len({tuple(row[:4].tolist()) for row in flat}) == 6
    assert abs(float(flat.mean())) < 0.1 and abs(float(flat.std()) - 1) < 0.1
    again, alone = torch.empty_like(noise), torch.empty(1, 2, 1, 16, 4, 4)
    NoiseSource(7).fill(again, 5)
    NoiseSource(7).fill(alone, 6)
    assert (again == noise).all()
    assert (alone[0] == noise[1]).all(), "the same for any block size"
    NoiseSource(8).fill(again, 5)
    assert (again != noise).any()
