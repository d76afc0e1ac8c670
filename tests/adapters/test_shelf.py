"""Compiled patterns are kept for later processes, and a bad shelf costs time only."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from douane.adapters.shelf import FolderShelf
from douane.config import cache_dir
from douane.detect.engine import Probe, engine

PROBES = [Probe(b"[0-9]{4}"), Probe(b"iban", caseless=True, apart=True)]
TEXT = b"IBAN 1234"


def test_what_was_compiled_is_compiled_once(tmp_path: Path) -> None:
    shelf = FolderShelf(tmp_path / "cache")
    first = engine("hyperscan", PROBES, shelf=shelf)
    (kept,) = (tmp_path / "cache").glob("*.patterns")
    written = kept.stat().st_mtime_ns
    second = engine("hyperscan", PROBES, shelf=shelf)
    assert second.scan(TEXT) == first.scan(TEXT) != {}
    assert kept.stat().st_mtime_ns == written
    assert kept.stat().st_mode & 0o077 == 0
    assert list((tmp_path / "cache").iterdir()) == [kept]


def test_other_probes_are_compiled_anew(tmp_path: Path) -> None:
    shelf = FolderShelf(tmp_path / "cache")
    engine("hyperscan", PROBES, shelf=shelf)
    other = engine("hyperscan", [*PROBES, Probe(b"B")], shelf=shelf)
    assert 2 in other.scan(TEXT)
    assert len(list((tmp_path / "cache").glob("*.patterns"))) == 2


@pytest.mark.parametrize("damage", [b"", b"{}\n", b"not json\nx", b'{"digest":"0","sizes":[1]}\nx'])
def test_a_damaged_file_is_not_loaded(tmp_path: Path, damage: bytes) -> None:
    shelf = FolderShelf(tmp_path / "cache")
    wanted = engine("hyperscan", PROBES, shelf=shelf).scan(TEXT)
    (kept,) = (tmp_path / "cache").glob("*.patterns")
    kept.write_bytes(damage)
    assert shelf.take(kept.stem) == ()
    assert engine("hyperscan", PROBES, shelf=shelf).scan(TEXT) == wanted


def test_what_is_no_database_is_compiled_anew(tmp_path: Path) -> None:
    shelf = FolderShelf(tmp_path / "cache")
    wanted = engine("hyperscan", PROBES, shelf=shelf).scan(TEXT)
    (kept,) = (tmp_path / "cache").glob("*.patterns")
    shelf.put(kept.stem, [b"no database"])
    assert shelf.take(kept.stem) == (b"no database",)
    assert engine("hyperscan", PROBES, shelf=shelf).scan(TEXT) == wanted


def test_a_folder_that_others_may_write_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    shelf = FolderShelf(folder)
    engine("hyperscan", PROBES, shelf=shelf)
    (kept,) = folder.glob("*.patterns")
    folder.chmod(0o777)
    assert shelf.take(kept.stem) == ()
    folder.chmod(0o700)
    kept.chmod(0o666)
    assert shelf.take(kept.stem) == ()


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    shelf = FolderShelf(tmp_path / "cache")
    for number in range(12):
        shelf.put(f"name{number}", [b"x"])
        os.utime(tmp_path / "cache" / f"name{number}.patterns", ns=(number, number))
    assert len(list((tmp_path / "cache").glob("*.patterns"))) <= 9


def test_the_cache_lies_where_the_user_says() -> None:
    assert cache_dir({"DOUANE_CACHE": "/c", "HOME": "/home/a"}) == "/c"
    assert cache_dir({"DOUANE_CACHE": "", "HOME": "/home/a"}) is None
    assert cache_dir({"XDG_CACHE_HOME": "/x", "HOME": "/home/a"}) == "/x/douane"
    assert cache_dir({"HOME": "/home/a"}) == "/home/a/.cache/douane"
    assert cache_dir({"XDG_CACHE_HOME": "relative"}) is None
    assert cache_dir({}) is None
