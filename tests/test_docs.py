"""What the documents say exists: their links, the commands and options they show, the settings and codes they name."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from douane import errors
from douane.cli.main import app

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "bench" / "README.md"])
LINK = re.compile(r"!?\[[^\]]*\]\(([^)#\s]+)")
BLOCK = re.compile(r"```(?:sh|console)\n(.*?)```", re.S)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def commands() -> list[tuple[str, list[str]]]:
    """Return every `douane ...` line of a shell block, with its page."""
    found = []
    for page in PAGES:
        for block in BLOCK.findall(page.read_text(encoding="utf-8")):
            for line in block.replace("\\\n", " ").splitlines():
                at = re.search(
                    r"(?:^|\s|/)douane ((?:up|check|init|keys|classify|explain|ledger|doctor|dictionary|fingerprint)\b[^|&<>]*)",
                    line,
                )
                if at is not None and "git clone" not in line:
                    found.append((page.name, shlex.split(at.group(1).split(" #")[0])))
    return found


def test_every_command_that_a_document_shows_can_be_typed() -> None:
    root = typer.main.get_command(app)
    shown = commands()
    assert len(shown) >= 8
    for page, words in shown:
        command: Any = root
        rest = list(words)
        while rest and getattr(command, "commands", None):
            assert rest[0] in command.commands, f"{page}: {' '.join(words)}"
            command, rest = command.commands[rest[0]], rest[1:]
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        for word in rest:
            if word.startswith("--"):
                assert word.split("=")[0] in known, f"{page}: {word} in {' '.join(words)}"


def test_every_command_that_a_message_names_exists() -> None:
    root: Any = typer.main.get_command(app)
    named = set()
    for path in [*(ROOT / "src").rglob("*.py"), *(ROOT / "src").rglob("*.toml"), *PAGES]:
        named |= set(re.findall(r"`douane ([a-z]+)(?: ([a-z]+))?", path.read_text(encoding="utf-8")))
    assert len(named) >= 8
    for word, verb in named:
        assert word in root.commands, word
        verbs = getattr(root.commands[word], "commands", None)
        assert verbs is None or not verb or verb in verbs, f"{word} {verb}"


def test_every_error_code_is_documented() -> None:
    page = (ROOT / "docs" / "reference" / "http.md").read_text(encoding="utf-8")
    codes = {
        kind.code
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.DouaneError) and kind.code != "configuration"
    }
    assert {code for code in codes if f"`{code}`" not in page} == set()


def test_the_readme_says_what_it_is_and_runs_something_within_sixty_words() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    before = text.split("```sh")[0]
    prose = re.sub(r"!\[[^\]]*\]\([^)]*\)|^#.*$", "", before, flags=re.M)
    assert len(prose.split()) <= 60
    assert "make up" in text.split("```sh")[1].split("```")[0]
