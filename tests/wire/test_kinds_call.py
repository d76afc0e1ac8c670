from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire_harness import FUNCTION, KINDS, attempt, chat, completions, deployment, embeddings

from douane.core.models.catalogue import Capabilities, Deployment, Endpoint
from douane.errors import ConfigurationError, DouaneError, Internal, Unsupported
from douane.wire.call import Ask, Call
from douane.wire.fields import HARMLESS, KNOWN, REFUSED
from douane.wire.kinds import registry
from douane.wire.kinds.dialect import Dialect
from douane.wire.kinds.openai_compatible import is_offloaded
from douane.wire.need import DEFAULT_OUTPUT_TOKENS, bounded

MANAGED = sorted(name for name, kind in KINDS.items() if kind.facts.managed)
EVERY = sorted(KINDS)
PINNED = {"huggingface": {"upstream_model": "org/model:together"}}


def call(ask: Ask, kind: str, *, premises: bool = False, isolation: str | None = "partition", **changes: Any) -> Call:
    made = deployment(kind, **{**PINNED.get(kind, {}), **changes})
    return KINDS[kind].call(ask, made, premises=premises, isolation=isolation)


def sent(ask: Ask, kind: str, *, premises: bool = False, **changes: Any) -> Any:
    return orjson.loads(call(ask, kind, premises=premises, **changes).payload)


def listed(kind: str, endpoint: str) -> set[str]:
    dialect = KINDS[kind]
    assert isinstance(dialect, Dialect)
    return {*dialect.listing.get(endpoint, {}), *dialect.renames.values()}


ours = {"model", "stream", "stream_options"}
plain = st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=3)


@given(
    st.sampled_from(EVERY),
    st.dictionaries(
        st.sampled_from(sorted(KNOWN - REFUSED.keys())) | st.text(min_size=1, max_size=6), plain, max_size=6
    ),
)
def test_off_the_premises_no_field_passes_that_the_kind_does_not_list(kind: str, fields: dict[str, Any]) -> None:
    given_fields = {name: item for name, item in fields.items() if name not in ("messages", "model")}
    payload = attempt(lambda: sent(chat(**given_fields), kind))
    if isinstance(payload, DouaneError):
        assert payload.fix
        return
    assert payload.keys() <= listed(kind, "chat") | ours
    for name in given_fields.keys() - HARMLESS - ours - {"encoding_format"}:
        item = given_fields[name]
        assert item is None or name in listed(kind, "chat"), "an unlisted field was dropped, not refused"


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "content": "hello", "x_note": "Jean Dupont"},
        {"role": "user", "content": [{"type": "text", "text": "hello", "x_note": "Jean Dupont"}]},
        {
            "role": "assistant",
            "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "x_note": "Jean"}}],
        },
    ],
    ids=["message", "part", "call"],
)
def test_off_the_premises_unlisted_fields_are_refused_inside_messages_too(kind: str, message: dict[str, Any]) -> None:
    made = attempt(lambda: call(chat(messages=[message]), kind))
    if kind == "embedded" and "tool_calls" in message:
        assert isinstance(made, Call), "calls are rendered as text there"
        assert b"Jean" not in made.payload
        return
    assert isinstance(made, Unsupported)
    assert "Jean" not in str(made)
    assert "x_note" not in str(made)


def test_what_a_client_sends_back_of_an_answer_is_no_obstacle_off_the_premises() -> None:
    answered = {
        "role": "assistant",
        "content": "hi",
        "refusal": None,
        "annotations": [],
        "audio": None,
        "tool_calls": None,
    }
    for kind in EVERY:
        payload = sent(chat(messages=[{"role": "user", "content": "a"}, answered]), kind)
        assert payload["messages"][1] == {"role": "assistant", "content": "hi", **_nulls(payload["messages"][1])}


def _nulls(message: dict[str, Any]) -> dict[str, Any]:
    return {name: item for name, item in message.items() if item is None}


@pytest.mark.parametrize("kind", EVERY)
def test_harmless_fields_are_dropped_off_the_premises(kind: str) -> None:
    ask = chat(
        user="jean.dupont",
        metadata={"a": "b"},
        store=False,
        service_tier="auto",
        safety_identifier="x",
        modalities=["text"],
    )
    assert sent(ask, kind).keys() == {"model", "messages"}


