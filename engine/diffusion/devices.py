"""Which kind of device this machine offers the engine."""

from __future__ import annotations

import importlib.util


def best_device() -> str:
    """ "cuda" where there is one, else "cpu"; the seconds an import of torch takes only where it is installed."""
    if importlib.util.find_spec("torch") is None:
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
