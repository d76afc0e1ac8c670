"""Writing a configuration to start from: whole or not at all, and nothing is overwritten unasked."""

from __future__ import annotations

from pathlib import Path

import pytest

from douane.control.init import PROFILES, profile_text, write_profile
from douane.errors import ConfigurationError


@pytest.mark.parametrize("name", [name for name, _ in PROFILES])
def test_a_profile_is_written_as_it_is_shipped(tmp_path: Path, name: str) -> None:
    write_profile(name, tmp_path / "douane.toml", force=False)
    assert (tmp_path / "douane.toml").read_text(encoding="utf-8") == profile_text(name)


def test_a_file_that_exists_is_left_alone_unless_it_is_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "douane.toml"
    file.write_text("mine")
    with pytest.raises(ConfigurationError) as caught:
        write_profile("local", file, force=False)
    assert "--force" in caught.value.fix
    assert file.read_text() == "mine"
    write_profile("local", file, force=True)
    assert file.read_text(encoding="utf-8") == profile_text("local")
    assert [entry.name for entry in tmp_path.iterdir()] == ["douane.toml"]


def test_a_link_is_not_followed_to_overwrite_what_it_points_to(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("mine")
    (tmp_path / "douane.toml").symlink_to(other)
    with pytest.raises(ConfigurationError):
        write_profile("local", tmp_path / "douane.toml", force=False)
    write_profile("local", tmp_path / "douane.toml", force=True)
    assert other.read_text() == "mine"


def test_an_unknown_profile_and_a_missing_folder_are_told_with_a_fix(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as unknown:
        write_profile("cloud", tmp_path / "douane.toml", force=False)
    assert "hybrid" in unknown.value.fix
    with pytest.raises(ConfigurationError) as missing:
        write_profile("local", tmp_path / "none" / "douane.toml", force=False)
    assert missing.value.fix
    assert not list(tmp_path.iterdir())
