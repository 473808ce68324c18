from tests.bot.stores import database_url, empty_url, postgres_template, sqlite_store, sqlite_template, store

__all__ = ["database_url", "empty_url", "postgres_template", "sqlite_store", "sqlite_template", "store"]
