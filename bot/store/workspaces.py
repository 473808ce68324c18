"""Workspaces: whose rows these are. An installation begins with one, named "default"."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from bot.store import tables
from bot.store.session import Session, insert

DEFAULT_SLUG = "default"


@dataclass(frozen=True, kw_only=True, slots=True)
class Workspace:
    id: str
    slug: str
    name: str


async def ensure(session: Session, *, slug: str = DEFAULT_SLUG, name: str = "") -> Workspace:
    """The workspace of this slug, made when there is none."""
    statement = insert(session, tables.workspaces).values(slug=slug, name=name or slug.capitalize())
    await session.execute(statement.on_conflict_do_nothing(index_elements=["slug"]))
    row = (await session.execute(sa.select(tables.workspaces).where(tables.workspaces.c.slug == slug))).one()
    return Workspace(id=row.id, slug=row.slug, name=row.name)
