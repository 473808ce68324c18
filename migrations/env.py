"""Runs migrations on the connection, inside the transaction and under the lock that `bot.store.schema` holds."""

import sqlalchemy as sa
from alembic import context

from bot.store import calendar_tables, fulltext, tables, trail_tables, webhook_tables

# What defines tables must be imported, or the metadata does not hold them.
_TABLES = (tables, calendar_tables, trail_tables, webhook_tables)


def _include(thing, name, kind, reflected, compare_to):
    table = getattr(getattr(thing, "table", None), "name", None)
    return not fulltext.is_ours(name, kind, table)


_JSON = "sa.JSON().with_variant(postgresql.JSONB(), 'postgresql')"
_PLAIN = {tables.UtcDateTime: "sa.DateTime(timezone=True)", tables.Id: "sa.Uuid()", sa.JSON: _JSON}


def _render(kind, thing, autogen_context):
    """Our own types as the plain ones they are in a database: a script must not depend on the tables of today."""
    plain = _PLAIN.get(type(thing), False) if kind == "type" else False
    if plain == _JSON:
        autogen_context.imports.add("from sqlalchemy.dialects import postgresql")
    return plain


def _run() -> None:
    connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=_TABLES[0].metadata,
        include_object=_include,
        render_as_batch=connection.dialect.name == "sqlite",
        transactional_ddl=True,
        compare_type=True,
        render_item=_render,
    )
    with context.begin_transaction():
        context.run_migrations()


_run()
