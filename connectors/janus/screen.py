"""Shared screens in a VideoRoom: the page knows none; who sends one sends it as their picture."""

from __future__ import annotations

PASSES: tuple[str, ...] = ()
