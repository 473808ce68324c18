"""What is kept: one database, one file per aggregate, functions that give frozen nouns. SQLAlchemy lives here alone."""

import logging

logging.getLogger("alembic").setLevel(logging.WARNING)  # its plugins announce themselves whenever they are imported
