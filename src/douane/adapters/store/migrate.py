"""Bring a database to the newest schema: `python -m douane.adapters.store.migrate FILE`, in a process of its own.

Alembic and SQLAlchemy are imported here and nowhere near the gateway. Whoever starts it holds the data directory.
"""

from __future__ import annotations

import sys
from importlib.resources import files

from alembic import command
from alembic.config import Config
from sqlalchemy import URL, create_engine


def upgrade(database: str) -> None:
    """Apply every missing migration, all or none."""
    engine = create_engine(URL.create("sqlite", database=database))
    config = Config()
    config.set_main_option("script_location", str(files("douane.adapters.store") / "migrations"))
    config.set_main_option("path_separator", "os")
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("pragma journal_mode=wal")
            connection.commit()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
    finally:
        engine.dispose()


if __name__ == "__main__":
    upgrade(sys.argv[1])
