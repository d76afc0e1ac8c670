"""openai-python and langchain-openai against a running gateway: what developers use works unchanged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import orjson
import pytest
import tiktoken
from langchain_openai import OpenAIEmbeddings
from leak_world import error_reply, good, piece
from pydantic import BaseModel, SecretStr
from running import TWO_ZONES, Beside, Running, cli, douane_up, upstreams

from douane.testing.hostile_server import HostileServer, Request, answers, cut_stream, ok_json, ok_sse, stalls
from douane.testing.scripted_upstream import Reply

IBAN = "Pay FR14 2004 1010 0505 0001 3M02 606"


class Place:
    """The gateway, its client and its two upstreams."""

    def __init__(self, running: Running, beside: Beside, own: HostileServer, far: HostileServer) -> None:
        assert running.key is not None
        self.running, self.beside, self.own, self.far = running, beside, own, far
        self.client = openai.OpenAI(base_url=f"{running.url}/v1", api_key=running.key, max_retries=0, timeout=30)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with upstreams(2) as (beside, (own, far)):
        config = TWO_ZONES.format(own=own.url, far=far.url)
        with douane_up(tmp_path_factory.mktemp("sdk"), config) as running:
            yield Place(running, beside, own, far)


@pytest.fixture
def place(house: Place) -> Place:
    for server in (house.own, house.far):
        server.received.clear()
        for path in ("chat/completions", "completions", "embeddings"):
            endpoint = path.split("/")[0]
            server.choose(f"/v1/{path}", lambda request, e=endpoint: honest(e, request))  # type: ignore[misc]
    return house


def honest(endpoint: str, request: Request) -> Any:
    body = orjson.loads(request.body)
    reply = good(endpoint, stream=bool(body.get("stream")))
    return played(reply)


def played(reply: Reply) -> Any:
    whole = b"".join(chunk for chunk in reply.chunks if isinstance(chunk, bytes))
    if reply.headers["content-type"].startswith("text/event-stream"):
        return ok_sse(*(event.removeprefix(b"data: ") for event in whole.split(b"\n\n") if event))
    return answers(whole, status=reply.status)


def user(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


def test_public_text_goes_to_the_cloud_and_an_iban_stays(place: Place) -> None:
    far = place.client.chat.completions.with_raw_response.create(model="chat", messages=user("hello"))
    own = place.client.chat.completions.with_raw_response.create(model="chat", messages=user(IBAN))
    assert far.headers["x-douane-zone"] == "cloud"
    assert own.headers["x-douane-zone"] == "premises"
    assert own.headers["x-douane-level"] == "confidential"
    assert far.parse().choices[0].message.content == "ok"
    assert far.parse().model == "chat"
    assert len(place.far.received) == 1
    assert b"FR14" not in place.far.received[0].body


def test_a_stream_arrives_whole_and_gives_usage_only_to_who_asks(place: Place) -> None:
    stream = place.client.chat.completions.create(model="chat", messages=user("hello"), stream=True)
    chunks = list(stream)
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "ok"
    assert all(c.usage is None for c in chunks)
    asked = place.client.chat.completions.create(
        model="chat", messages=user("hello"), stream=True, stream_options={"include_usage": True}
    )
    assert [c.usage.total_tokens for c in asked if c.usage] == [4]
    assert orjson.loads(place.far.received[0].body)["stream_options"] == {"include_usage": True}


def test_tools_pass_both_ways(place: Place) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Paris"}'}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    choice = {"index": 0, "finish_reason": "tool_calls", "message": message}
    body = {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice],
            "usage": {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}}  # fmt: skip
    place.far.behave("/v1/chat/completions", ok_json(orjson.dumps(body)))
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    tool: Any = {"type": "function", "function": {"name": "weather", "parameters": parameters}}
    answer = place.client.chat.completions.create(
        model="chat", messages=user("weather?"), tools=[tool], tool_choice="required"
    )
    calls = answer.choices[0].message.tool_calls
    assert calls is not None
    assert calls[0].function.arguments == '{"city":"Paris"}'  # type: ignore[union-attr]
    sent = orjson.loads(place.far.received[0].body)
    assert sent["tools"] == [tool]
    assert sent["tool_choice"] == "required"


def test_a_json_schema_is_parsed_into_the_callers_model(place: Place) -> None:
    class City(BaseModel):
        name: str

    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": '{"name":"Paris"}'}}
    body = {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice],
            "usage": {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}}  # fmt: skip
    place.far.behave("/v1/chat/completions", ok_json(orjson.dumps(body)))
    parsed = place.client.chat.completions.parse(model="chat", messages=user("a city"), response_format=City)
    assert parsed.choices[0].message.parsed == City(name="Paris")
    assert orjson.loads(place.far.received[0].body)["response_format"]["type"] == "json_schema"


def test_completions_and_embeddings(place: Place) -> None:
    assert place.client.completions.create(model="chat", prompt="hello").choices[0].text == "ok"
    vectors = place.client.embeddings.create(model="chat", input="hello", encoding_format="float")
    assert vectors.data[0].embedding == [0.5]
    assert vectors.usage.total_tokens == 3


def test_token_ids_of_langchain_stay_on_the_premises(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    bytewise = tiktoken.Encoding(
        "bytewise", pat_str=r"[\s\S]", mergeable_ranks={bytes([i]): i for i in range(256)}, special_tokens={}
    )
    monkeypatch.setattr(tiktoken, "encoding_for_model", lambda _name: bytewise)
    assert place.running.key is not None
    embeddings = OpenAIEmbeddings(
        model="chat", base_url=f"{place.running.url}/v1", api_key=SecretStr(place.running.key), max_retries=0
    )
    assert embeddings.embed_query("hello") == [0.5]
    assert place.far.received == []
    sent = orjson.loads(place.own.received[0].body)
    assert sent["input"] == [list(b"hello")]


def test_models_are_the_routes(place: Place) -> None:
    assert [m.id for m in place.client.models.list()] == ["chat"]
    assert place.client.models.retrieve("chat").id == "chat"
    with pytest.raises(openai.NotFoundError):
        place.client.models.retrieve("gpt-9")


def test_errors_have_the_sdks_own_types(place: Place) -> None:
    stranger = openai.OpenAI(base_url=f"{place.running.url}/v1", api_key="dn-nobody", max_retries=2)
    with pytest.raises(openai.AuthenticationError) as refused:
        stranger.chat.completions.create(model="chat", messages=user("hello"))
    assert refused.value.code == "unauthenticated"
    with pytest.raises(openai.PermissionDeniedError) as forbidden:
        place.client.chat.completions.create(model="gpt-9", messages=user("hello"))
    assert forbidden.value.code == "forbidden_route"
    with pytest.raises(openai.BadRequestError) as unsupported:
        place.client.chat.completions.create(model="chat", messages=user("hello"), extra_body={"fallbacks": ["far"]})
    assert unsupported.value.code == "unsupported"
    assert "fallbacks" in str(unsupported.value)
    assert place.far.received == []


def test_a_refusal_is_not_retried_by_the_sdk(place: Place) -> None:
    eager = place.client.with_options(max_retries=3)
    with pytest.raises(openai.BadRequestError):
        eager.chat.completions.create(model="chat", messages=[], temperature=1)


def test_an_upstream_that_recovers_is_tried_again_by_us(place: Place) -> None:
    answered = iter([played(error_reply(500))])
    place.far.choose("/v1/chat/completions", lambda request: next(answered, honest("chat", request)))
    raw = place.client.chat.completions.with_raw_response.create(model="chat", messages=user("hello"))
    assert raw.headers["x-douane-attempts"] == "2"
    assert raw.headers["x-douane-zone"] == "premises"


def test_the_upstreams_refusal_of_a_request_reaches_the_caller(place: Place) -> None:
    body = orjson.dumps(
        {"error": {"message": "too hot", "type": "invalid_request_error", "param": "temperature", "code": None}}
    )
    place.far.behave("/v1/chat/completions", answers(body, status=400))
    with pytest.raises(openai.BadRequestError, match="too hot"):
        place.client.chat.completions.create(model="chat", messages=user("hello"))
    assert place.own.received == []


def test_a_cut_stream_raises(place: Place) -> None:
    event = piece("chat", "half").removeprefix(b"data: ").strip()
    for server in (place.own, place.far):
        server.behave("/v1/chat/completions", cut_stream(event))
    stream = place.client.chat.completions.create(model="chat", messages=user("hello"), stream=True)
    with pytest.raises(openai.APIError, match="closed the connection"):
        list(stream)


def test_a_stream_that_ends_cleanly_without_a_finish_reason_raises_too(place: Place) -> None:
    event = piece("chat", "half").removeprefix(b"data: ").strip()
    for server in (place.own, place.far):
        server.behave("/v1/chat/completions", ok_sse(event, b"[DONE]"))
    with pytest.raises(openai.APIError, match="complete"):
        list(place.client.chat.completions.create(model="chat", messages=user("hello"), stream=True))


def test_closing_a_stream_closes_the_upstream(place: Place) -> None:
    for server in (place.own, place.far):
        server.behave("/v1/chat/completions", stalls(stream_head() + framed(piece("chat", "first"))))
    stream = place.client.chat.completions.create(model="chat", messages=user("hello"), stream=True)
    next(iter(stream))
    stream.close()
    asked = place.far if place.far.received else place.own  # the cloud may be resting after its failures
    place.beside.run(closed(asked.connections[asked.received[0].connection]))


async def closed(connection: Any) -> None:
    await connection.closed.wait()


def stream_head() -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def framed(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def test_the_ledger_knows_every_request_of_this_module(house: Place) -> None:
    report = orjson.loads(cli("ledger", "report", "--json", data=house.running.data))
    rows = {(r["deployment"], r["zone"]): r for r in report["rows"]}
    assert rows["far", "cloud"]["attempts"] > 0
    assert rows["own", "premises"]["attempts"] > 0
    assert rows["far", "cloud"]["currency"] == "EUR"
    assert "sound" in cli("ledger", "verify", data=house.running.data)
