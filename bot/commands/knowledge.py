"""`understudy knowledge`: give a character something to know."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from bot.config import Settings
from bot.errors import BadInput

HELP = "give a character something to know"
MEDIA_TYPES = {".md": "text/markdown", ".markdown": "text/markdown", ".txt": "text/plain"}


class BadDocument(BadInput):
    """A document must be a readable UTF-8 text file with the ending .md or .txt."""

    code = "bad_document"


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser("add", help="add a file to a character's knowledge; one of the same name is replaced")
    add.add_argument("file", type=Path, metavar="FILE")
    add.add_argument("--character", required=True, metavar="ID_OR_NAME")


def run(args: argparse.Namespace, settings: Settings) -> int:
    asyncio.run(_add(args.file, args.character, settings))
    return 0


async def _add(file: Path, character_name: str, settings: Settings) -> None:
    from bot.conversation.passages import split_document
    from bot.store import characters, knowledge, workspaces
    from bot.store.session import Database

    text, media_type = read_document(file)
    passages = split_document(file.name, text)
    async with Database.open(settings) as database, database.write() as session:
        workspace = await workspaces.ensure(session)
        character = await characters.named(session, workspace_id=workspace.id, name=character_name)
        await knowledge.add_document(
            session, character.knowledge_base_id, name=file.name, media_type=media_type, passages=passages
        )
    print(f"{character.name} knows {file.name}: {len(passages)} passages")


def read_document(file: Path) -> tuple[str, str]:
    """(text, media type) of a file. Raises BadInput."""
    media_type = MEDIA_TYPES.get(file.suffix.lower())
    if media_type is None:
        raise BadDocument(f"{file.name}: a document must end in {', '.join(MEDIA_TYPES)}.")
    from bot.conversation import passages

    try:
        if not file.is_file():  # a device or a pipe may never end
            raise BadDocument(f"{file} is no file" if file.exists() else f"{file} is not there")
        with file.open("rb") as opened:
            data = opened.read(passages.MAX_BYTES + 1)
    except OSError as error:
        raise BadDocument(f"{file}: {error}") from error
    return passages.read_document(file.name, data), media_type
