"""Held-out material: what is sealed opens as it was, and only as it was."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from bench.held_out import sealing, vendors

DATA = os.environ.get("DOUANE_TEST_DATA")


def test_a_sealed_module_opens_as_it_was_and_does_not_show_its_text(tmp_path: Path) -> None:
    plain = tmp_path / "words.py"
    plain.write_text("WORDS = ('nobody reads this by accident',)\n")
    sealed = sealing.seal(plain, tmp_path)
    plain.unlink()
    assert "nobody" not in sealed.read_text()
    assert sealing.module("words.py", tmp_path).WORDS == ("nobody reads this by accident",)


def test_a_sealed_file_that_was_changed_is_not_opened(tmp_path: Path) -> None:
    plain = tmp_path / "words.py"
    plain.write_text("A = 1\n")
    other = tmp_path / "other.py"
    other.write_text("A = 2\n")
    sealing.seal(plain, tmp_path)
    sealing.seal(other, tmp_path).rename(tmp_path / "words.py.sealed")
    with pytest.raises(SystemExit, match="not what DIGESTS recorded"):
        sealing.opened("words.py", tmp_path)


def test_what_was_fixed_by_digest_is_not_fixed_anew(tmp_path: Path) -> None:
    plain = tmp_path / "words.py"
    plain.write_text("A = 1\n")
    sealing.seal(plain, tmp_path)
    plain.write_text("A = 2\n")
    with pytest.raises(SystemExit, match="sealed already"):
        sealing.seal(plain, tmp_path)


def test_every_sealed_file_of_the_tree_is_the_one_recorded() -> None:
    for sealed in sealing.HERE.glob("*.sealed"):
        assert sealing.opened(sealed.name.removesuffix(".sealed"))


@pytest.mark.skipif(DATA is None, reason="DOUANE_TEST_DATA names no folder")
def test_the_examples_set_aside_are_the_ones_recorded() -> None:
    assert vendors.digest(Path(DATA or "")) == sealing.digests()[vendors.NAME]
