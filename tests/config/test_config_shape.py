"""One reading tells every problem: what is wrong in one setting hides nothing beside it, and adds nothing to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from config_kinds import WHOLE, read
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter

from douane import config
from douane.config import schema
from douane.config.shape import _REQUIRED
from douane.config.translate import models_of
from douane.errors import ConfigurationErrors

BASE = (
    WHOLE
    + f"""
attempts = 2
[deployments.second]
zone = "premises"
model = "llama-3.1-8b-instruct"
kind = "openai-compatible"
base_url = "http://10.0.0.5:8000/v1"
weight = 2
[routes.other]
deployments = ["second", "together"]
strategy = "cheapest"
[keys.app]
secret_sha256 = "{"a" * 64}"
routes = ["chat", "other"]
zones = ["premises", "cloud"]
floor = "internal"
budget = {{ amount = 5, currency = "USD", per = "day" }}
[keys.boss]
secret_sha256 = "{"b" * 64}"
routes = ["*"]
floor = "internal"
expires = "2030-01-01"
"""
)

FAULTS = {  # what is written instead of what, and the one setting that is then told
    "zones.cloud.country": ('country = "FI"', 'country = "finland"'),
    "zones.premises.networks[1]": ('"10.0.0.0/8"]', '"10.0.0.1/8"]'),
    "deployments.local.model": ('model = "smollm2-135m-instruct"', 'model = "smollm"'),
    "deployments.together.zone": ('zone = "cloud"\nmodel', 'zone = "clouds"\nmodel'),
    "deployments.together.price.date": ('date = "2026-10-01"', 'date = "2026-13-01"'),
    "deployments.together.weight": ('kind = "together"', 'kind = "together"\nweight = 0'),
    "deployments.second.weight": ("weight = 2", 'weight = "2"'),
    "deployments.second.kind": ('kind = "openai-compatible"', 'kind = "openai-compatable"'),
    "routes.chat.attempts": ("attempts = 2", "attempts = 99"),
    "routes.chat.deployments[1]": ('["local", "together"]', '["local", "togther"]'),
    "routes.other.strategy": ('strategy = "cheapest"', 'strategy = "cheepest"'),
    "routes.other.deployments[0]": ('["second", "together"]', '[2, "together"]'),
    "keys.app.secret_sha256": ("a" * 64, "a" * 63),
    "keys.app.routes[0]": ('["chat", "other"]', '["caht", "other"]'),
    "keys.app.zones[0]": ('zones = ["premises", "cloud"]', 'zones = ["premisses", "cloud"]'),
    "keys.app.budget.per": ('per = "day"', 'per = "week"'),
    "keys.boss.expires": ('"2030-01-01"', '"soon"'),
    "keys.boss.admin": ('routes = ["*"]', 'routes = ["*"]\nadmin = "no"'),
}


def told(text: str) -> list[str | None]:
    with pytest.raises(ConfigurationErrors) as caught:
        read(text)
    return [problem.param for problem in caught.value.problems]


def with_faults(*names: str) -> str:
    text = BASE
    for name in names:
        right, wrong = FAULTS[name]
        assert text.count(right) == 1, name
        text = text.replace(right, wrong)
    return text


def test_what_the_faults_are_put_into_holds() -> None:
    assert isinstance(read(BASE), config.Configuration)


@settings(max_examples=150, deadline=None)
@given(st.sets(st.sampled_from(sorted(FAULTS)), min_size=1))
def test_whatever_is_wrong_together_is_told_together_and_nothing_that_follows_from_it(names: set[str]) -> None:
    assert sorted(map(str, told(with_faults(*names)))) == sorted(names)


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_a_floor_that_is_missing_is_told_whatever_else_is_wrong_on_the_way_out(fault: str) -> None:
    text = with_faults(fault).replace('routes = ["*"]\nfloor = "internal"', 'routes = ["*"]')
    text = text.replace('admin = "no"\nfloor = "internal"', 'admin = "no"')
    others = ["keys.boss.floor"] if fault != "deployments.together.zone" else []
    assert sorted(map(str, told(text))) == sorted([fault, *others])


def tables(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        inner = models_of(field.annotation)
        if inner is not None:
            yield from tables(inner)


@pytest.mark.parametrize("table", sorted(set(tables(schema.Document)), key=lambda table: table.__name__))
def test_each_setting_that_a_table_must_have_can_be_stood_in_for(table: type[BaseModel]) -> None:
    required = {name: _REQUIRED[name] for name, field in table.model_fields.items() if field.is_required()}
    assert TypeAdapter(table).validate_python(required)
