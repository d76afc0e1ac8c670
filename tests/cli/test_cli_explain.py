"""`douane explain` as an operator meets it: where a request would go, why not elsewhere, and the status it ends with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner, Result

from douane.adapters.inspector.name_words import shipped_words
from douane.cli import meaning
from douane.cli.main import app
from douane.cli.render import show_decision
from douane.control.explain import refused
from douane.detect.names.reader import read
from douane.errors import ForbiddenRoute, InvalidRequest, NotFound
from douane.ports import FindNames
from douane.testing.name_finder import ListedNames

if TYPE_CHECKING:
    from conftest import Shell

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
meaning = "off"
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


def test_the_store_that_the_gateway_would_use_is_explained_from(
    config: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert CliRunner().invoke(app, ["keys", "create", "team", "--data", str(data)]).exit_code == 0
    monkeypatch.chdir(tmp_path)
    assert isinstance(explain("hello", "--config", config, "--key", "team").exception, NotFound)
    monkeypatch.setenv("DOUANE_DATA", str(data))
    assert answer(explain("hello", "--config", config, "--key", "team"))["label"]["level"] == "internal"
    monkeypatch.delenv("DOUANE_DATA")
    Path(config).write_text(f'{CONFIG}[server]\ndata_dir = "{data}"\n')
    assert answer(explain("hello", "--config", config, "--key", "team"))["label"]["level"] == "internal"


@pytest.mark.parametrize(
    ("field", "code"),
    [({"model": "nope"}, "forbidden_route"), ({"api_base": "https://elsewhere.example"}, "unsupported")],
)
def test_what_the_gateway_refuses_unread_has_the_same_shape_and_ends_with_1(
    shell: Shell, config: str, field: dict[str, str], code: str
) -> None:
    body = json.dumps({"model": "chat", "messages": [{"role": "user", "content": IBAN}], **field})
    status, out, err = shell("explain", "--config", config, "--json", text=body)
    found = json.loads(out)
    assert (status, err, found["label"], found["candidates"], found["chosen"]) == (1, "", None, [], None)
    (reason,) = found["reasons"]
    assert set(reason) == {"code", "rule", "fact", "fix"}
    assert reason["code"] == code


def test_a_key_without_the_route_is_refused(shell: Shell, config: str, data: Path) -> None:
    place = ("--data", str(data))
    assert CliRunner().invoke(app, ["keys", "create", "team", "--route", "other", *place]).exit_code == 0
    body = json.dumps({"model": "chat", "messages": [{"role": "user", "content": "hello"}]})
    status, out, _ = shell("explain", "--config", config, "--key", "team", *place, text=body)
    assert (status, [reason["code"] for reason in json.loads(out)["reasons"]]) == (1, ["forbidden_route"])


def test_what_is_no_request_body_is_unreadable_input(shell: Shell) -> None:
    status, out, _ = shell("explain", "--json", text="{broken")
    assert (status, json.loads(out)["error"]["code"]) == (2, "invalid_request")


def test_a_file_that_can_not_be_read_is_wrong_usage(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for path in ("absent.json", "."):
        status, out, err = shell("explain", path)
        assert (status, out) == (2, "")
        assert "can't be read" in err
        assert "Fix: " in err


def test_a_terminal_is_told_why_a_request_is_refused_unread(capsys: pytest.CaptureFixture[str]) -> None:
    show_decision(refused(ForbiddenRoute("No [route].", "Use [one].", rule="A key has routes.")))
    assert capsys.readouterr().out == "Refused: No [route].\nRule: A key has routes.\nFix: Use [one].\n"


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
    assert "Rule: r" in shown
    assert "Fix: Add [one]." in shown
    assert "Refused" in shown


def test_a_zone_that_masks_tells_what_it_would_get(config: str) -> None:
    path = Path(config)
    path.write_text(CONFIG.replace('clearance = "internal"', 'clearance = "internal"\nmask = ["IBAN"]'))
    found = answer(explain(IBAN, "--config", config))
    (candidate,) = found["candidates"]
    assert found["label"]["level"] == "confidential"
    assert found["chosen"] == "far"
    assert candidate["masked"] == {
        "types": ["IBAN"],
        "label": {"level": "public", "compartments": []},
        "left": [],
        "whole": True,
    }
    found = answer(explain(f"{IBAN} 4111 1111 1111 1111", "--config", config))
    (candidate,) = found["candidates"]
    assert found["chosen"] is None
    assert candidate["masked"]["left"] == ["CARD"]
    assert [reason["code"] for reason in candidate["reasons"]] == ["label_not_cleared", "masking_insufficient"]


def test_what_is_masked_is_told_in_words(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(config).write_text(CONFIG.replace('clearance = "internal"', 'clearance = "internal"\nmask = ["IBAN"]'))
    show_decision(answer(explain(IBAN, "--config", config)))
    assert "gets it masked (IBAN), as public" in capsys.readouterr().out


NAMES = CONFIG.replace("[policy]", '[policy]\nnames = "ner"').replace(
    'clearance = "internal"', 'clearance = "internal"\nmask = ["IBAN", "PERSON"]'
)


@pytest.mark.parametrize("found", [True, False])
def test_what_a_zone_that_masks_names_would_get_is_read_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: bool
) -> None:
    def names_with(wanted: bool) -> FindNames | None:
        assert wanted
        return (lambda value, _owner: read(value, ListedNames().find, shipped_words())) if found else None

    monkeypatch.setattr(meaning, "names_with", names_with)
    config = tmp_path / "douane.toml"
    config.write_text(NAMES)
    result = explain(f"{IBAN} Zoé Dupin and Priya know.", "--config", str(config))
    (candidate,) = answer(result)["candidates"]
    if found:
        assert candidate["allowed"]
        assert candidate["masked"]["types"] == ["IBAN", "PERSON"]
    else:
        assert [reason["code"] for reason in candidate["reasons"]] == ["label_not_cleared", "unread"]
