"""Positions are exact at any distance and relative in what they do."""

from __future__ import annotations

from engine.diffusion.config import PRESETS
from tests.engine.diffusion.support import torch  # first: it skips without torch

# isort: split
from engine.diffusion.rope import Rotary, axis_widths, rotate


def test_a_head_of_128_turns_22_21_and_21_pairs():
    assert axis_widths(128) == (44, 42, 42)


def test_float32_angles_are_right_to_a_millionth_at_position_20000():
    rotary = Rotary(128, 2, 3)
    positions = torch.tensor([0, 255, 256, 257, 1024, 19_999])
    narrow, wide = rotary.buffers(6, torch.bfloat16), rotary.buffers(6, torch.float64)
    rotary.write(positions, *narrow)
    rotary.write(positions, *wide)
    for ours, exact in zip(narrow, wide, strict=True):
        assert (ours.double() - exact).abs().max() < 1e-6
    assert (narrow[1][1] != narrow[1][2]).any(), "256 is not 255"
    assert (narrow[1][2] != narrow[1][3]).any(), "257 is not 256"


def test_scores_do_not_change_when_all_positions_shift():
    rotary = Rotary(24, 2, 3)
    q, k = torch.randn(2, 1, 18, 2, 24).unbind(0)

    def scores(shift):
        cos, sin = rotary.buffers(3, torch.float32)
        rotary.write(torch.arange(3) + shift, cos, sin)
        turned = [rotate(x, cos.flatten(0, 1), sin.flatten(0, 1)) for x in (q, k)]
        return torch.einsum("bqhd,bkhd->bhqk", *turned)

    assert (scores(0) - scores(1000)).abs().max() / scores(0).abs().max() < 1e-4


def test_half_rounded_angles_are_liveavatars_and_off_by_default():
    """Every cos and sin is a float16 number, wherever the token stands."""
    exact, half = Rotary(24, 2, 3), Rotary(24, 2, 3, half=True)
    for rotary in (exact, half):
        cos, sin = rotary.buffers(2, torch.float32)
        rotary.write(torch.tensor([7, 31]), cos, sin)
        angles = torch.cat(
            [part.flatten() for part in (cos, sin, *rotary.at(torch.tensor([[-19, 1, 2]]), torch.float32))]
        )
        assert (angles == angles.half().float()).all() == (rotary is half)
    assert not PRESETS["liveavatar-14b"].half_angles
