"""What tests of every layer share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from shutil import copyfile

import pytest

from douane.adapters.store.directory import prepared


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep compiled patterns for the tests' own processes, and nothing in the folder of whoever runs them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOUANE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def fresh_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an empty database of the present schema, to be copied: migrating takes a process of its own."""
    return prepared(tmp_path_factory.mktemp("fresh"))


@pytest.fixture
def data(tmp_path: Path, fresh_database: Path) -> Path:
    """Return a data folder with an empty ledger."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    copyfile(fresh_database, folder / "douane.db")
    return folder
