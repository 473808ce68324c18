"""What the tests of the diffusion engine share: torch or a reason to skip, the error measure, seeded weights."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the diffusion engine needs torch: pip install 'understudy[engine]'")

from torch import Tensor  # noqa: E402

from engine.diffusion.config import TrunkShape  # noqa: E402
from engine.diffusion.model.wan import CausalWan  # noqa: E402

BOUND = {torch.float32: 1e-5, torch.float64: 1e-9}


def error(ours: Tensor, theirs: Tensor) -> float:
    assert ours.shape == theirs.shape, f"{tuple(ours.shape)} against {tuple(theirs.shape)}"
    return float((ours - theirs).abs().max() / theirs.abs().max())


def away_from_trivial(module: torch.nn.Module, dtype: torch.dtype) -> torch.nn.Module:
    """No gain stays at 1 and no bias at 0, so that one left out shows."""
    for parameter in module.parameters():
        if parameter.squeeze().dim() <= 1:
            parameter.data.add_(0.2 * torch.randn_like(parameter))
    return module.to(dtype).eval()


def random_trunk(shape: TrunkShape, dtype: torch.dtype, seed: int = 0) -> CausalWan:
    torch.manual_seed(seed)
    return away_from_trivial(CausalWan(shape), dtype)
