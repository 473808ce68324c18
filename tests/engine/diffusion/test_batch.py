"""Several sessions made together are each what they are alone, whoever joins, leaves or goes back beside them."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from engine.diffusion.config import PRESETS
from engine.diffusion.plan import Planned
from tests.engine.contract import tone
from tests.engine.diffusion.support import BOUND, error, torch  # first: it skips without torch

# isort: split
from engine.diffusion.batch import make_together
from engine.diffusion.bundle import random_bundle
from engine.diffusion.graphs import Path, Runner
from engine.diffusion.halves import LatentHalf
from engine.diffusion.window import Window


@cache
def bundle_of(preset):
    return random_bundle(PRESETS[preset])


def half_of(preset, seed):
    bundle = bundle_of(preset)
    torch.manual_seed(seed)
    still = torch.rand(1, 3, 1, bundle.checkpoint.height_px, bundle.checkpoint.width_px) * 2 - 1
    return LatentHalf(bundle, still, seed=seed, runner=Runner(Path.EAGER, bundle.device))


def planned(preset, number, seed):
    """Sound that differs from session to session; who is even listens."""
    checkpoint = PRESETS[preset]
    start, end = Window(checkpoint).samples(0)
    sound = np.roll(tone(10.0, hz=200.0 + 40 * seed), 1000 * number)[: end - start]
    return Planned(first_heard=number, windows=(sound,) * checkpoint.block_latents, listening=seed % 2 == 0)


@pytest.mark.parametrize(
    "preset",
    [
        "tiny",
        *(pytest.param(name, marks=[pytest.mark.acceptance, pytest.mark.parallel]) for name in ("tiny-3", "tiny-s2v")),
    ],
)
def test_made_together_each_is_what_it_is_alone(preset):
    rounds = [(0,), (0, 1), (0, 1, 2), (2, 0), (1, 2, 0), (0, 1, 2)]  # who is there, block by block
    alone, beside = ([half_of(preset, seed) for seed in range(3)] for _ in "12")
    for number, present in enumerate(rounds):
        if number == 4:
            for half in (alone[1], beside[1]):
                half.forget_after(half.denoiser.next_latent - 2)
        expected = [alone[seed].make(planned(preset, number, seed)).clone() for seed in present]
        made = make_together([(beside[seed], planned(preset, number, seed)) for seed in present])
        for ours, theirs in zip(made, expected, strict=True):
            assert error(ours, theirs) < BOUND[torch.float32], f"block {number}"
