"""Characters: who a bot is: a name, a face, a voice, a persona, a knowledge base of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from bot.errors import BadInput, Conflict, NotFound
from bot.store import knowledge, tables
from bot.store.session import Session, insert

LIKENESSES: Mapping[str, str] = {  # whose face it is
    "fictional": "nobody's: a drawing, a creature, a thing, an invented face",
    "stock": "a person's, by a licence that allows this use",
    "self": "of the person who makes the character, with a proof of consent",
    "consented": "of another real person, with a proof of consent",
}
NEEDS_PROOF = ("self", "consented")  # the face of a real person
WHOSE_FACE = "whose face it is: " + "; ".join(f"`{kind}`: {meaning}" for kind, meaning in LIKENESSES.items())


class UnknownCharacter(NotFound):
    """There is no such character in this workspace."""

    code = "unknown_character"


class CharacterExists(Conflict):
    """A character of this name is already here; `character_id` names it."""

    code = "character_exists"


class BadCharacter(BadInput):
    """A character cannot be made from this."""

    code = "bad_character"


@dataclass(frozen=True, kw_only=True, slots=True)
class Character:
    id: str
    workspace_id: str
    slug: str  # unique in the workspace
    name: str
    aliases: Sequence[str]  # what people may call it, and what a recogniser makes of the name
    persona: str
    greeting: str
    voice: str
    image_path: str
    record_path: str | None
    likeness: str  # fictional | stock | self | consented: whose face this is
    consent_proof: str | None
    consent_expires_at: datetime | None
    engine: str
    knowledge_base_id: str
    settings: Mapping[str, Any]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class NewCharacter:
    """What a character is made of. A likeness of a real, other person needs a proof of consent."""

    name: str
    image_path: str
    likeness: str  # said, never taken for granted
    aliases: Sequence[str] = ()
    persona: str = ""
    greeting: str = ""
    voice: str = ""
    record_path: str | None = None
    consent_proof: str | None = None
    consent_expires_at: datetime | None = None
    engine: str = "portrait"
    settings: Mapping[str, Any] | None = None


def slug_of(name: str) -> str:
    """Lower-case letters and digits joined by "-". Raises BadCharacter when the name has none."""
    slug = "-".join(re.findall(r"\w+", name.lower()))[:80]
    if not slug:
        raise BadCharacter("A character needs a name with at least one letter or digit.")
    return slug


async def create(session: Session, *, workspace_id: str, new: NewCharacter) -> Character:
    """A new character with an empty knowledge base. Raises BadCharacter, CharacterExists."""
    slug = slug_of(new.name)
    taken = await find(session, workspace_id=workspace_id, slug=slug)
    if taken is not None:
        raise CharacterExists(character_id=taken.id)
    return await ensure(session, workspace_id=workspace_id, slug=slug, new=new)


async def ensure(session: Session, *, workspace_id: str, slug: str, new: NewCharacter) -> Character:
    """Make the character of this slug, or bring the one there is to `new`; its id and knowledge base stay.
    Raises BadCharacter."""
    check(new)
    now = datetime.now(UTC)
    there = await find(session, workspace_id=workspace_id, slug=slug)
    if there is None:
        base = await knowledge.create(session, workspace_id=workspace_id, name=new.name)
    else:
        base = there.knowledge_base_id
    values = {
        "name": new.name,
        "aliases": list(new.aliases),
        "persona": new.persona,
        "greeting": new.greeting,
        "voice": new.voice,
        "image_path": new.image_path,
        "record_path": new.record_path,
        "likeness": new.likeness,
        "consent_proof": new.consent_proof,
        "consent_expires_at": new.consent_expires_at,
        "engine": new.engine,
        "settings": dict(new.settings or {}),
        "updated_at": now,
    }
    table = tables.characters
    key = {"workspace_id": workspace_id, "slug": slug}
    statement = insert(session, table).values(**key, **values, knowledge_base_id=base, created_at=now)
    statement = statement.on_conflict_do_update(index_elements=list(key), set_=values)
    return _character((await session.execute(statement.returning(table))).one())


async def set_portrait(
    session: Session, character_id: str, *, workspace_id: str, image_path: str, record_path: str
) -> Character:
    """Give a character the picture and record that an import made. Raises UnknownCharacter."""
    table = tables.characters
    statement = (
        sa.update(table)
        .where(table.c.id == character_id, table.c.workspace_id == workspace_id)
        .values(image_path=image_path, record_path=record_path, updated_at=datetime.now(UTC))
        .returning(table)
    )
    row = (await session.execute(statement)).one_or_none()
    if row is None:
        raise UnknownCharacter(character_id=character_id)
    return _character(row)


async def get(session: Session, character_id: str, *, workspace_id: str | None = None) -> Character:
    """Raises UnknownCharacter; also for one of another workspace, when one is given."""
    query = sa.select(tables.characters).where(tables.characters.c.id == character_id)
    if workspace_id is not None:
        query = query.where(tables.characters.c.workspace_id == workspace_id)
    row = (await session.execute(query)).one_or_none()
    if row is None:
        raise UnknownCharacter(character_id=character_id)
    return _character(row)


async def named(session: Session, *, workspace_id: str, name: str) -> Character:
    """By id, slug or name in any case. Raises UnknownCharacter."""
    found = await find(session, workspace_id=workspace_id, slug=slug_of(name))
    return found or await get(session, name, workspace_id=workspace_id)


async def list_all(session: Session, *, workspace_id: str) -> list[Character]:
    """By name."""
    table = tables.characters
    query = sa.select(table).where(table.c.workspace_id == workspace_id).order_by(table.c.name, table.c.id)
    return [_character(row) for row in await session.execute(query)]


async def find(session: Session, *, workspace_id: str, slug: str) -> Character | None:
    """The character of this slug, if there is one."""
    table = tables.characters
    query = sa.select(table).where(table.c.workspace_id == workspace_id, table.c.slug == slug)
    row = (await session.execute(query)).one_or_none()
    return _character(row) if row is not None else None


def check(new: NewCharacter) -> None:
    """Raises BadCharacter."""
    if new.likeness not in LIKENESSES:
        raise BadCharacter(f"likeness says {WHOSE_FACE}. It is not {new.likeness[:40]!r}.")
    if new.likeness in NEEDS_PROOF and not (new.consent_proof or "").strip():
        raise BadCharacter("The likeness of a real person needs a proof of consent.")
    slug_of(new.name)


def _character(row: sa.Row[Any]) -> Character:
    return Character(**row._mapping)
