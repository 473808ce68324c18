"""A part is played by a living process of its own, or it is not played."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bot.rehearsal.roles import claimed, fits, root

WAIT = "import sys; print(flush=True); sys.stdin.read()"


@pytest.mark.parametrize(
    ("words", "role", "plays"),
    [
        (("bot", "dispatcher"), "dispatcher", True),
        (("bot", "worker", "--concurrency", "2"), "worker", True),
        (("bot", "run", "b-7", "--attempt", "1"), "bot", True),
        (("bot.meeting", "b-7"), "bot", True),
        (("bot", "run", "b-8"), "bot", False),
        (("bot", "up"), "dispatcher", False),
    ],
)
def test_a_role_is_known_by_its_command_line(words: tuple[str, ...], role: str, plays: bool) -> None:
    argv = [sys.executable, "-c", WAIT, *words]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline()
        assert fits(role, process.pid, bot_id="b-7") is plays
        process.kill()
        process.wait()
        assert not fits(role, process.pid, bot_id="b-7")


PARENT = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {WAIT!r}, "bot.meeting", "b-7"], stdin=subprocess.PIPE)
print(child.pid, flush=True)
sys.stdin.read()
child.kill()
"""


def test_the_root_of_a_bot_is_its_parent_process() -> None:
    argv = [sys.executable, "-c", PARENT, "bot", "run", "b-7"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        lines = sorted((parent.stdout.readline() for _ in range(2)), key=len)  # the child's is empty
        child = int(lines[1])
        assert root(child, bot_id="b-7") == parent.pid
        assert root(child, bot_id="b-8") == 0 and root(None, bot_id="b-7") == 0
        parent.communicate()


def test_events_tell_who_played_in_the_last_attempt() -> None:
    events = [
        {"data": {"dispatcher_pid": 5}},
        {"data": {"worker_pid": 6, "task_id": "t"}},
        {"data": {"pid": 7}},
        {"data": {"pid": 8}},
        {"data": {}},
    ]
    assert claimed(events) == {"dispatcher": 5, "worker": 6, "bot": 8}
    assert claimed([]) == {"dispatcher": None, "worker": None, "bot": None}
