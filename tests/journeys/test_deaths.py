"""Every process of an installation, killed in every phase of a bot's life: the bot ends in the right state with a cause
or goes on, and nothing that it started is left. The table is in `deaths.py`; here is what each kind of row claims."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial

import pytest

from bot.config import Settings
from bot.supervision import kernel
from tests.bot.clocks import until
from tests.journeys import deaths
from tests.journeys.deaths import GONE, SURVIVED, WITH_EVERYTHING, WITH_ITS_OWNER
from tests.journeys.killing import listening, sounds
from tests.journeys.needs import real_parts
from tests.journeys.whole_stage import OF_A_BOT, WholeStage, whole_stage

pytestmark = [pytest.mark.timeout(240), *real_parts]

MAIN = {("meeting", "speaking"), ("browser", "speaking"), ("worker", "speaking")}
Scene = Callable[[WholeStage, AsyncExitStack], Awaitable[None]]
Play = Callable[[Scene], None]

COUNTS_ITSELF = ("parent", "meeting")  # and may have been killed before it did


@pytest.fixture(scope="module")
def play() -> Iterator[Play]:
    """Runs a coroutine on one stage that is kept up for all tests."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        stage = runner.run(stack.enter_async_context(whole_stage(replace(Settings(), camera_path="file"))))
        try:
            yield lambda scene: runner.run(_played(stage, scene))
        finally:
            runner.run(stack.aclose())


async def _played(stage: WholeStage, scene: Scene) -> None:
    await stage.serving()
    try:
        async with AsyncExitStack() as guests:
            await scene(stage, guests)
    except BaseException:
        await stage.clear()  # what one test leaves would fail the next
        raise


def cells(pairs: Iterable[tuple[str, str]]) -> list[object]:
    """The main rows are part of every run, the rest of `test --all`."""
    marks = {True: pytest.mark.slow, False: pytest.mark.acceptance}
    return [pytest.param(*pair, marks=marks[pair in MAIN], id=f"{pair[0]}-{pair[1]}") for pair in pairs]


@pytest.mark.parametrize(("process", "phase"), cells((p, phase) for p, row in GONE.items() for phase in row))
def test_a_bot_that_loses_a_part_ends_with_the_cause_and_leaves_nothing(play: Play, process: str, phase: str) -> None:
    async def scene(stage: WholeStage, guests: AsyncExitStack) -> None:
        counted = await deaths.frames_counted(stage)
        sent = await deaths.reach(stage, phase, guests)
        await deaths.kill(lambda: stage.of_bot(sent.bot_id, process))
        assert await deaths.end_of(sent, time.monotonic()) in GONE[process][phase]
        assert not sent.seen()
        if phase == "speaking" and process not in COUNTS_ITSELF:
            assert await deaths.frames_counted(stage) > counted, "what was seen until then counts"

    play(scene)


@pytest.mark.parametrize(("process", "phase"), cells((p, phase) for p, row in SURVIVED.items() for phase in row))
def test_a_bot_outlives_what_it_does_not_need_and_that_is_started_again(play: Play, process: str, phase: str) -> None:
    async def scene(stage: WholeStage, guests: AsyncExitStack) -> None:
        sent = await deaths.reach(stage, phase, guests)
        part = partial(stage.of_bot, sent.bot_id) if process in OF_A_BOT else stage.service
        victim = await deaths.kill(lambda: part(process))
        if process == "voice":  # it comes with the next line
            await deaths.is_heard_again(sent)
        await until(lambda: (part(process) or victim) != victim, deaths.FOUND_S)
        if process == "api":
            await until(lambda: deaths.answers(stage), deaths.FOUND_S)
        await deaths.go_on(sent)
        assert await deaths.end_of(sent, time.monotonic()) == deaths.ASKED
        assert len(await sent.parent_pids()) == 1

    play(scene)


@pytest.mark.parametrize("phase", WITH_ITS_OWNER)
@pytest.mark.acceptance
def test_the_bots_of_a_killed_host_say_goodbye_and_it_is_started_again(play: Play, phase: str) -> None:
    async def scene(stage: WholeStage, guests: AsyncExitStack) -> None:
        sent = await deaths.reach(stage, phase, guests)
        victim = await deaths.kill(lambda: stage.service("bot-host"))
        if phase in deaths.NOT_YET_THERE:
            await deaths.go_on(sent)
        assert await deaths.end_of(sent, time.monotonic()) in WITH_ITS_OWNER[phase]
        await until(lambda: stage.service("bot-host") not in (None, victim), deaths.FOUND_S)

    play(scene)


