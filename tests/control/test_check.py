"""The report on a configuration: what it would come to, and no secret in it."""

from __future__ import annotations

import json

import pytest

from douane import config
from douane.control.check import check, money
from douane.core.models.catalogue import Capabilities, KindFacts

KINDS = {"together": KindFacts(True, "https://api.together.xyz/v1", True, Capabilities(frozenset({"chat"})))}
TEXT = """
[zones.cloud]
clearance = "internal"
[deployments.llama]
zone = "cloud"
model = "llama-3.1-8b-instruct"
kind = "together"
api_key = "${KEY}"
price = { input = 0.18, output = 0.18, currency = "USD", source = "price list", date = "2026-10-01" }
[routes.chat]
deployments = ["llama"]
[keys.app]
secret_sha256 = "%s"
routes = ["chat"]
floor = "public"
""" % ("5e" * 32)


def read(text: str) -> config.Configuration:
    return config.loads(text, base_dir=".", environ={"KEY": "sk-very-secret"}, kinds=KINDS)


def test_the_report_of_a_configuration_that_holds_has_its_version_and_summary_and_no_secret() -> None:
    report = check(lambda: read(TEXT))
    assert report.holds
    assert report.version == read(TEXT).snapshot.version
    assert any(line.startswith("deployment llama:") for line in report.summary)
    told = json.dumps(report.as_dict())
    assert "sk-very-secret" not in told
    assert "5e5e" not in told


def test_the_report_of_a_broken_one_has_each_problem_with_setting_rule_fact_and_fix() -> None:
    report = check(lambda: read(TEXT.replace("clearance", "clearence").replace('"public"', '"pubic"')))
    assert not report.holds
    assert report.summary == ()
    found = report.as_dict()
    assert found["version"] is None
    assert [problem["setting"] for problem in found["problems"]] == [
        "zones.cloud.clearance", "zones.cloud.clearence", "keys.app.floor",
    ]  # fmt: skip
    assert all(problem["rule"] and problem["fact"] and problem["fix"] for problem in found["problems"])


@pytest.mark.parametrize(("micro", "said"), [(0, "0"), (1, "0.000001"), (180_000, "0.18"), (10_000_000, "10")])
def test_money_is_said_without_needless_zeros(micro: int, said: str) -> None:
    assert money(micro) == said
