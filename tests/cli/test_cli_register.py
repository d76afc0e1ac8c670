"""`douane dictionary add` and `douane fingerprint add` at a shell."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conftest import Shell


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_dictionary_is_added_put_into_the_configuration_and_found(shell: Shell, tmp_path: Path) -> None:
    added = shell("dictionary", "add", "projects", "-", text="Projet Aurore\n")
    assert added.status == 0
    assert "Made the key hashing.key" in added.err
    (tmp_path / "douane.toml").write_text(added.out + 'owners = ["research"]\n', encoding="utf-8")
    assert "dictionary projects: 1 names, looked for in requests of research" in shell("check").out
    for owner, findings in (("research", 1), ("sales", 0)):
        said = shell("classify", "--no-meaning", "--config", "douane.toml", "--owner", owner, text="le PROJET-aurore")
        assert len(json.loads(said.out)["findings"]) == findings


def test_lines_that_are_passed_over_end_with_1(shell: Shell) -> None:
    ended = shell("dictionary", "add", "projects", "-", "--json", text="Projet Aurore\nab\n")
    said = json.loads(ended.out)
    assert (ended.status, said["count"], [one["line"] for one in said["unfit"]]) == (1, 1, [2])


def test_documents_are_text_or_refused_with_2(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "board.md").write_text(" ".join(f"mot{number}" for number in range(100)), encoding="utf-8")
    ended = shell("fingerprint", "add", "board", "board.md", "--json")
    assert (ended.status, json.loads(ended.out)["kind"]) == (0, "fingerprint")
    refused = shell("fingerprint", "add", "board", "board.docx", "--json")
    assert refused.status == 2
    assert json.loads(refused.out)["error"]["param"] == "board.docx"
