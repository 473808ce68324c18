"""A faster attention is used where it is installed, fits and proves itself; torch's own serves everywhere else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.diffusion.config import PRESETS
from tests.engine.diffusion.support import random_trunk, torch  # first: it skips without torch

# isort: split
from engine.diffusion.denoiser import Denoiser
from engine.diffusion.errors import PartMissing
from engine.diffusion.model.attention import BACKENDS, Backend, attention, choose

CPU = torch.device("cpu")
KERNEL = """
import torch
calls = []

def kernel(q, k, v, scale=1.0, error=0.0):
    calls.append(q.shape)
    scores = torch.einsum("bqhd,bkhd->bhqk", q, k) / q.shape[-1] ** 0.5
    return torch.einsum("bhqk,bkhd->bqhd", scores.softmax(-1), v) * scale + error, scores
"""


@pytest.fixture
def fast(tmp_path, monkeypatch):
    """A package as it would be installed, for this device."""
    (tmp_path / "fast_attention_double.py").write_text(KERNEL)
    monkeypatch.syspath_prepend(tmp_path)
    return Backend(
        name="fast", module="fast_attention_double", function="kernel", devices=("cpu",), dtypes=(torch.float32,)
    )


def test_an_installed_kernel_that_gives_the_same_numbers_is_used_for_the_ring(fast):
    name, kernel = choose("auto", CPU, torch.float32, (fast,))
    assert name == "fast"
    torch.manual_seed(0)
    checkpoint = PRESETS["tiny"]
    plain, faster = (Denoiser(random_trunk(checkpoint.trunk, torch.float32), checkpoint) for _ in range(2))
    faster.cache.attention = kernel
    for _ in range(6):
        torch.testing.assert_close(plain.denoise(), faster.denoise(), atol=1e-5, rtol=1e-5)
        for denoiser in (plain, faster):
            denoiser.remember()
    import fast_attention_double

    window = checkpoint.window_latents * checkpoint.tokens_per_latent
    assert len(fast_attention_double.calls) > 6 * checkpoint.trunk.layers and window


@pytest.mark.parametrize("fault", [("scale", 1.1), ("error", 0.1), ("error", float("nan"))], ids=str)
def test_a_kernel_that_gives_other_numbers_is_not_used(fast, fault):
    wrong = replace(fast, options=(fault,))
    assert choose("auto", CPU, torch.float32, (wrong,)) == ("sdpa", attention)
    with pytest.raises(PartMissing, match="other numbers"):
        choose("fast", CPU, torch.float32, (wrong,))


BROKEN = {
    "another torch": "raise ImportError('undefined symbol: _ZN3c104cuda9SetDeviceEi')",
    "another release": "attend = None",
    "other arguments": "def kernel(q):\n    return q",
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_package_that_is_installed_and_does_not_work_is_passed_over(fast, tmp_path, how):
    module = f"broken_{how.split()[1]}"
    (tmp_path / f"{module}.py").write_text(BROKEN[how])
    broken = replace(fast, module=module)
    assert choose("auto", CPU, torch.float32, (broken, fast))[0] == "fast"
    with pytest.raises(PartMissing, match="attention fast cannot be used"):
        choose("fast", CPU, torch.float32, (broken,))


def test_a_kernel_that_quantises_is_used_by_name_only(fast):
    coarse = replace(fast, exact=False)
    assert choose("auto", CPU, torch.float32, (coarse,))[0] == "sdpa"
    assert choose("fast", CPU, torch.float32, (coarse,))[0] == "fast"


@pytest.mark.parametrize("backend", BACKENDS, ids=lambda backend: backend.name)
def test_what_cannot_run_here_is_said(backend):
    with pytest.raises(PartMissing, match="does not run on cpu"):
        choose(backend.name, CPU, torch.float32)
    here = replace(backend, devices=("cpu",), dtypes=(torch.float32,), module=f"no_{backend.module}")
    with pytest.raises(PartMissing, match="not installed"):
        choose(backend.name, CPU, torch.float32, (here,))


def test_an_unknown_attention_is_said_with_those_there_are():
    with pytest.raises(PartMissing, match="auto, sdpa, flash3"):
        choose("quick", CPU, torch.float32)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="the faster kernels need a CUDA device")
def test_what_is_chosen_on_a_gpu_equals_torchs_own():
    _, kernel = choose("auto", torch.device("cuda"), torch.bfloat16)
    q, k, v = torch.randn(3, 1, 96, 4, 128, device="cuda", dtype=torch.bfloat16).unbind(0)
    torch.testing.assert_close(kernel(q, k, v), attention(q, k, v), atol=2e-2, rtol=2e-2)
