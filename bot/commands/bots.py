"""`understudy bots`: send, watch, move and stop bots of a running installation, by its API."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bot.config import Settings
from bot.errors import BadInput, NotFound

if TYPE_CHECKING:
    from bot.client import Bot, Client

HELP = "send, watch, move and stop bots, by the API"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--api", metavar="URL", help="of the API; this installation's when left out")
    parser.add_argument("--key-file", metavar="FILE", help="with an API key; this installation's when left out")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="newest first; those to come: the next to join first")
    listing.add_argument("--phase", choices=("live", "upcoming", "ended"))
    listing.add_argument("--limit", type=int, default=20)
    send = actions.add_parser("send", help="send a character into a meeting")
    send.add_argument("meeting_url", metavar="LINK")
    send.add_argument("--character", default="iris", help="its slug, name or id")
    send.add_argument("--at", help="when to join, such as 2026-11-21T10:00Z; now when left out")
    send.add_argument("--override", action="store_true", help="also where this meeting's bot was stopped or has left")
    move = actions.add_parser("move", help="have a bot join at another time")
    move.add_argument("bot", metavar="BOT")
    move.add_argument("at", metavar="WHEN")
    say = actions.add_parser("say", help="let a bot in a call say a line")
    say.add_argument("bot", metavar="BOT")
    say.add_argument("text", metavar="TEXT")
    for name, line in ONE.items():
        actions.add_parser(name, help=line[1]).add_argument("bot", metavar="BOT")


def run(args: argparse.Namespace, settings: Settings) -> int:
    try:
        asyncio.run(_run(args, settings))
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


async def _run(args: argparse.Namespace, settings: Settings) -> None:
    from bot.client import Client

    async with Client(args.api or settings.own_url, _key(args, settings)) as client:
        await ACTIONS[args.action](client, args)


def _key(args: argparse.Namespace, settings: Settings) -> str:
    from pathlib import Path

    from bot.supervision.installation import LOCAL_KEY

    file = Path(args.key_file) if args.key_file else settings.home / LOCAL_KEY
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise NotFound(f"There is no key in {file} ({error.strerror}); `understudy up` makes one.") from error


async def _list(client: Client, args: argparse.Namespace) -> None:
    from bot.client import first

    filters = {"phase": args.phase} if args.phase else {}
    if args.phase == "upcoming":
        filters["order"] = "soonest"
    for bot in await first(client.bots(**filters), args.limit):
        print(line(bot))


async def _send(client: Client, args: argparse.Namespace) -> None:
    wanted = str(args.character).lower()
    characters = await client.characters()
    found = next((one for one in characters if wanted in (one.id, one.slug.lower(), one.name.lower())), None)
    if found is None:
        raise NotFound(
            f"There is no character {args.character!r}; there are {', '.join(one.slug for one in characters)}."
        )
    more = {"join_at": moment(args.at)} if args.at else {}
    bot = await client.send(meeting_url=args.meeting_url, character_id=found.id, override=bool(args.override), **more)
    print(line(bot))


async def _move(client: Client, args: argparse.Namespace) -> None:
    print(line(await client.move(args.bot, moment(args.at))))


async def _say(client: Client, args: argparse.Namespace) -> None:
    print(line(await client.say(args.bot, args.text)))


async def _watch(client: Client, args: argparse.Namespace) -> None:
    """Until the bot is over."""
    from bot.domain.lifecycle import TERMINAL

    print(line(bot := await client.bot(args.bot)))
    if bot.state in TERMINAL:
        return
    async for change in client.follow():
        if change.topic in ("hello", "reset") and (await client.bot(args.bot)).state in TERMINAL:
            return
        if change.data.get("bot_id") == args.bot and change.topic == "segment":
            print(_told(change.data), flush=True)
        elif change.data.get("bot_id") == args.bot and change.data.get("kind") == "state":
            print(f"-- {change.data['state']} {change.data.get('detail') or ''}".rstrip(), flush=True)
            if change.data["state"] in TERMINAL:
                return


def _told(said: dict[str, Any]) -> str:
    """A line, numbered, so that a later one can name it."""
    number, corrected = said.get("sequence"), said.get("supersedes")
    if corrected and not said.get("text"):
        return f"-- {corrected} is taken back"
    instead = f" instead of {corrected}" if corrected else ""
    return f"[{number}{instead}] {said.get('speaker_name', '')}: {said.get('text', '')}"


async def _transcript(client: Client, args: argparse.Namespace) -> None:
    async for said in client.transcript(args.bot):
        print(f"{said.start_ms / 1000:8.1f}  {said.speaker_name}: {said.text}")


def _shown(ask: Callable[[Client, str], Awaitable[Bot]]) -> Callable[[Client, argparse.Namespace], Awaitable[None]]:
    async def action(client: Client, args: argparse.Namespace) -> None:
        print(line(await ask(client, args.bot)))

    return action


ONE: dict[str, tuple[Callable[[Client, argparse.Namespace], Awaitable[None]], str]] = {
    "show": (_shown(lambda client, bot: client.bot(bot)), "one bot"),
    "watch": (_watch, "what happens to a bot and what is said, until it is over"),
    "transcript": (_transcript, "what was said"),
    "leave": (_shown(lambda client, bot: client.leave(bot)), "say goodbye and leave"),
    "kill": (_shown(lambda client, bot: client.kill(bot)), "silent and gone at once"),
    "erase": (_shown(lambda client, bot: client.erase(bot)), "erase what was said and seen, once it is over"),
}
ACTIONS = {"list": _list, "send": _send, "move": _move, "say": _say, **{name: one[0] for name, one in ONE.items()}}


def line(bot: Bot) -> str:
    """A bot as people read it."""
    why = f"  {bot.code}: {bot.detail}" if bot.code else ""
    return f"{bot.id}  {bot.state:12}  {bot.join_at:%Y-%m-%d %H:%M}  {bot.bot_name}  {bot.meeting_url}{why}"


def moment(text: str) -> datetime:
    """Raises BadInput."""
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            raise ValueError
    except ValueError as error:
        raise BadInput(f"{text!r} is no time with its zone, such as 2026-11-21T10:00Z.") from error
    return at
