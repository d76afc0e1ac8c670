"""Commands run as a shell runs them: through `main`, to the status that the process ends with."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from typing import NamedTuple

import pytest

from douane.cli.main import main


class Ended(NamedTuple):
    status: int | str | None
    out: str
    err: str


Shell = Callable[..., Ended]


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    """Return what runs `douane` with arguments and a standard input."""

    def run(*arguments: str, text: str = "") -> Ended:
        monkeypatch.setattr(sys, "argv", ["douane", *arguments])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        return Ended(end.value.code, *capsys.readouterr())

    return run
