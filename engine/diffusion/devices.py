"""Which kind of device this machine offers the engine."""

from __future__ import annotations

import importlib.util

from engine.diffusion.errors import PartMissing


def best_device() -> str:
    """ "cuda" where there is one, else "cpu"; the seconds an import of torch takes only where it is installed."""
    if importlib.util.find_spec("torch") is None:
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def require_device(name: str) -> None:
    """Raises PartMissing where this machine has no device of that name."""
    import torch

    kind, _, number = name.partition(":")
    if kind not in ("cpu", "cuda") or not (number or "0").isdecimal():
        raise PartMissing(f"no device is called {name!r}; there are: cpu, cuda, cuda:1 and so on")
    if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
        raise PartMissing(f"this machine has no device {name}: torch finds {torch.cuda.device_count()} CUDA devices")
