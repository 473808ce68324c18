"""`understudy character`: list characters, make one, bring the shipped one up to date."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from bot.config import Settings

HELP = "list and add characters"


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="the characters there are")
    add = actions.add_parser("add", help="make a character of a picture and a name")
    add.add_argument("--name", required=True)
    add.add_argument("--image", required=True, type=Path, help="a PNG or JPEG")
    add.add_argument("--alias", action="append", default=[], help="another name it answers to; may be repeated")
    add.add_argument("--persona", default="")
    add.add_argument("--greeting", default="")
    add.add_argument("--voice", default="")
    add.add_argument("--likeness", default="fictional", help="fictional, stock, self or consented: whose face it is")
    add.add_argument("--consent-proof", help="where the proof of consent is kept; needed for self and consented")
    ensure = actions.add_parser("ensure-shipped", help="make or update the character this product ships")
    ensure.add_argument("--engine", help="the engine that moves its face; what the character says without")


def run(args: argparse.Namespace, settings: Settings) -> int:
    asyncio.run({"list": _list, "add": _add, "ensure-shipped": _ensure_shipped}[args.action](args, settings))
    return 0


async def _list(args: argparse.Namespace, settings: Settings) -> None:
    from bot.store import characters, workspaces
    from bot.store.session import Database

    async with Database.open(settings) as database, database.write() as session:
        workspace = await workspaces.ensure(session)
        for character in await characters.list_all(session, workspace_id=workspace.id):
            print(f"{character.id}  {character.slug:20}  {character.name}")


async def _add(args: argparse.Namespace, settings: Settings) -> None:
    from bot.assets import BadImage, keep_image
    from bot.store import characters, workspaces
    from bot.store.session import Database

    try:
        content = args.image.read_bytes()
    except OSError as error:
        raise BadImage(f"{args.image}: {error.strerror}") from error
    new = characters.NewCharacter(
        name=args.name,
        image_path=str(keep_image(settings.home, content)),
        aliases=args.alias,
        persona=args.persona,
        greeting=args.greeting,
        voice=args.voice,
        likeness=args.likeness,
        consent_proof=args.consent_proof,
    )
    async with Database.open(settings) as database, database.write() as session:
        workspace = await workspaces.ensure(session)
        character = await characters.create(session, workspace_id=workspace.id, new=new)
    print(character.id)


async def _ensure_shipped(args: argparse.Namespace, settings: Settings) -> None:
    from bot.conversation.passages import split_document
    from bot.library import SHIPPED
    from bot.library.importing import ensure_character
    from bot.store import workspaces
    from bot.store.session import Database

    async with Database.open(settings) as database, database.write() as session:
        workspace = await workspaces.ensure(session)
        character = await ensure_character(
            session, SHIPPED, workspace_id=workspace.id, split=split_document, engine=args.engine
        )
    print(character.id)
