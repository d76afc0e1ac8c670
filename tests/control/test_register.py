"""Names and documents become files of keyed hashes: whole or not at all, and what was passed over is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from douane import config
from douane.control.register import KEY_FILE, Added, Place, add_documents, add_names
from douane.detect.scanner import Scanner
from douane.errors import ConfigurationError, ConfigurationErrors, InvalidRequest

RANDOM = bytes(range(32))
PAGE = " ".join(f"mot{number}" for number in range(200))


def names(folder: Path, text: str, *, name: str = "projects", replace: bool = False, random: bytes = RANDOM) -> Added:
    return add_names(name, [("list.txt", text.encode())], Place(folder, replace=replace), random)


def found_by(folder: Path, *added: Added, text: str, owner: str = "", more: str = "") -> list[tuple[str, str]]:
    """Return type and name of what a configuration with these tables finds."""
    tables = "\n".join(one.setting.replace(f"{folder.as_posix()}/", "") for one in added) + more
    settings = config.loads(tables, base_dir=folder, kinds={}, environ={}).detectors
    return [(found.type, found.detail) for found in Scanner.of(settings).scan(text, owner).findings]


def test_what_was_added_is_found_once_its_table_is_in_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "board.md").write_text(PAGE, encoding="utf-8")
    both = (
        names(tmp_path, "Projet Aurore\n"),
        add_documents("board.2026", [tmp_path / "board.md"], (), Place(tmp_path), RANDOM),
    )
    assert [one.key_made for one in both] == [True, False]
    found = found_by(tmp_path, *both, text=f"projet-aurore\n{PAGE}")
    assert found == [("DICTIONARY", "projects"), ("FINGERPRINT", "board.2026")]


def test_files_are_for_their_owner_alone_and_hold_no_word(tmp_path: Path) -> None:
    added = names(tmp_path, "Projet Aurore\n")
    for file in (added.file, added.key_file):
        assert file.stat().st_mode & 0o777 == 0o600
    assert b"urore" not in added.file.read_bytes()
    assert added.key_file.read_text().strip() == RANDOM.hex()
    assert RANDOM.hex() not in str(added.as_dict())


def test_names_are_added_to_those_that_are_there_unless_they_replace_them(tmp_path: Path) -> None:
    names(tmp_path, "Projet Aurore\n")
    more = names(tmp_path, "Zeppelin\n", random=bytes(32))
    assert (more.count, more.key_made) == (2, False)
    assert len(found_by(tmp_path, more, text="Projet Aurore, Zeppelin")) == 2
    anew = names(tmp_path, "Zeppelin\n", replace=True)
    assert anew.count == 1
    assert len(found_by(tmp_path, anew, text="Projet Aurore, Zeppelin")) == 1


def test_documents_are_added_too(tmp_path: Path) -> None:
    other = PAGE.replace("mot", "word")
    for name, text in (("a.txt", PAGE), ("b.md", other)):
        (tmp_path / name).write_text(text, encoding="utf-8")
        added = add_documents("board", [tmp_path / name], (), Place(tmp_path), RANDOM)
    assert added.count == 2
    assert len(found_by(tmp_path, added, text=f"{PAGE}\n\n{'x ' * 60}\n\n{other}")) == 2


def test_boilerplate_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(PAGE, encoding="utf-8")
    added = add_documents("board", [tmp_path / "a.txt"], [tmp_path / "a.txt"], Place(tmp_path), RANDOM)
    assert found_by(tmp_path, added, text=PAGE) == []


def test_lines_that_can_be_no_names_are_told_by_number_and_the_others_kept(tmp_path: Path) -> None:
    added = names(tmp_path, "\ufeff# projects\nab\n\nProjet Aurore\na b c d e f g h i j\n")
    assert (added.count, [line for _, line, _ in added.unfit]) == (1, [2, 5])
    assert not any("ab" in why.split() for _, _, why in added.unfit)


REFUSED_LISTS = {"nothing": b"\n\n", "nothing fit": b"ab\ncd\n", "no text": b"\xff\xfe\x00"}


@pytest.mark.parametrize("case", REFUSED_LISTS)
def test_a_list_without_names_writes_nothing(tmp_path: Path, case: str) -> None:
    with pytest.raises(InvalidRequest):
        add_names("projects", [("list.txt", REFUSED_LISTS[case])], Place(tmp_path), RANDOM)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["Projects", "", "../x", "a/b", "x" * 65, "-x", "a b"])
def test_a_name_is_one_that_findings_can_tell(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidRequest):
        names(tmp_path, "Projet Aurore\n", name=name)
    assert list(tmp_path.iterdir()) == []


DOCUMENTS = {
    "report.pdf": (PAGE.encode(), "neither .txt nor .md"),
    "short.txt": (b"too short", "2 words"),
    "latin1.txt": (PAGE.encode() + b"\xe9", "UTF-8"),
    "nowhere.txt": (None, "does not exist"),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_that_can_not_be_recognised_is_refused_with_all_beside_it(tmp_path: Path, name: str) -> None:
    data, fact = DOCUMENTS[name]
    (tmp_path / "good.txt").write_text(PAGE, encoding="utf-8")
    if data is not None:
        (tmp_path / name).write_bytes(data)
    place = Place(tmp_path / "out")
    place.folder.mkdir()
    with pytest.raises(InvalidRequest, match=fact):
        add_documents("board", [tmp_path / "good.txt", tmp_path / name], (), place, RANDOM)
    assert list(place.folder.iterdir()) == []


def test_another_key_does_not_add_to_a_file(tmp_path: Path) -> None:
    added = names(tmp_path, "Projet Aurore\n")
    before = added.file.read_bytes()
    added.key_file.write_text("ab" * 32)
    with pytest.raises(ConfigurationError, match="another key"):
        names(tmp_path, "Zeppelin\n")
    assert added.file.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"\xff", b"secret", b"x" * 5000])
def test_a_key_that_is_none_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    (tmp_path / KEY_FILE).write_bytes(content)
    with pytest.raises((InvalidRequest, ConfigurationError)) as told:
        names(tmp_path, "Projet Aurore\n")
    assert (tmp_path / KEY_FILE).read_bytes() == content
    assert "secret" not in str(told.value)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="can't be written"):
        names(tmp_path / "nowhere", "Projet Aurore\n")


def test_a_file_that_is_damaged_or_of_another_kind_is_a_problem_of_the_configuration(tmp_path: Path) -> None:
    added = names(tmp_path, "Projet Aurore\n")
    whole = added.file.read_bytes()
    for data in (whole[:-30], b"", whole.replace(b'"dictionary"', b'"fingerprint"')):
        added.file.write_bytes(data)
        with pytest.raises(ConfigurationErrors) as told:
            found_by(tmp_path, added, text="x")
        assert [problem.param for problem in told.value.problems] == ["dictionaries.projects.file"]


def test_a_table_has_a_label_and_owners_of_its_own(tmp_path: Path) -> None:
    added = names(tmp_path, "Projet Aurore\n")
    more = 'label = "restricted"\nowners = ["research"]\n'
    assert found_by(tmp_path, added, text="projet aurore", owner="research", more=more) == [("DICTIONARY", "projects")]
    assert found_by(tmp_path, added, text="projet aurore", more=more) == []
    text = added.setting.replace(f"{tmp_path.as_posix()}/", "") + more
    policy = config.loads(text, base_dir=tmp_path, kinds={}, environ={}).snapshot.policy
    assert policy.map["DICTIONARY:projects"].level.word == "restricted"
    text += '[policy.map]\n"DICTIONARY:projects" = "internal"\n'
    policy = config.loads(text, base_dir=tmp_path, kinds={}, environ={}).snapshot.policy
    assert policy.map["DICTIONARY:projects"].level.word == "internal"