def test_on_the_premises_unknown_fields_pass_and_the_gateways_own_never_do() -> None:
    ask = chat(user="jean", top_nsigma=1.5, store=False, service_tier="default", stream=True, stream_options={"x": 1})
    payload = sent(ask, "openai-compatible", premises=True)
    assert payload["top_nsigma"] == 1.5
    assert payload["user"] == "jean"
    assert payload["stream_options"] == {"include_usage": True}
    assert not {"store", "service_tier"} & payload.keys()


@pytest.mark.parametrize("kind", MANAGED)
def test_a_managed_kind_is_never_called_in_a_zone_on_the_premises(kind: str) -> None:
    with pytest.raises(Unsupported):
        call(chat(), kind, premises=True)
    objection = KINDS[kind].objection(deployment(kind), premises=True)
    assert objection is not None
    assert objection.code == "managed_on_premises"


@pytest.mark.parametrize("name", ["kimi-k2:cloud", "gpt-oss:120b-cloud", "Qwen3:480B-Cloud", "m-cloud", "m:cloud-v2"])
def test_a_name_that_ollama_runs_elsewhere_is_never_called_on_the_premises(name: str) -> None:
    with pytest.raises(Unsupported):
        call(chat(), "openai-compatible", premises=True, upstream_model=name)


def test_a_name_that_merely_speaks_of_clouds_is_called() -> None:
    for name in ("cloudy:8b", "acme/cloud-ops-7b", "llama3.1:8b"):
        assert not is_offloaded(name)
        assert sent(chat(), "openai-compatible", premises=True, upstream_model=name)["model"] == name


ROUTER = Endpoint("https", "router.huggingface.co", 443, "/v1")


@pytest.mark.parametrize(
    "name", ["org/model", "org/model:", "org/model:fastest", "org/model:Cheapest", "org/model:auto"]
)
def test_a_broker_that_is_not_pinned_is_never_called(name: str) -> None:
    with pytest.raises(Unsupported):
        call(chat(), "huggingface", endpoint=ROUTER, upstream_model=name)
    with pytest.raises(Unsupported):
        call(
            chat(), "huggingface", endpoint=Endpoint("https", "Router.HuggingFace.co.", 443, "/v1"), upstream_model=name
        )


def test_a_broker_is_pinned_by_name_or_by_option() -> None:
    by_name = sent(chat(), "huggingface", endpoint=ROUTER, upstream_model="org/model:together")
    by_option = sent(
        chat(), "huggingface", endpoint=ROUTER, upstream_model="org/model", options={"provider": "together"}
    )
    assert by_name["model"] == by_option["model"] == "org/model:together"


def test_an_inference_endpoint_of_its_own_needs_no_pin() -> None:
    own = Endpoint("https", "abc.eu-west-1.aws.endpoints.huggingface.cloud", 443, "/v1")
    assert sent(chat(), "huggingface", endpoint=own, upstream_model="tgi")["model"] == "tgi"


@pytest.mark.parametrize("kind", EVERY)
def test_the_payload_names_the_deployments_model_and_holds_what_was_classified(kind: str) -> None:
    ask = chat("un caractère 😀, a number", max_tokens=7, temperature=0.1)
    payload = sent(ask, kind)
    assert payload["model"] == (PINNED.get(kind, {}).get("upstream_model") or "upstream/model")
    assert payload["messages"] == ask.value["messages"]
    assert payload["temperature"] == 0.1
    assert payload["max_tokens"] == 7


@pytest.mark.parametrize("kind", EVERY)
def test_no_header_of_the_client_and_the_deployments_credential_alone_are_sent(kind: str) -> None:
    made = call(chat(stream=True), kind, api_key="upstream-credential")
    assert dict(made.headers) == {
        "content-type": "application/json",
        "accept": "text/event-stream",
        "authorization": "Bearer upstream-credential",
    }
    assert (made.method, made.path) == ("POST", "/chat/completions")
    assert "authorization" not in dict(call(chat(), kind).headers)


