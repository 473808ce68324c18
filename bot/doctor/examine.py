"""From a table of checks to findings. Knows what a check is, not what is checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum

from bot.config import Settings


class State(StrEnum):
    FOUND = "found"
    MISSING = "missing"  # and required
    OPTIONAL = "optional"  # not there, and most things work without


class Missing(Exception):
    """What was looked for is not there; the message says what was seen instead."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """`look` returns what was found in a few words (a version, a path), or raises Missing. It waits some seconds at
    most, changes nothing, and never shows a password."""

    name: str
    what_for: str
    how_to_get: str
    look: Callable[[Settings], str]
    required: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    name: str
    state: State
    detail: str
    what_for: str
    how_to_get: str  # empty when found


def examine(checks: Sequence[Check], settings: Settings) -> list[Finding]:
    """One finding per check, in the order of the table. They look side by side: most wait for other programs."""
    with ThreadPoolExecutor(max_workers=8, thread_name_prefix="doctor") as pool:
        return list(pool.map(lambda check: _finding(check, settings), checks))


def _finding(check: Check, settings: Settings) -> Finding:
    try:
        detail, state, how_to_get = check.look(settings), State.FOUND, ""
    except Missing as missing:
        detail, state, how_to_get = str(missing), State.OPTIONAL, check.how_to_get
        if check.required:
            state = State.MISSING
    return Finding(name=check.name, state=state, detail=detail, what_for=check.what_for, how_to_get=how_to_get)
