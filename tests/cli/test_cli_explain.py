"""`douane explain` as an operator meets it: where a request would go, why not elsewhere, and the status it ends with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from douane.cli.main import app
from douane.cli.render import show_decision
from douane.errors import InvalidRequest, NotFound

IBAN = "Pay FR14 2004 1010 0505 0001 3M02 606."
CONFIG = """
[zones.cloud]
clearance = "internal"
[deployments.far]
zone = "cloud"
model = "llama-3.1-8b-instruct"
kind = "openai-compatible"
base_url = "https://llm.example.com/v1"
upstream_model = "llama"
assurance = "unchecked"
price = { input = 1, output = 1, currency = "EUR", source = "contract", date = "2026-11-23" }
[policy]
allow_unchecked = true
[routes.chat]
deployments = ["far"]
"""


def explain(text: str, *arguments: str) -> Result:
    body = json.dumps({"model": "chat", "messages": [{"role": "user", "content": text}]})
    return CliRunner().invoke(app, ["explain", *arguments], input=body)


def answer(result: Result) -> dict[str, Any]:
    found = json.loads(result.stdout)
    assert set(found) >= {"label", "candidates", "chosen"}
    assert set(found["label"]) == {"level", "compartments"}
    for candidate in found["candidates"]:
        assert set(candidate) >= {"deployment", "zone", "allowed", "reasons"}
        assert candidate["allowed"] == (not candidate["reasons"])
        assert all(set(reason) == {"code", "rule", "fact", "fix"} for reason in candidate["reasons"])
    return found


@pytest.fixture
def config(tmp_path: Path) -> str:
    file = tmp_path / "douane.toml"
    file.write_text(CONFIG)
    return str(file)


def test_public_text_goes_to_the_demos_cloud_and_an_iban_stays() -> None:
    away, home = explain("Say hello."), explain(IBAN)
    assert (away.exit_code, answer(away)["chosen"]) == (0, "smollm2-cloud")
    found = answer(home)
    assert (home.exit_code, found["chosen"], found["label"]["level"]) == (0, "smollm2-premises", "confidential")
    refused = {c["deployment"]: c["reasons"][0]["code"] for c in found["candidates"] if not c["allowed"]}
    assert refused == {"smollm2-cloud": "label_not_cleared"}


def test_a_request_that_nothing_may_take_ends_with_1(config: str) -> None:
    result = explain(IBAN, "--config", config)
    assert (result.exit_code, answer(result)["chosen"]) == (1, None)
    assert explain("hello", "--config", config).exit_code == 0


def test_what_is_declared_raises(config: str) -> None:
    assert explain("hello", "--config", config, "--level", "restricted").exit_code == 1
    declared = explain("hello", "--config", config, "--compartment", "pci")
    assert (declared.exit_code, answer(declared)["label"]) == (1, {"level": "public", "compartments": ["pci"]})
    assert isinstance(explain("hello", "--compartment", "made-up").exception, InvalidRequest)


def test_a_key_of_the_store_is_explained_like_one_of_the_configuration(config: str, data: Path) -> None:
    run, place = CliRunner(), ["--data", str(data)]
    assert run.invoke(app, ["keys", "create", "team", "--floor", "confidential", *place]).exit_code == 0
    result = explain("hello", "--config", config, "--key", "team", *place)
    assert (result.exit_code, answer(result)["label"]["level"]) == (1, "confidential")
    assert isinstance(explain("hello", "--config", config, "--key", "team").exception, NotFound)
    assert run.invoke(app, ["keys", "revoke", "team", *place]).exit_code == 0
    assert isinstance(explain("hello", "--config", config, "--key", "team", *place).exception, NotFound)


def test_a_file_that_can_not_be_read_is_wrong_usage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for path in ("absent.json", "."):
        result = CliRunner().invoke(app, ["explain", path])
        assert result.exit_code == 2
        assert "can't be read" in result.output


def test_a_terminal_is_told_each_reason_with_its_fix_and_brackets_are_text(capsys: pytest.CaptureFixture[str]) -> None:
    reason = {"code": "label_not_cleared", "rule": "r", "fact": "Zone [/far] is cleared for less.", "fix": "Add [one]."}
    show_decision(
        {
            "label": {"level": "restricted", "compartments": ["pci"]},
            "reasons": [reason],
            "candidates": [{"deployment": "far", "zone": "[/x]", "allowed": False, "reasons": [reason]}],
            "chosen": None,
        }
    )
    shown = capsys.readouterr().out
    assert "restricted {pci}" in shown
    assert shown.count("Zone [/far] is cleared for less.") == 2
    assert "Fix: Add [one]." in shown
    assert "Refused" in shown
