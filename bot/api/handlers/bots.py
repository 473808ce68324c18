"""Bots: send one into a meeting, watch it, read what was said, make it leave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

from bot.api import cursors, pictures
from bot.api.pictures import NoPicture
from bot.api.routes import Call, Made, NoBody, NoPath, NoQuery, Route
from bot.api.schemas import (
    After,
    BotList,
    BotPath,
    BotsQuery,
    BotView,
    EventList,
    EventView,
    EvidencePath,
    KillAll,
    Leave,
    NewBot,
    PictureQuery,
    Retime,
    Say,
    Transcript,
    TranscriptQuery,
    TurnList,
    TurnsExport,
    TurnsQuery,
    TurnView,
)
from bot.assets import camera_picture
from bot.domain.join_time import BadJoinTime, join_time
from bot.domain.lifecycle import Command
from bot.domain.meeting_key import BadMeetingUrl
from bot.domain.naming import BadBotName
from bot.log import get_log
from bot.scheduling import kill_switch
from bot.scheduling.retention import FilesStay, erase_files
from bot.store import bots, characters, erasure, leases, lines, occurrences, spawning, transcripts, turns
from bot.store.bots import MeetingTaken, UnknownBot
from bot.store.characters import UnknownCharacter
from bot.store.erasure import NotOver
from bot.store.lines import NotInCall, TooManyLines
from bot.store.session import Database
from bot.store.spawning import AlreadyJoining, OccurrenceClosed, Wanted
from connectors.urls import find_meeting

log = get_log(__name__)

EXPORT_PAGE = 500


async def create(call: Call[NoPath, NoQuery, NewBot]) -> BotView:
    wanted = call.body
    join_at = join_time(wanted.join_at, call.now) if wanted.join_at else None
    link = find_meeting(wanted.meeting_url, own_hosts=call.services.meeting_hosts)
    async with call.services.database.write() as session:
        await occurrences.lock_workspace(session, call.workspace_id)  # nobody deletes the character meanwhile
        character = await characters.get(session, wanted.character_id, workspace_id=call.workspace_id)
        new = Wanted(
            workspace_id=call.workspace_id,
            character_id=character.id,
            meeting_url=link.join_url if link else wanted.meeting_url,
            key=link.meeting if link else None,
            bot_name=wanted.bot_name or character.name,
            join_at=join_at,
            deduplication_key=wanted.deduplication_key,
            metadata=wanted.metadata,
        )
        spawned = await spawning.spawn(session, new, override=wanted.override, at=call.now)
        if spawned.bot is None:
            raise spawned.refusal()
        made = BotView.of(spawned.bot)
        await call.repeat.keep(session, made.model_dump_json())  # else a repetition could make another one
    return made


async def retime(call: Call[BotPath, NoQuery, Retime]) -> BotView:
    join_at = join_time(call.body.join_at, call.now)
    async with call.services.database.write() as session:
        bot = await bots.get(session, call.path.bot_id, workspace_id=call.workspace_id)
        asked: dict[str, Any] = {"override": call.body.override, "by": call.asked_by, "at": call.now}
        return BotView.of(await spawning.retime(session, bot.id, join_at=join_at, **asked))


async def list_some(call: Call[NoPath, BotsQuery, NoBody]) -> BotList:
    query = call.query
    soonest, order = query.order == "soonest", "" if query.order == "newest" else query.order
    last = cursors.decode(query.cursor, order=order) if query.cursor else None
    where = bots.Filter(**{name: getattr(query, name) for name in bots.Filter.__dataclass_fields__})
    of: dict[str, Any] = {"workspace_id": call.workspace_id, "limit": query.limit + 1, "where": where}
    async with call.services.database.read() as session:
        if soonest:
            found = await bots.list_soonest(session, after=last, **of)
        else:
            found = await bots.list_newest(session, before=last, states=query.states, **of)
    page, has_more = found[: query.limit], len(found) > query.limit
    next_cursor = None
    if has_more:
        next_cursor = cursors.encode(page[-1].join_at if soonest else page[-1].created_at, page[-1].id, order=order)
    return BotList(data=[BotView.of(bot) for bot in page], next_cursor=next_cursor, has_more=has_more)


async def show(call: Call[BotPath, NoQuery, NoBody]) -> BotView:
    async with call.services.database.read() as session:
        return BotView.of(await bots.get(session, call.path.bot_id, workspace_id=call.workspace_id))


async def events(call: Call[BotPath, After, NoBody]) -> EventList:
    async with call.services.database.read() as session:
        bot = await bots.get(session, call.path.bot_id, workspace_id=call.workspace_id)
        found = await bots.events(session, bot.id, after=call.query.after, limit=call.query.limit)
    words = "transcripts:read" in call.scopes
    return EventList(data=[EventView.of(event, words=words) for event in found])


async def transcript(call: Call[BotPath, TranscriptQuery, NoBody]) -> Made:
    wanted = call.query
    async with call.services.database.read() as session:
        bot = await bots.get(session, call.path.bot_id, workspace_id=call.workspace_id)
        found = await transcripts.records(
            session, bot.id, after=wanted.after, limit=wanted.limit + 1, history=wanted.history
        )
    return Made({"data": found[: wanted.limit], "has_more": len(found) > wanted.limit})


async def turn_records(call: Call[BotPath, TurnsQuery, NoBody]) -> TurnList:
    query = call.query
    async with call.services.database.read() as session:
        bot = await bots.get(session, call.path.bot_id, workspace_id=call.workspace_id)
        found = await turns.page(session, bot.id, after=query.after, limit=query.limit)
    return TurnList(data=[TurnView.of(turn, words=query.words) for turn in found])


async def export_turns(call: Call[BotPath, TurnsExport, NoBody]) -> AsyncIterator[TurnView]:
    """Page by page, each in a transaction of its own: a reader that takes its time holds nothing."""
    after = call.query.after
    while True:
        async with call.services.database.read() as session:
            bot = await bots.get(session, call.path.bot_id, workspace_id=call.workspace_id)
            found = await turns.page(session, bot.id, after=after, limit=EXPORT_PAGE)
        for turn in found:
            yield TurnView.of(turn, words=call.query.words)
        if len(found) < EXPORT_PAGE:
            return
        after = found[-1].sequence


async def leave(call: Call[BotPath, NoQuery, Leave]) -> BotView:
    return await _ask(call.services.database, call, Command.LEAVE)


async def kill(call: Call[BotPath, NoQuery, NoBody]) -> BotView:
    return await _ask(call.services.database, call, Command.KILL)


async def _ask(database: Database, call: Call[BotPath, NoQuery, Any], command: Command) -> BotView:
    async with database.write() as session:
        bot = await bots.get(session, call.path.bot_id, workspace_id=call.workspace_id)
        return BotView.of(await leases.ask(session, bot.id, command=command, at=call.now, by=call.asked_by))


async def kill_all(call: Call[NoPath, NoQuery, KillAll]) -> BotList:
    database, scheduled = call.services.database, call.body.scheduled
    killed = await kill_switch.kill_all(database, call.workspace_id, scheduled=scheduled, at=call.now, by=call.asked_by)
    log.warning("every bot was killed", workspace_id=call.workspace_id, bots=len(killed), by=call.asked_by["by"])
    return BotList(data=[BotView.of(bot) for bot in killed], next_cursor=None, has_more=False)


async def say(call: Call[BotPath, NoQuery, Say]) -> BotView:
    async with call.services.database.write() as session:
        bot = await bots.get(session, call.path.bot_id, workspace_id=call.workspace_id)
        return BotView.of(await lines.ask(session, bot.id, text=call.body.text, at=call.now, by=call.asked_by))


async def evidence(_request: web.Request, call: Call[EvidencePath, NoQuery, NoBody]) -> web.Response:
    async with call.services.database.read() as session:
        bot = await bots.get(session, call.path.bot_id, workspace_id=call.workspace_id)
    return await pictures.answer(call.services.home / "evidence" / bot.id / call.path.name)


async def picture(_request: web.Request, call: Call[BotPath, PictureQuery, NoBody]) -> web.Response:
    async with call.services.database.read() as session:
        bot = await bots.get(session, call.path.bot_id, workspace_id=call.workspace_id)
        if await characters.is_faceless(session, bot.id, now=call.now):
            raise pictures.NoPicture  # a bot that was over before, or was killed, has left one
    return await pictures.answer(camera_picture(call.services.home, bot.id))


async def erase(call: Call[BotPath, NoQuery, NoBody]) -> BotView:
    services = call.services
    async with services.database.write() as session:
        bot = await bots.get(session, call.path.bot_id, workspace_id=call.workspace_id)
        erased = await erasure.erase(session, bot.id, by=call.asked_by, at=call.now)
        await asyncio.to_thread(erase_files, services.home, bot.id)  # a failure undoes the rest
    return BotView.of(erased)


ROUTES = (
    Route(
        method="POST",
        path="/bots",
        name="create_bot",
        summary="Send a character into a meeting, now or at `join_at`",
        tag="bots",
        scope="bots:write",
        handler=create,
        body=NewBot,
        answer=BotView,
        status=201,
        errors=(UnknownCharacter, BadMeetingUrl, BadBotName, BadJoinTime, MeetingTaken, OccurrenceClosed),
    ),
    Route(
        method="PATCH",
        path="/bots/{bot_id}",
        name="retime_bot",
        summary="Have a bot that is not yet joining join at another time",
        tag="bots",
        scope="bots:write",
        handler=retime,
        path_model=BotPath,
        body=Retime,
        answer=BotView,
        errors=(UnknownBot, BadJoinTime, AlreadyJoining, MeetingTaken, OccurrenceClosed),
    ),
    Route(
        method="GET",
        path="/bots",
        name="list_bots",
        summary="Bots, newest first; with `order=soonest` those to come, the next to join first",
        tag="bots",
        scope="bots:read",
        handler=list_some,
        query=BotsQuery,
        answer=BotList,
    ),
    Route(
        method="GET",
        path="/bots/{bot_id}",
        name="show_bot",
        summary="One bot",
        tag="bots",
        scope="bots:read",
        handler=show,
        path_model=BotPath,
        answer=BotView,
        errors=(UnknownBot,),
    ),
    Route(
        method="GET",
        path="/bots/{bot_id}/events",
        name="list_bot_events",
        summary="What happened to a bot, in order; what people said and are called needs `transcripts:read` too",
        tag="bots",
        scope="bots:read",
        handler=events,
        path_model=BotPath,
        query=After,
        answer=EventList,
        errors=(UnknownBot,),
    ),
    Route(
        method="GET",
        path="/bots/{bot_id}/transcript",
        name="show_transcript",
        summary="What was said: by others as heard, by the bot as far as it was heard",
        tag="bots",
        scope="transcripts:read",
        handler=transcript,
        path_model=BotPath,
        query=TranscriptQuery,
        answer=Transcript,
        errors=(UnknownBot,),
    ),
    Route(
        method="GET",
        path="/bots/{bot_id}/turns",
        name="list_turns",
        summary="What the bot decided and said, turn by turn, with the time of each stage",
        tag="bots",
        scope="transcripts:read",
        handler=turn_records,
        path_model=BotPath,
        query=TurnsQuery,
        answer=TurnList,
        errors=(UnknownBot,),
    ),
    Route(
        method="GET",
        path="/bots/{bot_id}/turns.jsonl",
        name="export_turns",
        summary="The same as JSON Lines: all of them, one a line",
        tag="bots",
        scope="transcripts:read",
        lines=export_turns,
        path_model=BotPath,
        query=TurnsExport,
        answer=TurnView,
        errors=(UnknownBot,),
    ),
    Route(
        method="POST",
        path="/bots/{bot_id}/leave",
        name="make_bot_leave",
        summary="Make a bot leave; one that has not started is cancelled. Safe to repeat",
        tag="bots",
        scope="bots:write",
        handler=leave,
        path_model=BotPath,
        body=Leave,
        answer=BotView,
        status=202,
        errors=(UnknownBot,),
    ),
    Route(
        method="POST",
        path="/bots/{bot_id}/say",
        name="make_bot_say",
        summary="Let a bot in a call say a line, after those asked before; within some seconds",
        tag="bots",
        scope="bots:write",
        handler=say,
        path_model=BotPath,
        body=Say,
        answer=BotView,
        status=202,
        errors=(UnknownBot, NotInCall, TooManyLines),
    ),
    Route(
        method="GET",
        path="/bots/{bot_id}/evidence/{name}",
        name="show_evidence",
        summary="What a bot saw when something went wrong: a screenshot that an event names in `data.evidence`",
        tag="bots",
        scope="bots:read",
        raw=evidence,
        raw_types=pictures.MEDIA_TYPES,
        path_model=EvidencePath,
        errors=(UnknownBot, NoPicture),
    ),
    Route(
        method="GET",
        path="/bots/{bot_id}/picture",
        name="show_bot_picture",
        summary="What the meeting sees of a bot, small and some seconds old; of one that is gone, the last of it",
        tag="bots",
        scope="bots:read",
        raw=picture,
        raw_types=pictures.MEDIA_TYPES,
        path_model=BotPath,
        query=PictureQuery,
        errors=(UnknownBot, NoPicture),
    ),
    Route(
        method="POST",
        path="/bots/{bot_id}/kill",
        name="kill_bot",
        summary="Kill switch: silent, its picture neutral, and gone, without a goodbye. Safe to repeat",
        tag="bots",
        scope="bots:write",
        handler=kill,
        path_model=BotPath,
        answer=BotView,
        status=202,
        errors=(UnknownBot,),
    ),
    Route(
        method="POST",
        path="/bots/{bot_id}/erase",
        name="erase_bot_data",
        summary="Erase what was said and seen in a bot's meeting, once it is over; the proof stays. Safe to repeat",
        tag="bots",
        scope="data:erase",
        handler=erase,
        path_model=BotPath,
        answer=BotView,
        errors=(UnknownBot, NotOver, FilesStay),
    ),
    Route(
        method="POST",
        path="/kill",
        name="kill_all_bots",
        summary="Kill switch for every bot of the workspace that is in a meeting or on its way",
        tag="bots",
        scope="bots:write",
        handler=kill_all,
        body=KillAll,
        answer=BotList,
        status=202,
    ),
)
