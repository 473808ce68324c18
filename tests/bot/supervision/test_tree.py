"""A tree of real small processes, owned by a process of its own, so that signals and orphans are the kernel's."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from bot.supervision.tree import ChildFailed, ChildKeepsEnding, ChildSpec, Tree, run_tree
from tests.bot.clocks import until
from tests.bot.supervision.owner import spec
from tests.polling import until_true

pytestmark = [pytest.mark.slow, pytest.mark.parallel]

DEADLINE_S = 20.0


class Owner:
    """The owner's process, and everything that ever descended from it."""

    def __init__(self, folder: Path, *children: str) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.bot.supervision.owner", str(folder), *children], start_new_session=True
        )
        until_true((folder / "pids.json").exists, DEADLINE_S)
        self.pids: dict[str, int] = json.loads((folder / "pids.json").read_text())
        self.family = psutil.Process(self.process.pid).children(recursive=True)

    def ends_after(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(DEADLINE_S)

    def left(self) -> list[psutil.Process]:
        return [process for process in self.family if process.is_running() and process.status() != "zombie"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Owner]]:
    """Owners started by a test; whatever is left of them ends with it."""
    owners: list[Owner] = []

    def make(*children: str) -> Owner:
        owners.append(Owner(tmp_path, *children))
        return owners[-1]

    yield make
    for owner in owners:
        for process in owner.left():
            process.kill()
        owner.process.kill()
        owner.process.wait(DEADLINE_S)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_children_stop_in_reverse_order_when_the_owner_is_told_to(start, tmp_path: Path, number: int) -> None:
    owner = start("polite", "second")
    assert owner.ends_after(number) == 0
    assert (tmp_path / "stopped").read_text().split() == ["second", "polite"]
    assert len(owner.family) == 2 and not owner.left()


def test_a_child_that_ignores_the_request_is_killed_in_its_time(start) -> None:
    owner = start("polite", "deaf")
    assert owner.ends_after(signal.SIGTERM) == 0
    assert not owner.left()


def test_a_grandchild_that_forked_twice_is_found_and_ended(start, tmp_path: Path) -> None:
    owner = start("forker")
    until_true((tmp_path / "grandchild").exists, DEADLINE_S)
    grandchild = psutil.Process(int((tmp_path / "grandchild").read_text()))
    assert grandchild.ppid() == owner.process.pid, "the owner adopts it"
    assert owner.ends_after(signal.SIGINT) == 0
    assert not grandchild.is_running() and not owner.left()


def test_a_second_signal_kills_at_once(start) -> None:
    owner = start("polite", "deaf!")  # it would be given a minute
    owner.process.send_signal(signal.SIGINT)
    until_true(lambda: _catches_nothing_new(owner), DEADLINE_S)
    owner.process.send_signal(signal.SIGINT)
    owner.process.wait(DEADLINE_S)
    assert not owner.left()


def _catches_nothing_new(owner: Owner) -> bool:
    """The first signal has been taken: none is pending on the owner any more (proc(5), ShdPnd)."""
    status = Path(f"/proc/{owner.process.pid}/status").read_text()
    return all(int(line.split()[1], 16) == 0 for line in status.splitlines() if line.startswith(("ShdPnd", "SigPnd")))


def test_children_die_with_an_owner_that_is_killed(start) -> None:
    owner = start("polite", "deaf")
    owner.process.kill()
    until_true(lambda: not owner.left(), DEADLINE_S)


def test_a_child_that_dies_is_started_again(start, tmp_path: Path) -> None:
    owner = start("polite")
    (tmp_path / "polite.ready").unlink()
    psutil.Process(owner.pids["polite"]).kill()
    until_true((tmp_path / "polite.ready").exists, DEADLINE_S)
    again = psutil.Process(owner.process.pid).children()
    assert [process.pid for process in again if process.status() != "zombie"] != [owner.pids["polite"]]


async def test_a_child_that_never_stands_ends_the_tree_and_shows_its_log(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "mayfly.log").write_text("out of patience\n")
    (tmp_path / "mayfly.ready").touch()
    with pytest.raises(ChildKeepsEnding, match="out of patience"):
        await run_tree([spec("mayfly", tmp_path)], log_folder=tmp_path / "logs", body=Tree.until_stopped)
    assert (tmp_path / "starts").read_text() == "xxx", "the first start and two more"


async def test_a_child_that_has_stood_and_keeps_ending_ends_nothing_else(tmp_path: Path) -> None:
    def has_ended_often() -> bool:
        return len((tmp_path / "starts").read_text()) >= 6

    async def wait(tree: Tree) -> bool:
        await until(has_ended_often, timeout_s=DEADLINE_S)
        return psutil.pid_exists(tree.pid_of("polite"))

    for name in ("mayfly.ready", "starts"):
        (tmp_path / name).touch()
    mayfly = spec("mayfly", tmp_path)
    stood = replace(mayfly, restarts=replace(mayfly.restarts, stood_s=0.0, longest_delay_s=0.05))
    assert await run_tree([spec("polite", tmp_path), stood], log_folder=tmp_path / "logs", body=wait)


async def test_a_child_that_never_gets_ready_fails_the_start_and_stops_the_others(tmp_path: Path) -> None:
    async def never() -> bool:
        return False

    asleep = ChildSpec(name="asleep", argv=("sleep", "60"), ready=never, ready_timeout_s=0.2)
    with pytest.raises(ChildFailed, match=r"asleep was not ready in 0\.2 s"):
        await run_tree([spec("polite", tmp_path), asleep], log_folder=tmp_path, body=Tree.until_stopped)
    assert (tmp_path / "stopped").read_text() == "polite\n"


async def test_a_program_that_does_not_exist_is_a_failed_child(tmp_path: Path) -> None:
    nothing = ChildSpec(name="nothing", argv=("/nonexistent/program",))
    with pytest.raises(ChildFailed, match="No such file"):
        await run_tree([nothing], log_folder=tmp_path, body=Tree.until_stopped)


async def test_what_the_body_returns_or_raises_is_what_the_caller_gets(tmp_path: Path) -> None:
    async def answer(tree: Tree) -> int:
        return tree.pid_of("polite")

    async def fail(tree: Tree) -> None:
        raise LookupError("nothing there")

    pid = await run_tree([spec("polite", tmp_path)], log_folder=tmp_path, body=answer)
    assert pid is not None and not psutil.pid_exists(pid)
    with pytest.raises(LookupError, match="nothing there"):
        await run_tree([spec("second", tmp_path)], log_folder=tmp_path, body=fail)
    assert (tmp_path / "stopped").read_text().split() == ["polite", "second"]


async def test_what_was_there_before_is_left_alone(tmp_path: Path) -> None:
    earlier = await asyncio.create_subprocess_exec("sleep", "60")

    async def nothing(tree: Tree) -> None:
        return None

    await run_tree([spec("forker", tmp_path)], log_folder=tmp_path, body=nothing)
    assert earlier.returncode is None and psutil.pid_exists(earlier.pid)
    earlier.kill()
    await earlier.wait()
