"""A scene of several people rehearsed: they join by hand, the bot comes, the scene is played, all that was heard kept.

Uses the product by its HTTP API alone, as `rehearse` does for one person.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.clock import RealClock
from bot.rehearsal import roles
from bot.rehearsal.client import Client, TookTooLong
from bot.rehearsal.measure import Span, spans
from bot.rehearsal.meeting import Host, Meeting
from bot.rehearsal.people import People
from bot.rehearsal.questions import Question
from bot.rehearsal.recording import Recording
from bot.rehearsal.rehearse import Notes, Tell, bring_bot, collect, noting, part
from bot.rehearsal.report import Findings, Picture, Received
from bot.rehearsal.scene import ASK, Played, Scene, play
from bot.rehearsal.script import Turn
from bot.rehearsal.truth import Spoken, told, voiced
from bot.rehearsal.usage import Meter
from bot.rehearsal.verdict import MIXED, SEPARATE, SceneFindings

OBEYED_S = 20.0  # from the end of a goodbye until the bot has left by itself
ADMIT_S = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class TablePlan:
    """What to play. `mixed`: the bot was told to hear one mix of all. `diarization` is told in the report."""

    name: str
    scene: Scene
    mixed: bool
    diarization: str
    character_id: str
    headless: bool = True
    chromium: str = ""
    display: str = ""


def told_apart_by(model: str, *, mixed: bool) -> str:
    """In words, what tells voices apart in this installation; `model` is where its model of voices is."""
    if not mixed:
        return "each person has a stream of their own"
    if not model:
        return "no model of voices is configured: names come from active-speaker signals only"
    return f"pyannote with the weights at {Path(model).name}; random weights prove the path only"


@dataclass(slots=True)
class _Kept:
    """What has been collected so far."""

    played: Played | None = None
    obeyed: bool = False
    heard: Sequence[Span] = ()
    truth: Sequence[Spoken] = ()


@dataclass(frozen=True, slots=True)
class _Seats:
    """Implements `scene.Table`."""

    people: People
    host: Host
    meeting: Meeting
    bot_name: str

    @property
    def ears(self) -> Recording:
        return self.people.first.ears

    async def say(self, who: str, text: str) -> Span | None:
        return await self.people.people[who].say(text)

    async def admit(self, who: str) -> None:
        await self.people.people[who].knock()
        await self.host.admit(self.meeting, who, within_s=ADMIT_S)
        await self.people.people[who].until_in_call()

    async def written(self, who: str) -> int:
        return await self.people.people[who].written_by(self.bot_name)


async def rehearse_table(
    plan: TablePlan, *, folder: Path, client: Client, host: Host, meeting: Meeting, tell: Tell
) -> tuple[Findings, SceneFindings]:
    """Play it. Whatever goes wrong on the way is one of the findings' errors."""
    notes, kept = Notes(), _Kept()
    voices = {role.name: role.voice for role in plan.scene.people}
    began_s = time.monotonic()
    with noting(notes):
        # Nobody looks: coding the picture for them takes what hearing and answering need on two cores. It is the
        # rehearsal with one person that measures it.
        async with People(
            folder, voices, eyes=False, headless=plan.headless, chromium=plan.chromium, display=plan.display
        ) as people:
            with noting(notes):
                await _play(plan, people, client, host, meeting, notes, kept, tell)
            _keep_sound(people, kept, notes, began_s)
    with noting(notes):
        await collect(client, notes)
    return _findings(plan, notes, kept), SceneFindings(
        name=plan.name,
        streams=MIXED if plan.mixed else SEPARATE,
        played=kept.played,
        heard=kept.heard,
        truth=kept.truth,
        claim=told(notes.transcript),
        own=told(notes.transcript, own=True),
        obeyed=kept.obeyed,
        diarization=plan.diarization,
    )


async def _play(
    plan: TablePlan,
    people: People,
    client: Client,
    host: Host,
    meeting: Meeting,
    notes: Notes,
    kept: _Kept,
    tell: Tell,
) -> None:
    await _sit_down(plan.scene, people, host, meeting)
    tell(f"in the meeting: {', '.join(role.name for role in plan.scene.people if not role.late)}")
    listen = people.first.listen_to
    await bring_bot(plan.character_id, client, host, meeting, notes, tell, expect=listen)
    try:
        meter = Meter(roles.root(notes.pids["bot"], bot_id=notes.bot_id))
        meter.start()
        seats = _Seats(people, host, meeting, notes.bot_name)
        kept.played = await play(plan.scene, seats, clock=RealClock(), tell=tell)
        notes.turns = tuple(_asked(kept.played))
        notes.cost = await asyncio.to_thread(meter.stop)
        kept.obeyed = await _gone(client, notes.bot_id)
    finally:
        await part(client, notes, tell)


async def _sit_down(scene: Scene, people: People, host: Host, meeting: Meeting) -> None:
    """Everyone at the door, and in the call who is not late."""
    for role in scene.people:
        person = people.people[role.name]
        await person.prepare(scene.lines(role.name))
        await people.come(role.name, meeting.url)
        if not role.late:
            await person.knock()
            await host.admit(meeting, role.name, within_s=ADMIT_S)
            await person.until_in_call()


async def _gone(client: Client, bot_id: str) -> bool:
    """Whether it leaves by itself, as it was told."""
    try:
        bot = await client.until_state(bot_id, (), timeout_s=OBEYED_S)
    except TookTooLong:
        return False
    return str(bot["state"]) == "ended" and str(bot["code"]) == "said_goodbye"


def _keep_sound(people: People, kept: _Kept, notes: Notes, began_s: float) -> None:
    now_s = time.monotonic()
    start_s, end_s = (kept.played.began_s, kept.played.ended_s) if kept.played else (began_s, now_s)
    kept.heard = spans(people.first.ears.sound(start_s, now_s))
    for person in people.people.values():
        kept.truth = [*kept.truth, *voiced(person.name, person.microphone.sound(start_s, end_s))]


def _asked(played: Played) -> list[Turn]:
    return [
        Turn(question=Question(text=act.step.text, passage=act.step.passage), asked=act.said, answered=act.answered)
        for act in played.acts
        if act.step.do == ASK and act.said is not None
    ]


def _findings(plan: TablePlan, notes: Notes, kept: _Kept) -> Findings:
    return Findings(
        bot_id=notes.bot_id,
        task_id=notes.task_id,
        pids=notes.pids,
        running=notes.running,
        asker=plan.scene.people[0].name,
        joined_s=notes.joined_s,
        final_state=notes.final_state,
        received=[Received(turn=turn) for turn in notes.turns],
        records=notes.records,
        picture=Picture(),
        cost=notes.cost,
        transcript=notes.transcript,
        errors=notes.errors,
    )
