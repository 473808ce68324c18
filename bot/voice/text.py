"""Text as libraries and programs written in C take it."""

from __future__ import annotations


def c_bytes(text: str) -> bytes:
    """Half of a character, as a stream of words may end with one, becomes a sign; a C string has no zero in it."""
    return text.replace("\0", " ").encode("utf-8", "replace")
