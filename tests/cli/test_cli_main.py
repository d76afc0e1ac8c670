"""What every command has in common: how errors are told, and the status a process ends with."""

from __future__ import annotations

import json
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from douane.cli.main import main
from douane.cli.render import program, show_table

if TYPE_CHECKING:
    from conftest import Shell


def ended(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int | str | None:
    monkeypatch.setattr(sys, "argv", ["douane", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code


def test_wrong_usage_ends_with_2_and_an_outside_failure_with_3(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(monkeypatch, "version") == 0
    assert ended(monkeypatch, "up", "--workers", "2") == 2
    assert ended(monkeypatch, "check", "--config", str(tmp_path / "absent.toml")) == 2
    assert ended(monkeypatch, "ledger", "report", "--data", str(tmp_path)) == 2
    (tmp_path / "douane.db").write_bytes(b"no database" * 100)
    capsys.readouterr()
    assert ended(monkeypatch, "ledger", "report", "--data", str(tmp_path)) == 3
    assert "Fix: " in capsys.readouterr().err


def test_a_busy_port_is_told_before_an_engine_starts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        assert ended(monkeypatch, "up", "--demo", "--data", str(tmp_path), "--port", port) == 3
    told = capsys.readouterr().err
    assert f"port {port}: address already in use" in told
    assert "Model" not in told, "the line of a started engine"


def test_commands_that_are_shown_can_be_typed_where_they_are_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "argv", [".venv/bin/douane", "up"])
    monkeypatch.setenv("PATH", str(tmp_path))
    assert program() == ".venv/bin/douane"
    found = tmp_path / "douane"
    found.write_text("#!/bin/sh\n")
    os.chmod(found, 0o700)
    assert program() == "douane"
    monkeypatch.setattr(sys, "argv", ["-c"])
    assert program() == "douane"


@pytest.mark.parametrize("width", [200, 46, 20])
def test_a_table_loses_nothing_and_folds_no_word_while_there_is_room(width: int) -> None:
    columns = ("deployment", "zone", "tokens out", "cost")
    row = ("smollm2-premises", "[/x]", "1,000", "unpriced (own hardware)")
    console = Console(width=width)
    with console.capture() as captured:
        show_table(console, columns, [row], flexible=("cost",), right=columns[2:])
    shown = captured.get()
    assert max(map(len, shown.splitlines())) <= width
    if width > 40:
        assert all(word in shown for word in ("smollm2-premises", "[/x]", "tokens", "1,000", "unpriced", "hardware)"))
    assert sum(map(shown.count, "23456789")) == 1


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (("keys", "create", "taken", "--data", "{data}"), 2, "invalid_request"),
        (("ledger", "report", "--data", "{absent}"), 2, "not_found"),
        (("ledger", "verify", "--data", "{empty}"), 3, "overloaded"),
        (("explain", "--config", "{wrong}"), 2, "configuration"),
    ],
)
def test_an_error_says_rule_fact_and_fix_and_is_the_object_of_http_with_json(
    shell: Shell, data: Path, tmp_path: Path, arguments: tuple[str, ...], status: int, code: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "douane.db").touch()
    (tmp_path / "wrong").write_text("[server]\nport = 0.5\nhost = 1\n")
    assert shell("keys", "create", "taken", "--data", str(data)).status == 0
    places = {name: str(tmp_path / name) for name in ("absent", "empty", "wrong")}
    words = [word.format(data=data, **places) for word in arguments]
    plain, ended = shell(*words), shell(*words, "--json")
    assert (plain.status, ended.status, plain.out, plain.err) == (status, status, "", ended.err)
    error = json.loads(ended.out)["error"]
    assert (error["code"], error["douane"]["code"]) == (code, code)
    for reason in error["douane"].get("problems", [error["douane"]]):
        assert f"{reason['fact']}\n  Rule: {reason['rule']}\n  Fix: {reason['fix']}\n" in ended.err


def test_the_folder_of_the_environment_counts_for_every_command(
    shell: Shell, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOUANE_DATA", str(data))
    assert shell("keys", "create", "zed").status == 0
    assert [key["name"] for key in json.loads(shell("keys", "list", "--json").out)["keys"]] == ["zed"]
    assert shell("keys", "revoke", "zed").status == 0
    assert [shell("ledger", verb).status for verb in ("report", "export", "verify")] == [0, 0, 0]
    assert shell("keys", "list", "--data", "elsewhere").status == 2
    assert not Path("douane-data").exists()
    monkeypatch.delenv("DOUANE_DATA")
    assert shell("ledger", "report").status == 2
    Path("douane-data").symlink_to(data)
    assert shell("ledger", "report").status == 0