@pytest.mark.parametrize("phase", WITH_ITS_OWNER)
@pytest.mark.acceptance
def test_with_the_owner_of_it_all_everything_ends_and_its_bots_say_goodbye(play: Play, phase: str) -> None:
    async def scene(stage: WholeStage, guests: AsyncExitStack) -> None:
        sent = await deaths.reach(stage, phase, guests)
        sent.note_processes()
        stage.owner.kill()
        await until(lambda: not kernel.living(stage.spared), deaths.FOUND_S)
        assert not stage.left(frozenset(sent.pids))
        await stage.start()
        if phase in deaths.NOT_YET_THERE:
            await deaths.go_on(sent)
        assert await deaths.end_of(sent, time.monotonic()) in WITH_ITS_OWNER[phase]

    play(scene)


@pytest.mark.parametrize("phase", WITH_EVERYTHING)
@pytest.mark.acceptance
def test_after_everything_was_killed_at_once_the_next_start_finds_and_sweeps_it(play: Play, phase: str) -> None:
    async def scene(stage: WholeStage, guests: AsyncExitStack) -> None:
        sent = await deaths.reach(stage, phase, guests)
        sent.note_processes()
        await kernel.end_descendants(stage.spared, grace_s=0)
        assert not sent.seen()
        await stage.start()
        if phase in deaths.NOT_YET_THERE:
            await deaths.go_on(sent)
        assert await deaths.end_of(sent, time.monotonic()) in WITH_EVERYTHING[phase]

    play(scene)


@pytest.mark.acceptance
def test_a_bot_that_hangs_is_lost_another_takes_its_place_and_it_leaves_when_it_wakes(play: Play) -> None:
    async def scene(stage: WholeStage, guests: AsyncExitStack) -> None:
        stale = await deaths.reach(stage, "speaking", guests)
        asleep = stage.of_bot(stale.bot_id, "meeting")
        assert asleep is not None
        asleep.suspend()
        await until(lambda: deaths.is_over(stale), deaths.FOUND_S)
        with listening(deaths.sounds_at(stale)) as recording:
            asleep.resume()
            await until(lambda: deaths.FENCED in stage.log_of(stale.bot_id), deaths.FOUND_S)
            silent_from_s = await deaths.settled()
            await until(lambda: not asleep.is_running(), deaths.FOUND_S)
            assert not sounds(recording, silent_from_s)
        other = await deaths.reach(stage, "in call", guests, room=stale.room)
        assert (await stage.bot(stale.bot_id)).code == "lease_expired"
        await deaths.go_on(other)
        assert await deaths.end_of(other, time.monotonic()) == deaths.ASKED

    play(scene)


@pytest.mark.parametrize("asleep", [("meeting",), ("parent", "meeting")], ids="-".join)
@pytest.mark.acceptance
def test_a_bot_that_hangs_for_good_is_lost_and_gone(play: Play, asleep: tuple[str, ...]) -> None:
    async def scene(stage: WholeStage, guests: AsyncExitStack) -> None:
        sent = await deaths.reach(stage, "in call", guests)
        for process in filter(None, (stage.of_bot(sent.bot_id, name) for name in asleep)):
            process.suspend()
        assert await deaths.end_of(sent, time.monotonic()) == deaths.NOT_HEARD_OF
        assert not sent.seen()

    play(scene)


@pytest.mark.skipif(shutil.which("Xvfb") is None, reason="Xvfb is not installed")
@pytest.mark.parametrize(("process", "end"), [("display", deaths.BROWSER), ("meeting", deaths.LOST)])
@pytest.mark.acceptance
def test_a_display_of_its_own_goes_with_the_bot(process: str, end: deaths.End) -> None:
    async def scene() -> deaths.End:
        settings = replace(Settings(), camera_path="file", headless=False)
        async with whole_stage(settings) as stage, AsyncExitStack() as guests:
            sent = await deaths.reach(stage, "in call", guests)
            await deaths.kill(lambda: stage.of_bot(sent.bot_id, process))
            return await deaths.end_of(sent, time.monotonic())

    assert asyncio.run(scene()) == end
