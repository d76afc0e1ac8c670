"""The JSON Schema and the reference page say what the settings are, and are current."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from config_kinds import ENVIRON, KINDS
from jsonschema import Draft202012Validator

from douane import config
from douane.config.schema import Document

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "configuration.md"

EXAMPLE = """
[server]
host = "127.0.0.1"
port = 8080
hosts = ["127.0.0.1", "localhost"]

[policy]
unknown = "restricted"
allow_unchecked = false
[policy.map]
IBAN = "confidential"
CARD = { level = "confidential", compartments = ["pci"] }

[zones.premises]
premises = true
networks = ["127.0.0.0/8", "::1/128", "10.0.0.0/8"]
clearance = "restricted"
compartments = ["*"]
country = "FR"

[zones.eu-managed]
clearance = "internal"
country = "FI"
operator = "Example Cloud"

[deployments.llama-local]
zone = "premises"
model = "llama-3.1-8b-instruct"
kind = "openai-compatible"
base_url = "http://10.0.0.5:8000/v1"
lock = "models.lock"

[deployments.llama-together]
zone = "eu-managed"
model = "llama-3.1-8b-instruct"
kind = "together"
api_key = "${TOGETHER_API_KEY}"
price = { input = 0.18, output = 0.18, currency = "USD", source = "together.ai/pricing", date = "2026-10-01" }

[routes.chat]
deployments = ["llama-local", "llama-together"]
strategy = "cheapest"
latency = { ttft_ms = 800, tpot_ms = 60 }

[keys.support-team]
secret_sha256 = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"
routes = ["chat"]
floor = "internal"
limits = { requests_per_minute = 600, tokens_per_minute = 200000, concurrent = 50 }
budget = { amount = 500, currency = "EUR", per = "month" }
"""


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = config.json_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_the_documented_example_holds_and_fits_the_schema(validator: Draft202012Validator) -> None:
    validator.validate(tomllib.loads(EXAMPLE))
    loaded = config.loads(EXAMPLE, base_dir=".", environ=ENVIRON, kinds=KINDS)
    assert {warning.code for warning in loaded.warnings} == {"not_verified", "shipped_rate"}


@pytest.mark.parametrize("name", ["profiles/local", "profiles/hybrid", "profiles/managed", "default", "demo"])
def test_what_is_shipped_fits_the_schema(validator: Draft202012Validator, name: str) -> None:
    text = files("douane").joinpath("data", *f"{name}.toml".split("/")).read_text(encoding="utf-8")
    validator.validate(tomllib.loads(text))


@pytest.mark.parametrize(
    "text",
    [
        "[zone.premises]",
        "[server]\nport = '8080'",
        "[server]\nport = 70000",
        "[zones.z]\npremises = true",
        "[zones.z]\nclearance = 'secret'",
        "[policy.map]\niban = 'internal'",
        "[routes.r]\ndeployments = []",
        "rates.USD.EUR = { rate = 0, source = 'x', date = '2026-10-01' }",
    ],
)
def test_the_schema_refuses_what_the_gateway_would_refuse_by_shape(validator: Draft202012Validator, text: str) -> None:
    assert list(validator.iter_errors(tomllib.loads(text)))


def settings_below(schema: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    tables = [schema["properties"], *(table["properties"] for table in schema["$defs"].values())]
    return [pair for table in tables if "level" not in table for pair in table.items()]  # a label is a value


def test_every_setting_has_one_line_of_help_in_the_schema_and_on_the_page() -> None:
    page = config.reference()
    found = settings_below(config.json_schema())
    assert len(found) > 90
    for name, setting in found:
        described = setting.get("description", "")
        assert described.endswith("."), name
        assert "\n" not in described
        assert described in page, name


def test_the_page_names_each_section() -> None:
    page = config.reference()
    for section in Document.model_fields:
        assert f"## `[{section}" in page


def test_the_reference_page_is_current() -> None:
    assert REFERENCE.read_text(encoding="utf-8") == config.reference(), "run `make docs`"
