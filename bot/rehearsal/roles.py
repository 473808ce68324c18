"""Which processes play which part: told by a bot's events, checked by their command lines.

A part played inside another one shows: one process has one command line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import psutil

ROLES: dict[str, tuple[tuple[str, ...], ...]] = {  # one of these stands in the command line, word after word
    "dispatcher": (("bot", "dispatcher"),),
    "worker": (("bot", "worker"),),
    "bot": (("bot", "run", "{bot_id}"), ("bot.meeting", "{bot_id}")),  # the parent of a bot's processes, or the bot
}
PID_KEYS = {"dispatcher": "dispatcher_pid", "worker": "worker_pid", "bot": "pid"}  # in the data of events


def command_line(pid: int | None) -> list[str]:
    """Empty where there is no such process, or it is a zombie."""
    if pid is not None:
        with suppress(psutil.Error):
            return list(psutil.Process(pid).cmdline())
    return []


def fits(role: str, pid: int | None, *, bot_id: str) -> bool:
    """Whether a living process with this id plays the role; a bot's names the bot."""
    words = command_line(pid)
    wanted = [tuple(word.format(bot_id=bot_id) for word in row) for row in ROLES[role]]
    return any(tuple(words[at : at + len(row)]) == row for row in wanted for at in range(len(words)))


def root(pid: int | None, *, bot_id: str) -> int:
    """The first of a bot's processes: the ancestor that still plays the bot. 0 where there is none."""
    if not fits("bot", pid, bot_id=bot_id) or pid is None:
        return 0
    with suppress(psutil.Error):
        parent = psutil.Process(pid).ppid()
        return root(parent, bot_id=bot_id) or pid
    return pid


def claimed(events: Sequence[Mapping[str, Any]]) -> dict[str, int | None]:
    """The process that played each part, as the bot's events tell; the last attempt's."""
    told: dict[str, Any] = {}
    for event in events:
        told.update(event.get("data") or {})
    pids = {role: told.get(key) for role, key in PID_KEYS.items()}
    return {role: pid if isinstance(pid, int) else None for role, pid in pids.items()}
