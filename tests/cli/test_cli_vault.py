"""`douane vault erase`: what it erases, what it says, and how it ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from douane.adapters.vault import FileVault
from douane.testing.clock import FrozenClock

IBAN = "FR14 2004 1010 0505 0001 3M02 606"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    async def fill(vault: FileVault) -> None:
        for owner, kind, value in (("acme", "IBAN", IBAN), ("acme", "EMAIL", "a@x.fr"), ("other", "EMAIL", "a@x.fr")):
            pseudonyms = await vault.recall(owner, "c")
            pseudonyms.issue(kind, value)
            await vault.keep(owner, "c", pseudonyms, "user-7" if kind == "IBAN" else None)

    vault = FileVault(tmp_path, FrozenClock(), lambda: 86_400.0)
    asyncio.run(fill(vault))
    vault.close()
    return tmp_path


@pytest.mark.parametrize(
    ("words", "text", "erased"),
    [
        (("--owner", "acme"), "", 2),
        (("--subject", "a@x.fr"), "", 2),
        (("--owner", "acme", "--subject", "user-7"), "", 1),
        (("--subject", "-"), f"{IBAN}\n", 1),
        (("--owner", "nobody"), "", 0),
    ],
)
def test_what_is_named_is_erased_and_counted(
    shell: Callable[..., Any], folder: Path, words: tuple[str, ...], text: str, erased: int
) -> None:
    ended = shell("vault", "erase", *words, "--data", str(folder), "--json", text=text)
    assert ended.status in (0, None)
    assert json.loads(ended.out)["erased"] == erased
    assert "FR14" not in ended.out


def test_nobody_named_is_a_wrong_use(shell: Callable[..., Any], folder: Path) -> None:
    for words, text in (((), ""), (("--subject", "-"), "")):
        ended = shell("vault", "erase", *words, "--data", str(folder), text=text)
        assert ended.status == 2
        assert "Fix:" in ended.err


def test_a_folder_without_a_vault_is_said_so(shell: Callable[..., Any], tmp_path: Path) -> None:
    ended = shell("vault", "erase", "--owner", "acme", "--data", str(tmp_path))
    assert ended.status == 2
    assert "no vault" in ended.err
    assert not list(tmp_path.iterdir())


def test_it_says_in_words_too(shell: Callable[..., Any], folder: Path) -> None:
    ended = shell("vault", "erase", "--owner", "acme", "--data", str(folder))
    assert ended.out == "2 values erased.\n"
