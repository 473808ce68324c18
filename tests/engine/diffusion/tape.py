"""What a captured graph does, on any device: the operations of one run, done again with the same tensors and numbers.

As in a CUDA graph everything the host decided is frozen: numbers, branches, addresses. What asks the device for a
value, or brings a value from the host, is refused while recording. What it cannot show: kernels, streams, and how
memory is reused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.engine.diffusion.support import torch  # first: it skips without torch

# isort: split
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

SYNCHRONISES = ("aten._local_scalar_dense", "aten.nonzero", "aten.masked_select", "aten.equal", "aten.item")
FROM_THE_HOST = ("aten.lift_fresh",)
DRAWS = ("aten.normal_", "aten.rand", "aten.bernoulli_")


class NotCapturable(Exception):
    """This work cannot be captured: it does what a captured graph cannot."""


class Tape(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self._steps: list[tuple[Any, tuple[Any, ...], dict[str, Any], list[Any]]] = []
        self._just_recorded = True

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if str(func).startswith((*SYNCHRONISES, *FROM_THE_HOST, *DRAWS)):
            raise NotCapturable(str(func))
        out = func(*args, **(kwargs or {}))
        self._steps.append((func, args, kwargs or {}, tree_flatten(out)[0]))
        return out

    def replay(self) -> None:
        """Results of the recorded run are replaced by those of this one; all other tensors are the session's own.
        Recording has done the work once already, which capturing on a GPU does not."""
        if self._just_recorded:
            self._just_recorded = False
            return
        now: dict[int, Any] = {}
        for func, args, kwargs, recorded in self._steps:
            args, kwargs = tree_map(lambda value: now.get(id(value), value), (args, kwargs))
            for before, after in zip(recorded, tree_flatten(func(*args, **kwargs))[0], strict=True):
                if isinstance(before, torch.Tensor) and not any(before is value for value in args):
                    now[id(before)] = after


def record(work: Callable[[], None], lane: str) -> Tape:
    """In place of `CudaCapture`."""
    tape = Tape()
    with tape:
        work()
    return tape
