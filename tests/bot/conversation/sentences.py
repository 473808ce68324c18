"""Sentences for tests, written one after another."""

from __future__ import annotations

import re


def parted(text: str) -> list[str]:
    """Parted by bars and ends of lines."""
    return [one.strip() for one in re.split(r"[|\n]", text) if one.strip()]


def without_marks(text: str) -> str:
    """As a recogniser writes it."""
    return " ".join(re.sub(r"[^\w' ]", " ", text.lower()).split())
