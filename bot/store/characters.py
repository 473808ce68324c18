"""Characters: who a bot is: a name, a face, a voice, a persona, a knowledge base of its own."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from bot.domain.lifecycle import TERMINAL
from bot.errors import BadInput, Conflict, NotFound
from bot.store import calendar_tables, knowledge, occurrences, tables
from bot.store.calendars import LEAVING
from bot.store.session import Session, insert

LIKENESSES: Mapping[str, str] = {  # whose face it is
    "fictional": "nobody's: a drawing, a creature, a thing, an invented face",
    "stock": "a person's, by a licence that allows this use",
    "self": "of the person who makes the character, with a proof of consent",
    "consented": "of another real person, with a proof of consent",
}
MOST_NAMED = 10  # of what has a character that is to be deleted
MOST_NAME = 200
_NOT_IN_A_LINE = ("Cc", "Cs", "Zl", "Zp")  # of Unicode: control, half a character, ends of lines
NEEDS_PROOF = ("self", "consented")  # the face of a real person
WHOSE_FACE = "whose face it is: " + "; ".join(f"`{kind}`: {meaning}" for kind, meaning in LIKENESSES.items())


class UnknownCharacter(NotFound):
    """There is no such character in this workspace."""

    code = "unknown_character"


class CharacterExists(Conflict):
    """A character of this name is already here; `character_id` names it."""

    code = "character_exists"


class CharacterInUse(Conflict):
    """Bots that are not over, or calendars, have this character; `bot_ids` and `calendar_ids` name some of them. Make
    the bots leave and give the calendars another character, then delete it."""

    code = "character_in_use"


class ConsentEnded(Conflict):
    """The consent to show this character's face is over; renew it first."""

    code = "consent_ended"


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
    deleted_at: datetime | None = None

    def consent_is_over(self, now: datetime) -> bool:
        return self.consent_expires_at is not None and self.consent_expires_at <= now


@dataclass(frozen=True, kw_only=True, slots=True)
class NewConsent:
    """Whose face it is from now on, and the consent to show it. `likeness` None: as it was."""

    likeness: str | None = None
    consent_proof: str | None = None
    consent_expires_at: datetime | None = None


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
    """Lower-case letters, with the marks that belong to them, and digits joined by "-"; however the name is composed.
    Raises BadCharacter when the name has none."""
    kept = ""
    for sign in unicodedata.normalize("NFC", name.lower()):
        marks_a_letter = unicodedata.category(sign).startswith("M") and not kept.endswith((" ", "_"))
        kept += sign if sign.isalnum() or sign == "_" or (kept and marks_a_letter) else " "
    slug = "-".join(kept.split())[:80]
    if not slug:
        raise BadCharacter("A character needs a name with at least one letter or digit.")
    return slug


async def create(session: Session, *, workspace_id: str, new: NewCharacter) -> Character:
    """A new character with an empty knowledge base. Raises BadCharacter, CharacterExists."""
    slug = slug_of(new.name)
    await occurrences.lock_workspace(session, workspace_id)  # of two at once one finds the other
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
    values = {"image_path": image_path, "record_path": record_path, "updated_at": datetime.now(UTC)}
    return await _set(session, character_id, workspace_id=workspace_id, **values)


async def withdraw_consent(session: Session, character_id: str, *, workspace_id: str, now: datetime) -> Character:
    """The face is not shown from now on, whoever's it is: its consent ends, its proof stays for what was. Safe twice.
    Raises UnknownCharacter."""
    there = await get(session, character_id, workspace_id=workspace_id)
    if there.consent_is_over(now):
        return there
    return await _set(session, character_id, workspace_id=workspace_id, consent_expires_at=now, updated_at=now)


def consent_in_brief(character: Character) -> dict[str, Any]:
    """For who writes down that it was changed: without the proof, which is personal and would stay there for ever."""
    end = character.consent_expires_at
    return {"likeness": character.likeness, "consent_expires_at": end.isoformat() if end is not None else None}


async def renew_consent(
    session: Session, character_id: str, *, workspace_id: str, new: NewConsent, now: datetime
) -> Character:
    """In place of the one there was, also of one withdrawn. Raises UnknownCharacter, BadCharacter."""
    there = await get(session, character_id, workspace_id=workspace_id)
    likeness = new.likeness or there.likeness
    _check_consent(likeness, new.consent_proof)
    if new.consent_expires_at is not None and new.consent_expires_at <= now:
        raise BadCharacter("This consent is over already; say when it will end, or nothing where it has no end.")
    values = {"consent_proof": new.consent_proof, "consent_expires_at": new.consent_expires_at, "updated_at": now}
    return await _set(session, character_id, workspace_id=workspace_id, likeness=likeness, **values)


