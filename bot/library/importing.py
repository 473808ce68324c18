"""A character's folder brought into the database: made the first time, brought up to date later, its id kept.

character.toml: name, aliases, persona, greeting, voice, likeness, consent_proof, consent_expires_at (a day, which is
its last, or a time with its offset), engine, image, record; paths are relative to the folder.
Every .md and .txt file in the folder's `knowledge` becomes a document; other keys are kept as the character's settings.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from bot.store import characters, knowledge
from bot.store.characters import WHOSE_FACE, BadCharacter, Character, NewCharacter
from bot.store.session import Session

MEDIA_TYPES = {".md": "text/markdown", ".txt": "text/plain"}
_TEXTS = ("persona", "greeting", "voice", "likeness", "consent_proof", "engine")
_PATHS = ("image", "record", "knowledge")


async def ensure_character(
    session: Session,
    folder: Path,
    *,
    workspace_id: str,
    split: Callable[[str, str], Sequence[tuple[str, str]]],
    engine: str | None = None,
) -> Character:
    """The character of `folder`, its slug the folder's name, with its documents. Documents no longer in the folder
    stay; `engine` goes before what the folder says. Raises BadCharacter."""
    new, knowledge_folder = read_character(folder)
    new = new if engine is None else replace(new, engine=engine)
    character = await characters.ensure(session, workspace_id=workspace_id, slug=folder.name, new=new)
    for file in sorted(knowledge_folder.glob("*")):
        if media_type := MEDIA_TYPES.get(file.suffix):
            await knowledge.add_document(
                session,
                character.knowledge_base_id,
                name=file.name,
                media_type=media_type,
                passages=split(file.name, file.read_text(encoding="utf-8")),
            )
    return character


def read_character(folder: Path) -> tuple[NewCharacter, Path]:
    """What a folder says of its character, and where its documents are. Raises BadCharacter."""
    try:
        told = tomllib.loads((folder / "character.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadCharacter(f"{folder / 'character.toml'} cannot be read: {error}") from error
    image, record, documents = (folder / str(told.get(key, default)) for key, default in _defaults())
    if not image.is_file():
        raise BadCharacter(f"{folder / 'character.toml'} names a picture that is not there: {image.name}")
    if "likeness" not in told:
        raise BadCharacter(f"{folder / 'character.toml'} lacks likeness, {WHOSE_FACE}.")
    known = {"name", "aliases", "consent_expires_at", *_TEXTS, *_PATHS}
    texts: dict[str, Any] = {key: str(told[key]).strip() for key in _TEXTS if key in told}
    new = NewCharacter(
        name=str(told.get("name", "")),
        aliases=[str(alias) for alias in told.get("aliases", [])],
        image_path=str(image),
        record_path=str(record) if record.exists() else None,
        consent_expires_at=_end_of(told.get("consent_expires_at")),
        settings={key: value for key, value in told.items() if key not in known},
        **texts,
    )
    return new, documents


def _end_of(told: object) -> datetime | None:
    """When a consent ends. Raises BadCharacter: one that is misread would show a face for longer than it may be."""
    match told:
        case None:
            return None
        case datetime() if told.tzinfo is not None:
            return told.astimezone(UTC)
        case date() if not isinstance(told, datetime):
            return datetime.combine(told, time.max, tzinfo=UTC)
        case _:
            raise BadCharacter("consent_expires_at is a day, 2030-12-31, or a time with its offset, without quotes.")


def _defaults() -> tuple[tuple[str, str], ...]:
    return ("image", "portrait.png"), ("record", "record"), ("knowledge", "knowledge")
