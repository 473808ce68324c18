"""Who may be killed when, and what must become of the bot: the table of `test_deaths.py`, and how a bot gets there.

A phase is reached by doing something and then looking at the store and at the processes; a process is named by its
part in `whole_stage`. An end is a state and a code.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field

import aiohttp
import psutil

from bot.domain.lifecycle import TERMINAL, BotState, Command
from bot.store import counters
from connectors.simulator import Policy, Room
from tests.bot.clocks import until
from tests.journeys.killing import listening, listens, sound_server_of, sounds
from tests.journeys.whole_stage import WholeStage

JOIN_S = 60.0
FOUND_S = 30.0  # from a death until the bot is in the right state and nothing of it is left
DUE_IN_S = 2.0
SETTLES_S = 1.0  # from being told to leave until the last of what was on its way is heard
FENCED = "another process owns this bot, leaving"  # by its own clock, or because it was told
LINE = "Kettles and cups stand ready on the table, and the water takes a while to boil, so let us talk about tea first."

End = tuple[str, str]  # state, code

LOST: End = ("lost", "process_exited")
SAID_GOODBYE: End = ("ended", "host_shutdown")
ASKED: End = ("ended", "asked_by_user")
BROWSER: End = ("failed", "browser_died")
DEVICE: End = ("failed", "device_failed")
ENGINE: End = ("failed", "engine_died")
NOT_HEARD_OF: End = ("lost", "lease_expired")
HEARING: End = ("failed", "hearing_error")


@dataclass(kw_only=True)
class Sent:
    """A bot on its way, and what the test knows of it."""

    stage: WholeStage
    bot_id: str
    room: Room
    guests: AsyncExitStack
    pids: set[int] = field(default_factory=set)

    async def state(self) -> BotState:
        return (await self.stage.bot(self.bot_id)).state

    def note_processes(self) -> None:
        self.pids |= {process.pid for process in self.stage.bots_processes()}

    async def parent_pids(self) -> list[int]:
        """Of every process that was started for it."""
        events = await self.stage.events(self.bot_id)
        return [event.data["pid"] for event in events if event.kind == "process.launched"]

    def seen(self) -> bool:
        """Is it in the meeting, for the others?"""
        return any("(AI)" in seat.name for seat in self.room.people())


async def starting(sent: Sent) -> None:
    await sent.stage.until_state(sent.bot_id, {BotState.STARTING, BotState.JOINING}, JOIN_S)


async def joining(sent: Sent) -> None:
    await sent.stage.until_state(sent.bot_id, {BotState.JOINING, BotState.WAITING_ROOM, BotState.IN_CALL}, JOIN_S)


async def waiting_room(sent: Sent) -> None:
    await sent.stage.until_state(sent.bot_id, {BotState.WAITING_ROOM}, JOIN_S)


async def in_call(sent: Sent) -> None:
    await sent.guests.enter_async_context(sent.stage.guest(sent.room, "Ada"))
    async with asyncio.timeout(JOIN_S):
        while await sent.state() is not BotState.IN_CALL:
            sent.room.admit("Iris (AI)")
            await asyncio.sleep(0.05)


async def speaking(sent: Sent) -> None:
    """In the middle of a long line."""
    await in_call(sent)
    await sent.stage.let_say(sent.bot_id, LINE)
    await until(lambda: listens(sounds_at(sent)), JOIN_S)
    with listening(sounds_at(sent)) as recording:
        await until(lambda: sounds(recording), JOIN_S)


def sounds_at(sent: Sent) -> str:
    """Its sound server."""
    parent = sent.stage.of_bot(sent.bot_id, "parent")
    return sound_server_of(parent.pid if parent else None)


async def settled() -> float:
    """The moment, once what was on its way has been heard."""
    await asyncio.sleep(SETTLES_S)
    return time.monotonic()


async def is_heard_again(sent: Sent) -> None:
    """It says the next line it is given."""
    with listening(sounds_at(sent)) as recording:
        asked_s = await settled()
        await sent.stage.let_say(sent.bot_id, LINE)
        await until(lambda: sounds(recording, asked_s), JOIN_S)


async def answers(stage: WholeStage) -> bool:
    """Is its API ready, by its own word?"""
    address = f"http://127.0.0.1:{stage.settings.api_port}/readyz"
    with suppress(aiohttp.ClientError, TimeoutError):
        async with aiohttp.ClientSession() as http, http.get(address, timeout=aiohttp.ClientTimeout(2)) as answer:
            return answer.status == 200
    return False


async def leaving(sent: Sent) -> None:
    """In its goodbye."""
    await in_call(sent)
    await sent.stage.ask(sent.bot_id, Command.LEAVE)
    await sent.stage.until_state(sent.bot_id, {BotState.LEAVING}, JOIN_S)


async def scheduled(sent: Sent) -> None:
    """Its time has not come."""


async def claimed(sent: Sent) -> None:
    await sent.stage.until_state(sent.bot_id, set(BotState) - {BotState.SCHEDULED}, JOIN_S)


PHASES: Mapping[str, Callable[[Sent], Awaitable[None]]] = {
    "scheduled": scheduled,
    "claimed": claimed,
    "starting": starting,
    "joining": joining,
    "waiting room": waiting_room,
    "in call": in_call,
    "speaking": speaking,
    "leaving": leaving,
}
OF_A_LIFE = ("starting", "joining", "waiting room", "speaking", "leaving")  # of a bot with processes
GONE: Mapping[str, Mapping[str, frozenset[End]]] = {  # process of a bot, phase: how the bot ends
    "parent": dict.fromkeys(OF_A_LIFE, frozenset({LOST})),
    "meeting": dict.fromkeys(OF_A_LIFE, frozenset({LOST})),
    "driver": {**dict.fromkeys(OF_A_LIFE, frozenset({BROWSER})), "starting": frozenset({BROWSER, DEVICE})},
    "browser": {**dict.fromkeys(OF_A_LIFE, frozenset({BROWSER})), "starting": frozenset({BROWSER, DEVICE})},
    "sound server": dict.fromkeys(OF_A_LIFE, frozenset({DEVICE})),
    "nursery": dict.fromkeys(OF_A_LIFE, frozenset({ENGINE})),
    "portrait": dict.fromkeys(OF_A_LIFE, frozenset({ENGINE})),
    "recogniser": dict.fromkeys(OF_A_LIFE, frozenset({HEARING})),
}
SERVED = ("scheduled", "claimed", *OF_A_LIFE)
SURVIVED: Mapping[str, tuple[str, ...]] = {  # process, phase: the bot goes on, and the process is there again
    "api": SERVED,
    "worker": SERVED,
    "dispatcher": SERVED,
    "courier": ("speaking",),
    "calendar-keeper": ("speaking",),
    "broker": SERVED,
    "voice": ("speaking",),  # the sentence is lost, the next one has a new process
}
NOT_YET_THERE = ("scheduled", "claimed", "starting")  # of such a bot nothing is lost yet: it is sent, or sent once more
WITH_ITS_OWNER: Mapping[str, frozenset[End]] = {  # phase: how a bot ends whose owner is killed
    "scheduled": frozenset({ASKED}),
    **dict.fromkeys(("claimed", "starting", "leaving"), frozenset({SAID_GOODBYE, ASKED})),
    **dict.fromkeys(("joining", "waiting room", "speaking"), frozenset({SAID_GOODBYE})),
}
WITH_EVERYTHING: Mapping[str, frozenset[End]] = {  # and one that is killed at the same moment
    "scheduled": frozenset({ASKED}),
    **dict.fromkeys(("claimed", "starting"), frozenset({NOT_HEARD_OF, ASKED})),
    **dict.fromkeys(("joining", "waiting room", "speaking", "leaving"), frozenset({NOT_HEARD_OF})),
}


async def reach(stage: WholeStage, phase: str, guests: AsyncExitStack, room: Room | None = None) -> Sent:
    """A bot in that phase; without a `room` in a meeting of its own."""
    room = room or stage.simulator.create_meeting(Policy(lobby=phase == "waiting room"))
    bot_id = await stage.send_bot(room, in_s=DUE_IN_S if phase == "scheduled" else 0.0)
    sent = Sent(stage=stage, bot_id=bot_id, room=room, guests=guests)
    await PHASES[phase](sent)
    sent.note_processes()  # now: one that is killed next is not found among the living
    return sent


async def kill(process: Callable[[], psutil.Process | None]) -> psutil.Process:
    """As soon as it is there."""
    await until(lambda: process() is not None, JOIN_S)
    victim = process()
    assert victim is not None
    victim.kill()
    return victim


async def go_on(sent: Sent) -> None:
    """It gets into the call, or is there still, and leaves when it is asked to; one that is leaving goes on to."""
    await sent.guests.enter_async_context(sent.stage.guest(sent.room, "Bo"))
    gone = TERMINAL | {BotState.LEAVING, BotState.POST_PROCESSING}
    async with asyncio.timeout(FOUND_S + JOIN_S):
        while (state := await sent.state()) not in gone:
            if state is BotState.IN_CALL:
                await sent.stage.ask(sent.bot_id, Command.LEAVE)
            sent.room.admit("Iris (AI)")
            await asyncio.sleep(0.1)


async def is_over(sent: Sent) -> bool:
    return await sent.state() in TERMINAL


async def end_of(sent: Sent, killed_s: float) -> End:
    """How it ended. Raises TimeoutError where that, or its being gone, takes longer than it may."""
    left: list[str] = []

    async def over() -> bool:
        sent.note_processes()
        left[:] = [str(await sent.state()), *sent.stage.left(frozenset(sent.pids))]
        return left == [left[0]] and BotState(left[0]) in TERMINAL

    try:
        await until(over, killed_s + FOUND_S - time.monotonic())
    except TimeoutError as error:
        raise TimeoutError(f"after {FOUND_S:g} s: {left}\n{sent.stage.log_of(sent.bot_id)[-3000:]}") from error
    bot = await sent.stage.bot(sent.bot_id)
    assert bot.detail, "an end has a cause in words"
    return str(bot.state), str(bot.code)


async def frames_counted(stage: WholeStage) -> float:
    """Of the bots' pictures, by themselves, whatever became of the frames."""
    async with stage.database.read() as session:
        counted = await counters.read(session)
    return sum(series.value for series in counted.get("frames", {}).values())
