"""Alembic scripts: one file per change of the schema, additive first."""
