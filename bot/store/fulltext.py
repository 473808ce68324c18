"""Full text over passages, per database: FTS5 beside the table on SQLite, a generated tsvector on PostgreSQL.

Not part of the tables' metadata, as no one declaration fits both; the first migration runs `statements`.
"""

from __future__ import annotations

FTS_TABLE = "passages_fts"
TSVECTOR_COLUMN = "search"
TSVECTOR_INDEX = "ix_passages_search"

_SQLITE = (
    f"""CREATE VIRTUAL TABLE {FTS_TABLE} USING fts5(
        heading, text, content='passages', content_rowid='id', tokenize='porter unicode61 remove_diacritics 2')""",
    f"""CREATE TRIGGER passages_inserted AFTER INSERT ON passages BEGIN
        INSERT INTO {FTS_TABLE}(rowid, heading, text) VALUES (new.id, new.heading, new.text); END""",
    f"""CREATE TRIGGER passages_deleted AFTER DELETE ON passages BEGIN
        INSERT INTO {FTS_TABLE}({FTS_TABLE}, rowid, heading, text)
        VALUES ('delete', old.id, old.heading, old.text); END""",
    f"""CREATE TRIGGER passages_updated AFTER UPDATE ON passages BEGIN
        INSERT INTO {FTS_TABLE}({FTS_TABLE}, rowid, heading, text)
        VALUES ('delete', old.id, old.heading, old.text);
        INSERT INTO {FTS_TABLE}(rowid, heading, text) VALUES (new.id, new.heading, new.text); END""",
)

_POSTGRESQL = (
    f"""ALTER TABLE passages ADD COLUMN {TSVECTOR_COLUMN} tsvector GENERATED ALWAYS AS (
        setweight(to_tsvector('english', heading), 'A') || setweight(to_tsvector('english', text), 'B')) STORED""",
    f"CREATE INDEX {TSVECTOR_INDEX} ON passages USING gin ({TSVECTOR_COLUMN})",
)


def statements(dialect: str) -> tuple[str, ...]:
    """The DDL that adds full text to the table `passages`; `dialect` is "sqlite" or "postgresql"."""
    return {"sqlite": _SQLITE, "postgresql": _POSTGRESQL}[dialect]


def is_ours(name: str | None, kind: str, table: str | None) -> bool:
    """Is this object of a database, as Alembic names it, one made here?"""
    if kind == "table":
        return bool(name and name.startswith(FTS_TABLE))
    return table == "passages" and name in (TSVECTOR_COLUMN, TSVECTOR_INDEX)
