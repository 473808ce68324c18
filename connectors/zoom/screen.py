"""Shared screens in Zoom, and the windows about them that a guest has to press away."""

from __future__ import annotations

SHARING = "[data-sharing]"  # the replica's; how Zoom's own page marks who shares is not known
PASSES: tuple[str, ...] = ()
