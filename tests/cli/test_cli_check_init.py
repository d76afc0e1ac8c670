"""`douane check` and `douane init` as an operator meets them: output and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from jsonschema import Draft202012Validator
from typer.testing import CliRunner, Result

from douane.cli.check import check
from douane.cli.init import init
from douane.errors import ConfigurationError

app = typer.Typer()
app.command()(check)
app.command()(init)


def run(*arguments: str, environ: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(app, list(arguments), env=environ)


@pytest.mark.parametrize("profile", ["local", "hybrid", "managed"])
def test_what_init_writes_check_accepts(tmp_path: Path, profile: str) -> None:
    file = str(tmp_path / "douane.toml")
    assert run("init", "--for", profile, "--output", file).exit_code == 0
    result = run("check", "--config", file, environ={"TOGETHER_API_KEY": "t-secret", "FIREWORKS_API_KEY": "f-secret"})
    assert result.exit_code == 0, result.output
    assert "The configuration holds" in result.output
    assert "secret" not in result.output


def test_init_does_not_overwrite_unasked(tmp_path: Path) -> None:
    file = tmp_path / "douane.toml"
    file.write_text("mine")
    result = run("init", "--output", str(file))
    assert isinstance(result.exception, ConfigurationError)
    assert file.read_text() == "mine"
    assert run("init", "--output", str(file), "--force").exit_code == 0


def test_check_tells_every_problem_and_ends_with_two(tmp_path: Path) -> None:
    file = tmp_path / "douane.toml"
    file.write_text("[server]\nport = 0.5\nhost = 1\n[zone.x]\n")
    result = run("check", "--config", str(file))
    assert result.exit_code == 2
    assert (result.output.count("Rule:"), result.output.count("Fix:")) == (3, 3)
    report = json.loads(run("check", "--config", str(file), "--json").output)
    assert report["holds"] is False
    assert len(report["problems"]) == 3


def test_a_missing_configuration_is_told_with_the_way_to_make_one(tmp_path: Path) -> None:
    result = run("check", "--config", str(tmp_path / "none.toml"))
    assert result.exit_code == 2
    assert "douane init" in result.output


def test_the_schema_is_printed_alone_without_a_configuration() -> None:
    result = run("check", "--schema")
    assert result.exit_code == 0
    Draft202012Validator.check_schema(json.loads(result.output))
