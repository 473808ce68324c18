"""Shared screens in Teams, and the windows about them that a guest has to press away."""

from __future__ import annotations

SHARING = "[data-sharing]"  # the replica's; live Teams tells it in its list of participants' streams
PASSES: tuple[str, ...] = ()