@pytest.mark.parametrize("kind", EVERY)
def test_usage_is_asked_for_in_every_stream_where_the_platform_has_to_be_asked(kind: str) -> None:
    payload = sent(chat(stream=True), kind)
    assert payload["stream"] is True
    assert payload.get("stream_options") == (None if kind == "mistral" else {"include_usage": True})
    whole = sent(chat(stream=False, stream_options={"include_usage": True}), kind)
    assert not {"stream", "stream_options"} & whole.keys()


def test_mistral_gets_its_own_names() -> None:
    payload = sent(chat(seed=5, max_completion_tokens=9), "mistral")
    assert payload["random_seed"] == 5
    assert payload["max_tokens"] == 9
    assert not {"seed", "max_completion_tokens"} & payload.keys()
    assert sent(embeddings("a", dimensions=8, encoding_format="base64"), "mistral").keys() == {
        "model",
        "input",
        "output_dimension",
    }


def test_a_cache_partition_is_sent_where_the_deployment_wants_it_and_never_taken_from_the_client() -> None:
    salted = {"options": {"cache_salt": "true"}}
    assert sent(chat(), "openai-compatible", premises=True, **salted)["cache_salt"] == "partition"
    assert "cache_salt" not in sent(chat(), "openai-compatible", premises=True)
    with pytest.raises(Internal):
        call(chat(), "openai-compatible", premises=True, isolation=None, **salted)


def test_what_the_gateway_sets_wins_over_whatever_a_request_holds() -> None:
    ask = chat(stream=True)
    ask.value.update(cache_salt="of somebody else", stream_options={"include_usage": False}, model="other", store=True)
    payload = sent(ask, "openai-compatible", premises=True, options={"cache_salt": "true"})
    assert payload["cache_salt"] == "partition"
    assert payload["stream_options"] == {"include_usage": True}
    assert payload["model"] == "upstream/model"
    assert "store" not in payload


@pytest.mark.parametrize(("kind", "ask"), [("mistral", completions()), ("openai", completions())])
def test_an_endpoint_that_a_deployment_does_not_serve_is_refused(kind: str, ask: Ask) -> None:
    with pytest.raises(Unsupported):
        call(ask, kind, capabilities=Capabilities(frozenset({"chat"})))


def test_tools_pass_where_the_platform_knows_them() -> None:
    ask = chat(tools=[FUNCTION], tool_choice={"type": "function", "function": {"name": "weather"}})
    for kind in EVERY:
        payload = sent(ask, kind)
        if kind == "embedded":
            assert not {"tools", "tool_choice"} & payload.keys()
        else:
            assert payload["tools"] == [FUNCTION]


def test_a_third_party_kind_joins_and_none_takes_a_known_name() -> None:
    assert registry({"own": KINDS["openai"]}).keys() == {*KINDS, "own"}
    with pytest.raises(ConfigurationError):
        registry({"openai": KINDS["together"]})


def test_every_kind_says_what_configuration_needs() -> None:
    for name, kind in KINDS.items():
        facts = kind.facts
        assert facts.capabilities.endpoints
        if facts.managed:
            assert facts.default_base_url is not None, name
            assert facts.default_base_url.startswith("https://")
            assert facts.needs_api_key


def test_a_deployments_credential_shows_in_no_repr() -> None:
    made: Deployment = deployment("together", api_key="upstream-credential")
    assert "upstream-credential" not in repr(made)


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("premises", [True, False])
def test_the_gateways_own_bound_goes_by_the_name_that_the_kind_reads(kind: str, premises: bool) -> None:
    if premises and KINDS[kind].facts.managed:
        return
    fields = sent(bounded(chat()), kind, premises=premises)
    name = "max_completion_tokens" if kind == "openai" else "max_tokens"
    assert {n: fields[n] for n in fields if n.startswith("max_")} == {name: DEFAULT_OUTPUT_TOKENS}


def test_a_callers_bound_stays_and_an_embedding_has_none() -> None:
    assert bounded(chat(max_tokens=5)).bound is None
    assert bounded(embeddings()).bound is None
    assert bounded(completions()).bound == DEFAULT_OUTPUT_TOKENS
