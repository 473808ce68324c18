"""One rehearsal, from an installation that runs to what was found in it. Uses the product by its HTTP API alone.

The asker joins, a bot is created, the host admits both, the script is played, the bot is asked to leave. What the asker
recorded and what the bot recorded of itself become `Findings`; whatever goes wrong on the way is one of its errors, and
everything collected until then is kept.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.clock import RealClock
from bot.errors import BotError, Unavailable
from bot.rehearsal import roles
from bot.rehearsal.asker import BrowserAsker
from bot.rehearsal.client import Client
from bot.rehearsal.eyes import Box
from bot.rehearsal.measure import (
    MATCH_MARGIN_S,
    Series,
    Sound,
    dark_area,
    frames_per_second,
    middle,
    new_pictures,
    offset_by_reference,
    offset_by_speech,
    speech_match,
)
from bot.rehearsal.meeting import Host, Meeting
from bot.rehearsal.people import Person
from bot.rehearsal.questions import Question
from bot.rehearsal.reference import Reference
from bot.rehearsal.report import Findings, Picture, Received, pair_turns
from bot.rehearsal.script import GOODBYE, Patience, Turn, converse, say_goodbye
from bot.rehearsal.usage import Cost, Meter
from bot.voice.base import VoiceError
from connectors.base import ConnectorError
from engine.api import EngineError

JOIN_S = 180.0  # from the request to the call, browser and engine included; a first start reads the knowledge
END_S = 60.0  # from asking the bot to leave until it is over
FRAME_S = 1 / 24  # mouth_lag_frames counts these, whatever rate was received


class BotNotInCall(Unavailable):
    """The bot did not get into the call; its state says why."""

    code = "bot_not_in_call"


Tell = Callable[[str], None]
Render = Callable[[str], Awaitable[Reference]]  # of an answer's text


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What to rehearse."""

    questions: Sequence[Question]
    character_id: str
    box: Box
    voice: str = "slt"
    headless: bool = True
    chromium: str = ""
    display: str = ""  # where a browser that is not headless shows; empty: one of its own
    patience: Patience = field(default_factory=Patience)


@dataclass(kw_only=True, slots=True)
class Notes:
    """What has been collected so far."""

    bot_id: str = ""
    bot_name: str = ""
    joined_s: float | None = None
    final_state: str = "none"
    task_id: str | None = None
    pids: dict[str, int | None] = field(default_factory=dict)
    running: dict[str, bool] = field(default_factory=dict)
    turns: tuple[Turn, ...] = ()
    records: list[dict[str, Any]] = field(default_factory=list)
    transcript: list[dict[str, Any]] = field(default_factory=list)
    counted: float | None = None  # turns and remarks, by the installation's metrics
    cost: Cost | None = None
    errors: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """One answer as it was received: the mouth, and the sound with silence around it."""

    mouth: Series
    sound: Sound
    fps: float | None


async def rehearse(
    plan: Plan,
    *,
    folder: Path,
    client: Client,
    host: Host,
    meeting: Meeting,
    render: Render,
    tell: Tell,
) -> Findings:
    """Play it. `render` gives the reference of an answer."""
    notes = Notes()
    heard: list[Heard | None] = []
    picture = Picture()
    asker = BrowserAsker(folder, voice=plan.voice, headless=plan.headless, chromium=plan.chromium, display=plan.display)
    with noting(notes):
        async with asker:
            with noting(notes):
                await _play(plan, asker, client, host, meeting, notes, tell)
            heard = [received_of(asker, turn) for turn in notes.turns]
            picture = picture_of(asker, notes.turns, heard)
    with noting(notes):
        await collect(client, notes)
    tell("comparing what was received with the engine's own rendering")
    received = await _offsets(notes, heard, render)
    return Findings(
        bot_id=notes.bot_id,
        task_id=notes.task_id,
        pids=notes.pids,
        running=notes.running,
        asker=asker.name,
        joined_s=notes.joined_s,
        final_state=notes.final_state,
        received=received,
        records=notes.records,
        picture=picture,
        cost=notes.cost,
        transcript=notes.transcript,
        counted=notes.counted,
        errors=notes.errors,
    )


@contextmanager
def noting(notes: Notes) -> Iterator[None]:
    """What is known to go wrong becomes an error of the report instead of its end."""
    try:
        yield
    except (BotError, ConnectorError, EngineError, VoiceError) as error:
        notes.errors.append(f"{error or type(error).__doc__} ({error.code})")


async def _play(
    plan: Plan, asker: BrowserAsker, client: Client, host: Host, meeting: Meeting, notes: Notes, tell: Tell
) -> None:
    await asker.prepare([question.text for question in plan.questions] + [GOODBYE])
    await asker.join(meeting.url)
    await host.admit(meeting, asker.name)
    await asker.until_in_call()
    tell(f"{asker.name} is in the meeting")
    await bring_bot(plan.character_id, client, host, meeting, notes, tell)
    try:
        await asker.watch(plan.box)
        meter = Meter(roles.root(notes.pids["bot"], bot_id=notes.bot_id))
        meter.start()
        notes.turns = await converse(asker, plan.questions, clock=RealClock(), patience=plan.patience, tell=tell)
        notes.cost = await asyncio.to_thread(meter.stop)
        notes.running = {role: roles.fits(role, pid, bot_id=notes.bot_id) for role, pid in notes.pids.items()}
        tell("saying goodbye")
        await say_goodbye(asker, clock=RealClock(), patience=plan.patience)
    finally:
        await part(client, notes, tell)
    await asker.leave()


