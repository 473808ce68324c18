"""Importing torchaudio beside a torch without CUDA.

The package index has torchaudio only with an extension linked to CUDA, and importing that fails where torch has none.
What pyannote.audio uses of it (filter banks, resampling) is Python. So where the import fails, the extension is given
as absent, as torchaudio itself does where its file is not there.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

EXTENSION = "torchaudio._extension"


def import_torchaudio() -> None:
    """Call before anything that imports torchaudio. Raises ImportError where it is not installed."""
    try:
        import torchaudio
    except OSError:
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchaudio"]:
            del sys.modules[name]
        sys.modules[EXTENSION] = _absent()
        import torchaudio  # noqa: F401


def _absent() -> ModuleType:
    module: Any = ModuleType(EXTENSION)
    module._IS_TORCHAUDIO_EXT_AVAILABLE = False
    module._IS_ALIGN_AVAILABLE = False
    module._check_cuda_version = lambda: None
    module.fail_if_no_align = _unchanged
    return module  # type: ignore[no-any-return]


def _unchanged(function: Callable[..., Any]) -> Callable[..., Any]:
    return function
