"""Softmax attention, and the faster kernels for the large one where they are installed; knows no model and no cache.

torch's own attention serves everywhere, masks included. The attention over the ring is unmasked once the ring is full,
and most of the work at long windows: there a package that is installed, runs on this device and gives the same numbers
is used instead. It stands outside compiled code, so that no kernel has to be known to the compiler.
"""

# B batch · H heads · T tokens · D head width

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.diffusion.errors import PartMissing

Unmasked = Callable[[Tensor, Tensor, Tensor], Tensor]
SAME = 0.02  # of the largest value: two roundings of bfloat16 apart
PROOF_BTHD = (1, 256, 2, 128)


def attention(q_BTHD: Tensor, k_BTHD: Tensor, v_BTHD: Tensor, mask: Tensor | None = None) -> Tensor:
    """Softmax attention; True in `mask` (broadcast to B, H, T, T') means visible. A row that sees nothing gives 0."""
    out_BHTD = F.scaled_dot_product_attention(
        q_BTHD.transpose(1, 2), k_BTHD.transpose(1, 2), v_BTHD.transpose(1, 2), attn_mask=mask
    )
    return out_BHTD.transpose(1, 2)


@dataclass(frozen=True, kw_only=True, slots=True)
class Backend:
    """A package's kernel for tensors (B, T, H, D) without a mask."""

    name: str
    module: str
    function: str
    options: tuple[tuple[str, Any], ...] = ()
    exact: bool = True  # False: it quantises, and is taken only when asked for by name
    devices: tuple[str, ...] = ("cuda",)
    dtypes: tuple[torch.dtype, ...] = (torch.bfloat16, torch.float16)


BACKENDS = (
    Backend(name="flash3", module="flash_attn_interface", function="flash_attn_func"),
    Backend(name="flash2", module="flash_attn", function="flash_attn_func"),
    Backend(name="sage", module="sageattention", function="sageattn", options=(("tensor_layout", "NHD"),), exact=False),
)


def choose(
    name: str, device: torch.device, dtype: torch.dtype, among: Sequence[Backend] = BACKENDS
) -> tuple[str, Unmasked]:
    """ "auto": the first exact backend that is installed, fits and proves itself equal here, else torch's own. A name:
    that one. Raises PartMissing where a named one cannot be used."""
    if name not in ("auto", "sdpa", *(backend.name for backend in among)):
        raise PartMissing(f"no attention is called {name!r}; there are: auto, sdpa, {', '.join(b.name for b in among)}")
    for backend in among:
        if name == backend.name or (name == "auto" and backend.exact):
            kernel, refusal = _proven(backend, device, dtype)
            if kernel is not None:
                return backend.name, kernel
            if name == backend.name:
                raise PartMissing(f"attention {name} cannot be used: {refusal}")
    return "sdpa", attention


def _proven(backend: Backend, device: torch.device, dtype: torch.dtype) -> tuple[Unmasked | None, str]:
    """The kernel, or why not."""
    if device.type not in backend.devices or dtype not in backend.dtypes:
        return None, f"it does not run on {device.type} in {str(dtype).removeprefix('torch.')}"
    if importlib.util.find_spec(backend.module) is None:
        return None, f"the package {backend.module} is not installed"
    try:
        function = getattr(importlib.import_module(backend.module), backend.function)
    except (ImportError, AttributeError, OSError) as error:  # built for another torch, or another release of it
        return None, f"the package {backend.module} cannot be used: {error}"
    options = dict(backend.options)

    def kernel(q_BTHD: Tensor, k_BTHD: Tensor, v_BTHD: Tensor) -> Tensor:
        out: Tensor | tuple[Tensor, ...] = function(q_BTHD, k_BTHD, v_BTHD, **options)
        return out[0] if isinstance(out, tuple) else out  # some versions add the softmax's own sums

    generator = torch.Generator().manual_seed(0)
    q, k, v = torch.randn(3, *PROOF_BTHD, generator=generator).to(device, dtype).unbind(0)
    wanted = attention(q, k, v)
    try:
        found = kernel(q, k, v)
    except (RuntimeError, ImportError, TypeError, AssertionError) as error:  # for another device, or other arguments
        return None, f"it fails here: {error}"
    if not float((found - wanted).abs().max() / wanted.abs().max()) <= SAME:  # so that NaN is not the same
        return None, "it gives other numbers than torch's"
    return kernel, ""