async def part(client: Client, notes: Notes, tell: Tell) -> None:
    """Make the bot leave, where it has not left on the goodbye, and see how it ended."""
    bot = await client.bot(notes.bot_id)
    if bot["state"] in ("in_call", "waiting_room"):
        tell("asking the bot to leave")
        await client.leave(notes.bot_id)
    bot = await client.until_state(notes.bot_id, (), timeout_s=END_S)
    notes.final_state = str(bot["state"])
    tell(f"the bot's last state: {notes.final_state}. {bot.get('detail') or ''}".rstrip())


async def bring_bot(
    character_id: str,
    client: Client,
    host: Host,
    meeting: Meeting,
    notes: Notes,
    tell: Tell,
    expect: Callable[[str], Awaitable[None]] | None = None,
) -> None:
    """A bot for this meeting, until it is in the call; `expect` is told its name before. Raises BotNotInCall."""
    asked_s = time.monotonic()
    bot = await client.create_bot(meeting_url=meeting.url, character_id=character_id, metadata={"purpose": "rehearsal"})
    notes.bot_id, notes.bot_name = str(bot["id"]), str(bot["bot_name"])
    tell(f"bot {notes.bot_id} is asked for: {notes.bot_name}")
    if expect is not None:
        await expect(notes.bot_name)

    def seen(state: str) -> None:
        tell(f"the bot is {state.replace('_', ' ')}")

    bot = await client.until_state(notes.bot_id, ("waiting_room", "in_call"), timeout_s=JOIN_S, seen=seen)
    if bot["state"] == "waiting_room":
        await host.admit(meeting, notes.bot_name)
        bot = await client.until_state(notes.bot_id, ("in_call",), timeout_s=JOIN_S)
    notes.final_state = str(bot["state"])
    if bot["state"] != "in_call":
        raise BotNotInCall(f"the bot is {bot['state']}: {bot.get('detail') or bot.get('code') or 'no reason given'}")
    notes.joined_s = time.monotonic() - asked_s
    tell(f"the bot is in the call, {notes.joined_s:.1f} s after it was asked for")
    notes.pids = roles.claimed(await client.events(notes.bot_id))


async def collect(client: Client, notes: Notes) -> None:
    """What the product kept of it."""
    if notes.bot_id:
        events = await client.events(notes.bot_id)
        notes.task_id = next((str(e["data"]["task_id"]) for e in reversed(events) if e["data"].get("task_id")), None)
        notes.records = await client.turns(notes.bot_id)
        notes.transcript = await client.transcript(notes.bot_id)
        notes.counted = await client.counted_turns()


def received_of(asker: Person, turn: Turn) -> Heard | None:
    if turn.answered is None:
        return None
    start_s, end_s = turn.answered.start_s - MATCH_MARGIN_S, turn.answered.end_s + MATCH_MARGIN_S
    seen = asker.seen(start_s, end_s)
    return Heard(
        mouth=Series(times_s=seen.times_s, values=dark_area(seen.mouths)),
        sound=asker.ears.sound(start_s, end_s),
        fps=frames_per_second(new_pictures(seen.times_s, seen.mouths)),
    )


def picture_of(asker: Person, turns: Sequence[Turn], heard: Sequence[Heard | None]) -> Picture:
    """Of the whole time from the first question to the end of the last answer; the mouth over all answers at once."""
    ends = [turn.answered.end_s for turn in turns if turn.answered is not None]
    if not ends:
        return Picture()
    seen = asker.seen(turns[0].asked.start_s, ends[-1])
    width, height = seen.size() or (None, None)
    found = speech_match([(one.mouth, one.sound) for one in heard if one is not None])
    return Picture(
        width=width,
        height=height,
        fps=middle([one.fps for one in heard if one is not None]),
        fps_with_repeats=frames_per_second(seen.times_s),
        mouth_r=None if found is None else found.r,
        mouth_lag_frames=None if found is None else found.lag_s / FRAME_S,
    )


async def _offsets(notes: Notes, heard: Sequence[Heard | None], render: Render) -> list[Received]:
    received = [Received(turn=turn) for turn in notes.turns]
    with_offsets = []
    for (one, record), sounded in zip(pair_turns(received, notes.records), heard, strict=True):
        answer = str((record or {}).get("answer") or "")
        reference: Reference | None = None
        if sounded is not None and answer:
            with noting(notes):
                reference = await render(answer)
        with_offsets.append(_offset(one, sounded, reference))
    return with_offsets


def _offset(one: Received, heard: Heard | None, reference: Reference | None) -> Received:
    if heard is None:
        return one
    if reference is not None:
        exact = offset_by_reference(heard.mouth, heard.sound, reference.mouth, reference.sound)
        if exact is not None:
            return Received(turn=one.turn, av_offset_s=exact, av_method="reference")
    rough = offset_by_speech(heard.mouth, heard.sound)
    return Received(turn=one.turn, av_offset_s=rough, av_method=None if rough is None else "speech")