async def delete(session: Session, character_id: str, *, workspace_id: str, now: datetime) -> Character:
    """Forget who it was and what it knew; returns it as it was. Its files are the caller's. What stays is an empty row,
    for the bots it had, and its name with them. Raises UnknownCharacter, CharacterInUse."""
    await occurrences.lock_workspace(session, workspace_id)  # nobody makes a bot of it meanwhile
    there = await get(session, character_id, workspace_id=workspace_id)
    await _refuse_in_use(session, character_id)
    await knowledge.clear(session, there.knowledge_base_id)
    empty: dict[str, Any] = dict.fromkeys(("name", "persona", "greeting", "voice", "image_path"), "")
    empty |= dict.fromkeys(("record_path", "consent_proof", "consent_expires_at"))
    empty |= {"aliases": [], "settings": {}, "updated_at": now, "deleted_at": now}
    # No name makes such a slug, so the old one is free for another character.
    await _set(session, character_id, workspace_id=workspace_id, slug=f"deleted:{character_id}", **empty)
    return there


async def _refuse_in_use(session: Session, character_id: str) -> None:
    """Raises CharacterInUse."""
    bots, calendars = tables.bots, calendar_tables.calendars
    waiting = sa.select(bots.c.id).where(bots.c.character_id == character_id, bots.c.state.not_in(TERMINAL))
    sending = sa.select(calendars.c.id).where(calendars.c.character_id == character_id, calendars.c.state != LEAVING)
    found = {
        name: list((await session.execute(query.limit(MOST_NAMED))).scalars())
        for name, query in (("bot_ids", waiting), ("calendar_ids", sending))
    }
    if any(found.values()):
        raise CharacterInUse(bot_ids=found["bot_ids"], calendar_ids=found["calendar_ids"])


async def is_faceless(session: Session, bot_id: str, *, now: datetime) -> bool:
    """Has the consent to its character's face ended, or the character been deleted?"""
    bots, table = tables.bots, tables.characters
    over = sa.or_(table.c.deleted_at.is_not(None), table.c.consent_expires_at <= now)
    query = sa.exists().where(bots.c.id == bot_id, table.c.id == bots.c.character_id, over)
    return bool((await session.execute(sa.select(query))).scalar_one())


async def bots_of(session: Session, character_id: str) -> list[str]:
    """Every bot it ever had."""
    table = tables.bots
    return list((await session.execute(sa.select(table.c.id).where(table.c.character_id == character_id))).scalars())


async def has_picture(session: Session, name: str) -> bool:
    """Does a character, of whatever workspace, have the file or folder of this name among those of characters? Whatever
    the way there: an installation's home may be called by another path than when it was written down."""
    there, columns = f"characters/{name}", (tables.characters.c.image_path, tables.characters.c.record_path)
    held = [held for column in columns for held in (column.endswith(there), column.contains(f"{there}/"))]
    return bool((await session.execute(sa.select(sa.exists().where(sa.or_(*held))))).scalar_one())


async def _set(session: Session, character_id: str, *, workspace_id: str, **values: Any) -> Character:
    """Raises UnknownCharacter."""
    table = tables.characters
    here = (table.c.id == character_id, table.c.workspace_id == workspace_id, table.c.deleted_at.is_(None))
    row = (await session.execute(sa.update(table).where(*here).values(**values).returning(table))).one_or_none()
    if row is None:
        raise UnknownCharacter(character_id=character_id)
    return _character(row)


async def get(session: Session, character_id: str, *, workspace_id: str | None = None) -> Character:
    """Raises UnknownCharacter; also for one of another workspace, when one is given."""
    table = tables.characters
    query = sa.select(table).where(table.c.id == character_id, table.c.deleted_at.is_(None))
    if workspace_id is not None:
        query = query.where(table.c.workspace_id == workspace_id)
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
    here = (table.c.workspace_id == workspace_id, table.c.deleted_at.is_(None))
    query = sa.select(table).where(*here).order_by(table.c.name, table.c.id)
    return [_character(row) for row in await session.execute(query)]


async def find(session: Session, *, workspace_id: str, slug: str) -> Character | None:
    """The character of this slug, if there is one."""
    table = tables.characters
    query = sa.select(table).where(table.c.workspace_id == workspace_id, table.c.slug == slug)
    row = (await session.execute(query)).one_or_none()
    return _character(row) if row is not None else None


def check(new: NewCharacter) -> None:
    """Raises BadCharacter."""
    _check_consent(new.likeness, new.consent_proof)
    if len(new.name) > MOST_NAME or any(unicodedata.category(sign) in _NOT_IN_A_LINE for sign in new.name):
        raise BadCharacter(f"A character's name is one line of at most {MOST_NAME} characters.")
    slug_of(new.name)


def _check_consent(likeness: str, proof: str | None) -> None:
    """Raises BadCharacter."""
    if likeness not in LIKENESSES:
        raise BadCharacter(f"likeness says {WHOSE_FACE}. It is not {likeness[:40]!r}.")
    if likeness in NEEDS_PROOF and not (proof or "").strip():
        raise BadCharacter("The likeness of a real person needs a proof of consent.")


def _character(row: sa.Row[Any]) -> Character:
    return Character(**row._mapping)
