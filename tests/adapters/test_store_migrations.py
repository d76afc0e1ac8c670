"""The migrations make exactly the tables that the code reads and writes."""

from __future__ import annotations

import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect

from douane.adapters.store.directory import REVISION, prepared
from douane.adapters.store.schema import HEAD, metadata


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepared(tmp_path_factory.mktemp("data"))


def test_the_migrations_make_the_tables_of_the_schema(database: Path) -> None:
    engine = create_engine(f"sqlite:///{database}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        found = inspect(connection)
        for table in metadata.sorted_tables:
            columns = [(c["name"], c["nullable"]) for c in found.get_columns(table.name)]
            assert columns == [(c.name, bool(c.nullable)) for c in table.columns], table.name
            assert found.get_pk_constraint(table.name)["constrained_columns"] == [c.name for c in table.primary_key]
            sql = connection.exec_driver_sql("select sql from sqlite_master where name=?", (table.name,)).scalar_one()
            assert ("WITHOUT ROWID" in sql) is (table.dialect_options["sqlite"]["with_rowid"] is False), table.name
    engine.dispose()


def test_the_newest_migration_is_the_schema_that_the_code_knows() -> None:
    config = Config()
    config.set_main_option("script_location", str(files("douane.adapters.store") / "migrations"))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD == REVISION


@pytest.mark.parametrize("module", ["sqlite_ledger", "sqlite_keys", "key_book", "writer"])
def test_neither_gateway_nor_writer_imports_sqlalchemy_or_alembic(module: str) -> None:
    seen = "any(name in sys.modules for name in ('sqlalchemy', 'alembic'))"
    code = f"import sys, douane.adapters.store.{module}; sys.exit({seen})"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
