"""Shared screens in Zoom, and the windows about them that a guest has to press away."""

from __future__ import annotations

PASSES: tuple[str, ...] = ()
