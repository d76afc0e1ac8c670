"""The engine that the gateway starts itself: it serves the model that was named, claims what it can, and explains so."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from config_kinds import PREMISES
from hypothesis import given
from hypothesis import strategies as st

from douane.adapters.engines.llamacpp import EngineFacts
from douane.adapters.store.key_book import KeyBook
from douane.bootstrap import ENGINE, Start, as_served, configuration_of, explain_offline, kinds_installed
from douane.control.engine_model import SMOLLM2
from douane.core.label import Label, Level
from douane.core.models.catalogue import Assurance, Capabilities, Deployment, Endpoint, ToolSupport
from douane.core.traffic.keys import KeyEntry
from douane.core.traffic.snapshot import Key
from douane.errors import ConfigurationError, ConfigurationErrors, NotFound

FACTS = EngineFacts(
    Endpoint("http", "127.0.0.1", 4711, "/v1"),
    "http://127.0.0.1:4711/v1",
    "key",
    ENGINE.alias,
    SMOLLM2.sha256,
    ENGINE.request_tokens,
    ENGINE.request_tokens,
    ENGINE.capabilities,
)
SECRET = "dn-" + "engine" * 8
EMBEDDED = (
    PREMISES
    + """
[deployments.local]
zone = "premises"
model = "smollm2-135m-instruct"
kind = "embedded"
{more}
[routes.chat]
deployments = ["local"]
[keys.team]
secret_sha256 = "{digest}"
routes = ["chat"]
floor = "internal"
"""
)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "douane.toml"


def text(more: str = "") -> str:
    return EMBEDDED.format(more=more, digest=sha256(SECRET.encode()).hexdigest())


def local_of(place: Path, more: str = "") -> Deployment:
    place.write_text(text(more), encoding="utf-8")
    return configuration_of(Start(str(place)), kinds_installed()).snapshot.deployments["local"]


def explained(place: Path, body: dict[str, Any], data: Path | None = None, key: str | None = None) -> dict[str, Any]:
    return explain_offline(
        json.dumps({"model": "chat"} | body).encode(),
        config_path=str(place), data_dir=data, key_name=key, level="public", compartments=(), latency="standard",
    ).as_dict()  # fmt: skip


def said(content: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": content}]}


def codes(found: dict[str, Any]) -> dict[str, str]:
    return {c["deployment"]: c["reasons"][0]["code"] for c in found["candidates"] if not c["allowed"]}


# --- its model (laws 5 and 8)


def test_the_embedded_kind_serves_the_model_whose_weights_are_checked_and_no_other() -> None:
    assert kinds_installed()["embedded"].facts.models == {SMOLLM2.id}


@pytest.mark.parametrize("more", ["", 'upstream_model = "anything"', f'upstream_model = "{SMOLLM2.id}"'])
def test_an_engine_never_serves_its_weights_as_another_model(place: Path, more: str) -> None:
    place.write_text(text(more).replace(f'model = "{SMOLLM2.id}"\nkind', 'model = "llama-3.1-8b-instruct"\nkind'))
    with pytest.raises(ConfigurationErrors) as caught:
        configuration_of(Start(str(place)), kinds_installed())
    found = {problem.param: problem for problem in caught.value.problems}
    assert f"`{SMOLLM2.id}`" in found["deployments.local.model"].fix


def test_a_deployment_of_another_model_is_not_served_whatever_the_configuration_let_pass(place: Path) -> None:
    other = replace(local_of(place), model="llama-3.1-8b-instruct")
    with pytest.raises(ConfigurationError, match=r"llama-3\.1-8b-instruct"):
        as_served(other, FACTS)


# --- what it can do


CAPABILITIES = st.builds(
    Capabilities,
    st.frozensets(st.sampled_from(["chat", "completions", "embeddings"])),
    st.sampled_from(ToolSupport),
    st.booleans(), st.booleans(), st.booleans(), st.none() | st.integers(1, 9), st.booleans(), st.booleans(),
)  # fmt: skip


@given(CAPABILITIES, CAPABILITIES)
def test_nobody_claims_what_one_of_two_cannot_do(one: Capabilities, other: Capabilities) -> None:
    both = one.within(other)
    assert both == other.within(one)
    assert both.beyond(one) == both.beyond(other) == ()
    assert both == both.within(one)
    assert set(one.beyond(other)) == {f.name for f in fields(one) if getattr(one, f.name) != getattr(both, f.name)}


RESTRICTED = """
[deployments.local.capabilities]
endpoints = ["chat"]
tools = "none"
json_schema = false
logprobs = false
choices = false
context_tokens = 100
"""


def test_a_restriction_of_the_engine_holds_when_it_serves(place: Path) -> None:
    assert as_served(local_of(place, RESTRICTED), FACTS).capabilities == Capabilities(
        frozenset({"chat"}), ToolSupport.NONE, json_schema=False, logprobs=False, choices=False, context_tokens=100,
        counts_choices=False, media=False,
    )  # fmt: skip
    assert codes(explained(place, {"prompt": "hello"})) == {"local": "capability"}
    assert explained(place, said("hello"))["chosen"] == "local"


EXTENDED = """
[deployments.local.capabilities]
tools = "native"
counts_choices = true
media = true
context_tokens = 100000
"""


def test_what_the_engine_lacks_is_not_claimed_and_the_operator_is_told(place: Path) -> None:
    deployment = local_of(place, EXTENDED)
    assert deployment.capabilities == ENGINE.capabilities
    assert as_served(deployment, FACTS).capabilities == ENGINE.capabilities
    extended = replace(deployment, capabilities=Capabilities(ENGINE.capabilities.endpoints, context_tokens=100_000))
    assert as_served(extended, FACTS).capabilities == ENGINE.capabilities
    warnings = configuration_of(Start(str(place)), kinds_installed()).warnings
    assert {w.code for w in warnings} == {"capability_not_there"}
    assert {w.fact.split("`")[1].rpartition(".")[2] for w in warnings} == {
        "tools", "counts_choices", "media", "context_tokens",
    }  # fmt: skip


# --- explain tells the gateway's Decision


@pytest.mark.parametrize("start", [Start(), Start(demo=True)])
def test_what_is_explained_is_what_the_engine_is_started_for(start: Start) -> None:
    for deployment in configuration_of(start, kinds_installed()).snapshot.deployments.values():
        served = as_served(deployment, FACTS)
        assert served.capabilities == deployment.capabilities == ENGINE.capabilities
        assert served.assurance is Assurance.VERIFIED


def test_what_is_longer_than_the_engines_context_is_not_chosen(place: Path) -> None:
    local_of(place)
    assert explained(place, said("word " * 100))["chosen"] == "local"
    found = explained(place, said("word " * 12_000))
    assert (found["chosen"], codes(found)) == (None, {"local": "capability"})
    assert str(ENGINE.request_tokens) in found["candidates"][0]["reasons"][0]["fact"]


def test_a_block_in_the_store_refuses_the_deployment(place: Path, data: Path) -> None:
    local_of(place)
    book = KeyBook(data / "douane.db")
    assert explained(place, said("hello"), data)["chosen"] == "local"
    book.block("local", 1, "audit")
    found = explained(place, said("hello"), data)
    assert (found["chosen"], codes(found)) == (None, {"local": "blocked"})
    assert explained(place, said("hello"))["chosen"] == "local"
    assert book.unblock("local")
    assert explained(place, said("hello"), data)["chosen"] == "local"


def test_a_secret_that_the_store_revoked_opens_nothing_by_a_key_of_the_configuration(place: Path, data: Path) -> None:
    local_of(place)
    book = KeyBook(data / "douane.db")
    digest = sha256(SECRET.encode()).hexdigest()
    book.add(KeyEntry(Key("earlier", digest, "earlier", floor=Label(Level.PUBLIC)), 1, None))
    assert explained(place, said("hello"), data, "team")["chosen"] == "local"
    book.revoke("earlier", 2)
    found = explained(place, said("hello"), data, "team")
    assert (found["chosen"], codes(found)) == (None, {"local": "key_revoked"})


def test_a_folder_without_a_ledger_is_said_to_have_none(place: Path, tmp_path: Path) -> None:
    local_of(place)
    with pytest.raises(NotFound):
        explained(place, said("hello"), tmp_path)
