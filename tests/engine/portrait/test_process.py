"""The portrait's process: it dies with its session, is noticed when it dies, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from engine.api import CharacterAssets, EngineDied, Likeness, VideoFormat
from engine.portrait import wire
from engine.portrait.engine import PortraitEngine, loaded
from engine.portrait.nursery import GOES_ON, READY, _fork, steps

IRIS = Path(__file__).parents[3] / "bot" / "library" / "iris"
CHARACTER = CharacterAssets(
    character_id="iris", image=IRIS / "portrait.png", record=IRIS / "record", likeness=Likeness.FICTIONAL
)
SMALL = VideoFormat(width=640, height=360, fps=24)
pytestmark = pytest.mark.slow


def painters(of: psutil.Process) -> list[psutil.Process]:
    """Those forked from a nursery, which is a child of ours."""
    found = [child for child in of.children(recursive=True) if "engine.portrait.nursery" in child.cmdline()]
    return [child for child in found if child.ppid() != of.pid]


def nurseries(of: psutil.Process) -> list[psutil.Process]:
    return [child for child in of.children() if "engine.portrait.nursery" in child.cmdline()]


def in_shared_memory() -> set[str]:
    """But for what databases keep there, which come and go with other tests."""
    return {entry.name for entry in Path("/dev/shm").iterdir() if not entry.name.startswith("PostgreSQL.")}


async def test_a_killed_process_ends_the_stream_with_its_error() -> None:
    before = in_shared_memory()
    async with await PortraitEngine().open(CHARACTER, SMALL) as session:
        blocks = session.blocks()
        await anext(blocks)
        (painter,) = painters(psutil.Process())
        painter.kill()
        with pytest.raises(EngineDied):
            await asyncio.wait_for(anext(blocks), 5)
        painter_gone = psutil.wait_procs([painter], timeout=5)[0]
        assert painter_gone
        with pytest.raises(EngineDied):
            await session.speak(np.ones(10, np.int16), timing=None, epoch=1)
    assert in_shared_memory() <= before


def test_a_painter_that_fails_says_why(capfd: pytest.CaptureFixture[str]) -> None:
    before = set(psutil.Process().children())
    (control, nursery), (session, painter) = socket.socketpair(), socket.socketpair()
    with control, nursery, session:
        session.sendall(wire.HEADER.pack(wire.MAX_JSON_BYTES + 1, 0))
        _fork(nursery, [painter.detach(), os.memfd_create("frames")])
        (forked,) = set(psutil.Process().children()) - before
        assert session.recv(1) == b""
        assert os.waitstatus_to_exitcode(os.waitpid(forked.pid, 0)[1]) == 1
    assert "message too long" in capfd.readouterr().err


def test_compiling_says_that_it_goes_on_at_every_step() -> None:
    import numba
    from numba.core import event

    told: list[None] = []
    with event.install_listener("numba:run_pass", steps(lambda: told.append(None))):
        numba.njit(lambda x: x + 1)(1)
    assert len(told) > 10


async def test_a_process_that_gets_no_further_while_it_loads_is_given_up_and_one_that_does_is_not() -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        theirs.sendall(GOES_ON * 3)
        with pytest.raises(EngineDied, match="no further"):
            await loaded(ours, step_timeout_s=0.2)
        waiting = asyncio.create_task(loaded(ours, step_timeout_s=30))
        for said in (GOES_ON, GOES_ON, READY):
            theirs.sendall(said)
            await asyncio.sleep(0)
        await waiting
        theirs.close()
        with pytest.raises(EngineDied, match="ended while it loaded"):
            await loaded(ours, step_timeout_s=30)


async def test_closing_ends_the_process() -> None:
    engine = PortraitEngine()
    first, second = await engine.open(CHARACTER, SMALL), await engine.open(CHARACTER, SMALL)
    one, other = painters(psutil.Process())
    (nursery,) = nurseries(psutil.Process())
    await first.aclose()
    assert not one.is_running() or not other.is_running()
    assert (await asyncio.wait_for(anext(second.blocks()), 5)).index == 0
    await second.aclose()
    assert not (one.is_running() or other.is_running() or nursery.is_running())


OWNER = """
import asyncio
from pathlib import Path
from engine.api import CharacterAssets, Likeness, VideoFormat
from engine.portrait.engine import PortraitEngine
async def main():
    iris = Path({iris!r})
    still, record = iris / "portrait.png", iris / "record"
    assets = CharacterAssets(character_id="iris", image=still, record=record, likeness=Likeness.FICTIONAL)
    session = await PortraitEngine().open(assets, VideoFormat(width=640, height=360, fps=24))
    await anext(session.blocks())
    print("ready", flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


async def test_the_process_does_not_outlive_a_killed_owner() -> None:
    before = in_shared_memory()
    owner = await asyncio.create_subprocess_exec(
        sys.executable, "-c", OWNER.format(iris=str(IRIS)), stdout=asyncio.subprocess.PIPE, cwd=IRIS.parents[2]
    )
    assert owner.stdout is not None
    assert await asyncio.wait_for(owner.stdout.readline(), 60) == b"ready\n"
    (painter,) = painters(psutil.Process(owner.pid))
    (nursery,) = nurseries(psutil.Process(owner.pid))
    owner.send_signal(signal.SIGKILL)
    await owner.wait()
    assert len(psutil.wait_procs([painter, nursery], timeout=5)[0]) == 2, "the painter outlived its owner"
    assert in_shared_memory() <= before


async def test_a_cancelled_wait_loses_no_block() -> None:
    async with await PortraitEngine().open(CHARACTER, SMALL) as session:
        blocks = session.blocks()
        for expected in range(5):
            waiting = asyncio.ensure_future(anext(blocks))
            await asyncio.sleep(0)
            waiting.cancel()
            block = await asyncio.wait_for(anext(blocks), 5)
            assert block.index == expected


async def test_a_full_queue_makes_the_speaker_wait_until_an_interruption() -> None:
    async with await PortraitEngine().open(CHARACTER, SMALL) as session:
        minute = np.ones(60 * 24_000, np.int16)
        await session.speak(minute, timing=None, epoch=1)
        more = asyncio.create_task(session.speak(minute, timing=None, epoch=1))
        await asyncio.sleep(0)
        assert not more.done()
        session.interrupt(2)
        await asyncio.wait_for(more, 5)
        block = await anext(session.blocks())
        assert block.epoch == 2 and not block.voiced


async def test_more_speech_than_one_message_takes_is_spoken() -> None:
    async with await PortraitEngine().open(CHARACTER, SMALL) as session:
        await session.speak(np.ones(wire.MAX_SAMPLES + 24_000, np.int16), timing=None, epoch=1)
        block = await anext(session.blocks())
        assert block.voiced and (block.sound == 1).all()


async def test_speech_shows_in_the_very_next_block_and_a_block_is_ready_in_time() -> None:
    async with await PortraitEngine().open(CHARACTER, SMALL) as session:
        blocks = session.blocks()
        await anext(blocks)
        await session.speak(np.full(24_000, 500, np.int16), timing=None, epoch=1)
        began = time.monotonic()
        block = await anext(blocks)
        assert block.voiced and time.monotonic() - began < 4 / 24
