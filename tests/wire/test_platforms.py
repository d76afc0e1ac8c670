"""Each kind against a local server that behaves as its platform documents, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httptools
import orjson
import pytest
from wire_harness import FUNCTION, KINDS, chat, completions, deployment, embeddings, events

from douane.core.models.catalogue import Deployment, Endpoint
from douane.errors import InvalidRequest, Unsupported
from douane.testing.platforms import engines, managed
from douane.testing.platforms.platform import LocalPlatform
from douane.testing.platforms.server import LocalServer, Request, Response
from douane.wire.call import Ask, Call, Fault, Usage


@dataclass
class Case:
    """A platform, the kind that speaks to it, and what it calls its model."""

    platform: Callable[[], LocalPlatform]
    kind: str
    model: str
    premises: bool = False
    options: dict[str, str] = field(default_factory=dict)
    endpoints: tuple[str, ...] = ("chat", "completions", "embeddings")


CASES = {
    "openai": Case(managed.openai, "openai", "gpt-4o-mini"),
    "together": Case(managed.together, "together", "meta-llama/Llama-3.1-8B-Instruct-Turbo"),
    "fireworks": Case(managed.fireworks, "fireworks", "accounts/fireworks/models/llama-v3p1-8b-instruct"),
    "mistral": Case(managed.mistral, "mistral", "mistral-small-latest", endpoints=("chat", "embeddings")),
    "huggingface": Case(
        managed.huggingface, "huggingface", "meta-llama/Llama-3.1-8B-Instruct", options={"provider": "together"}
    ),
    "inference-endpoint": Case(engines.tgi, "huggingface", "tgi", endpoints=("chat", "completions")),
    "vllm": Case(engines.vllm, "openai-compatible", "meta-llama/Llama-3.1-8B-Instruct", premises=True),
    "vllm-elsewhere": Case(engines.vllm, "openai-compatible", "meta-llama/Llama-3.1-8B-Instruct"),
    "ollama": Case(engines.ollama, "openai-compatible", "llama3.1:8b", premises=True),
    "llamacpp": Case(engines.llamacpp, "openai-compatible", "local", premises=True),
    "embedded": Case(engines.llamacpp, "embedded", "local", premises=True),
}
every = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


@dataclass
class Got:
    """What came back over the socket."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    pieces: list[bytes] = field(default_factory=list)
    done: bool = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode().lower()] = value.decode()

    def on_body(self, body: bytes) -> None:
        self.pieces.append(body)

    def on_message_complete(self) -> None:
        self.done = True


async def exchange(port: int, prefix: str, call: Call) -> Got:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = [
        f"{call.method} {prefix}{call.path} HTTP/1.1",
        f"host: 127.0.0.1:{port}",
        f"content-length: {len(call.payload)}",
    ]
    head += [f"{name}: {text}" for name, text in call.headers]
    writer.write("\r\n".join(head).encode() + b"\r\n\r\n" + call.payload)
    got = Got()
    parser = httptools.HttpResponseParser(got)
    while not got.done:
        data = await reader.read(37)  # odd on purpose: events arrive in pieces
        assert data, "the platform closed the connection"
        parser.feed_data(data)
    got.status = parser.get_status_code()
    writer.close()
    await writer.wait_closed()
    return got


def on_platform(case: Case, use: Callable[[LocalPlatform, Any, Any], Awaitable[None]], key: str = managed.KEY) -> None:
    async def session() -> None:
        platform = case.platform()
        async with LocalServer(platform) as server:
            made: Deployment = deployment(
                case.kind,
                endpoint=Endpoint("http", "127.0.0.1", server.port, platform.prefix),
                upstream_model=case.model,
                api_key=key if platform.api_key else None,
                options=case.options,
            )

            async def send(ask: Ask) -> Got:
                call = KINDS[case.kind].call(ask, made, premises=case.premises, isolation="partition")
                return await exchange(server.port, platform.prefix, call)

            await use(platform, made, send)

    asyncio.run(session())


def reply_of(case: Case, ask: Ask, made: Deployment, got: Got) -> Any:
    assert got.status == 200, b"".join(got.pieces)
    reply = KINDS[case.kind].reader(ask, made).read(b"".join(got.pieces))
    assert reply.fault is None
    return reply


@every
def test_a_chat_is_answered_whole_with_usage_under_the_routes_name(case: Case) -> None:
    async def use(platform: LocalPlatform, made: Deployment, send: Any) -> None:
        ask = chat("three words here", max_completion_tokens=2, temperature=0.5, user="jean", store=False)
        got = await send(ask)
        reply = reply_of(case, ask, made, got)
        value = orjson.loads(reply.payload)
        assert value["model"] == "route"
        assert value["choices"][0]["message"]["content"] == "three words "
        assert value["choices"][0]["finish_reason"] == "length"
        assert reply.usage == Usage(3, 2)
        assert b"cached" not in reply.payload
        assert b"timings" not in reply.payload

    on_platform(case, use)


@every
@pytest.mark.parametrize("wanted", [True, False])
def test_a_chat_is_streamed_with_usage_metered_whether_or_not_the_client_asked(case: Case, wanted: bool) -> None:
    async def use(platform: LocalPlatform, made: Deployment, send: Any) -> None:
        ask = chat("three words here", stream=True, stream_options={"include_usage": wanted})
        got = await send(ask)
        relay = KINDS[case.kind].relay(ask, made)
        sent = b"".join([*(relay.feed(piece) for piece in got.pieces), relay.finish()])
        seen = events(sent)
        assert seen[-1] == "[DONE]"
        text = "".join(e["choices"][0]["delta"].get("content") or "" for e in seen[:-1] if e["choices"])
        assert text == "three words here "
        assert relay.usage == Usage(3, 3)
        assert relay.complete
        assert relay.output_pieces == 3
        assert sum(bool(e.get("usage")) for e in seen[:-1]) == int(wanted)
        assert b"cached" not in sent
        assert b"timings" not in sent

    on_platform(case, use)


@every
def test_text_completions_and_embeddings_are_answered_where_the_platform_serves_them(case: Case) -> None:
    async def use(platform: LocalPlatform, made: Deployment, send: Any) -> None:
        if "completions" in case.endpoints:
            ask = completions("once upon a time", max_tokens=2)
            reply = reply_of(case, ask, made, await send(ask))
            assert orjson.loads(reply.payload)["choices"][0]["text"] == "once upon "
            assert reply.usage == Usage(4, 2)
        if "embeddings" in case.endpoints:
            for encoding, vector in (("float", [1.0, 2.0]), ("base64", "AACAPwAAAEA=")):
                ask = embeddings(["one two", "three"], encoding_format=encoding)
                reply = reply_of(case, ask, made, await send(ask))
                rows = orjson.loads(reply.payload)["data"]
                assert [row["embedding"] for row in rows] == [vector, vector]
                assert reply.usage == Usage(3, 0)

    on_platform(case, use)


@every
def test_a_forced_call_comes_back_as_a_call_whole_and_streamed(case: Case) -> None:
    async def use(platform: LocalPlatform, made: Deployment, send: Any) -> None:
        if not platform.tools and case.kind != "embedded":
            return
        for stream in (False, True):
            ask = chat("weather?", tools=[FUNCTION], tool_choice="required", stream=stream)
            got = await send(ask)
            if stream:
                relay = KINDS[case.kind].relay(ask, made)
                sent = b"".join([*(relay.feed(piece) for piece in got.pieces), relay.finish()])
                deltas = [event["choices"][0]["delta"] for event in events(sent)[:-1]]
                calls = [delta["tool_calls"][0] for delta in deltas if "tool_calls" in delta]
            else:
                reply = reply_of(case, ask, made, got)
                calls = orjson.loads(reply.payload)["choices"][0]["message"]["tool_calls"]
            assert calls[0]["function"]["name"] == "weather"
            assert isinstance(orjson.loads(calls[0]["function"]["arguments"]), dict)

    on_platform(case, use)


@every
def test_two_choices_come_back_as_two_or_not_at_all(case: Case) -> None:
    async def use(platform: LocalPlatform, made: Deployment, send: Any) -> None:
        ask = chat("two words", n=2)
        if not made.capabilities.choices:
            with pytest.raises(Unsupported):
                await send(ask)
            return
        reply = reply_of(case, ask, made, await send(ask))
        assert len(orjson.loads(reply.payload)["choices"]) == 2
        if case.kind == "embedded":
            assert reply.usage is None
        elif case.platform is not engines.llamacpp:  # which miscounts them, and is not known to be llama.cpp there
            assert reply.usage == Usage(2, 4)

    on_platform(case, use)


def fault_of(case: Case, got: Got) -> Fault:
    assert got.status != 200
    return KINDS[case.kind].fault(got.status, got.headers, b"".join(got.pieces))


@every
def test_a_wrong_credential_is_our_fault_and_is_not_shown(case: Case) -> None:
    async def use(platform: LocalPlatform, made: Deployment, send: Any) -> None:
        if platform.api_key is None:
            return
        read = fault_of(case, await send(chat()))
        assert (read.code, read.elsewhere_only, read.retryable) == ("upstream_failed", True, False)
        assert "wrong" not in read.message

    on_platform(case, use, key="wrong-credential")


@every
def test_an_unknown_model_is_our_fault(case: Case) -> None:
    other = Case(case.platform, case.kind, "no-such:model", case.premises)

    async def use(platform: LocalPlatform, made: Deployment, send: Any) -> None:
        if platform.any_model:
            return
        read = fault_of(other, await send(chat()))
        assert (read.code, read.elsewhere_only) == ("upstream_failed", True)

    on_platform(other, use)


@every
def test_an_input_that_is_too_long_is_the_requests_fault_in_the_platforms_words(case: Case) -> None:
    async def use(platform: LocalPlatform, made: Deployment, send: Any) -> None:
        read = fault_of(case, await send(chat("word " * 100)))
        assert (read.code, read.status) == ("invalid_request", 400)
        assert "context length" in read.message

    on_platform(case, use)


@every
def test_each_platforms_way_of_failing_is_read(case: Case) -> None:
    async def use(platform: LocalPlatform, made: Deployment, send: Any) -> None:
        for status, code, retryable in (
            (400, "invalid_request", False),
            (429, "rate_limited", True),
            (503, "upstream_failed", True),
        ):
            platform.queue.append(platform.refuse(status, "said by the platform", "some_code"))
            read = fault_of(case, await send(chat()))
            assert (read.code, read.retryable) == (code, retryable)
        platform.queue.append(Response(200, (b"<html>maintenance</html>",)))
        got = await send(chat())
        assert KINDS[case.kind].reader(chat(), made).read(b"".join(got.pieces)).fault is not None

    on_platform(case, use)


@every
def test_a_stream_that_the_platform_breaks_off_never_looks_complete(case: Case) -> None:
    async def use(platform: LocalPlatform, made: Deployment, send: Any) -> None:
        ask = chat("three words here", stream=True)
        whole = platform.respond(_request(case, ask, made, platform))
        for count in range(len(whole.parts) - 1):
            if b'"stop"' in b"".join(whole.parts[:count]):
                break
            platform.queue.append(Response(200, whole.parts[:count], stream=True))
            got = await send(ask)
            relay = KINDS[case.kind].relay(ask, made)
            sent = b"".join([*(relay.feed(piece) for piece in got.pieces), relay.finish()])
            assert b"[DONE]" not in sent
            assert events(sent)[-1]["error"]

    on_platform(case, use)


def _request(case: Case, ask: Ask, made: Deployment, platform: LocalPlatform) -> Request:
    call = KINDS[case.kind].call(ask, made, premises=case.premises, isolation="partition")
    return Request(call.method, platform.prefix + call.path, dict(call.headers), call.payload)


@pytest.mark.parametrize("name", ["openai", "together", "mistral"])
def test_what_is_left_of_our_limits_is_read_from_real_headers(name: str) -> None:
    case = CASES[name]

    async def use(platform: LocalPlatform, made: Deployment, send: Any) -> None:
        state = KINDS[case.kind].rate_limits((await send(chat())).headers)
        assert state is not None
        assert state.requests_remaining is not None
        assert state.tokens_remaining is not None

    on_platform(case, use)


@pytest.mark.parametrize("name", ["Model", "MODEL", "ｍodel", "mOdel"])
def test_no_name_in_disguise_moves_an_engine_to_a_model_of_its_makers_cloud(name: str) -> None:
    """Ollama's parser folds names: a second `model` in disguise would win over ours."""
    body = {"model": "llama3.1:8b", "messages": [{"role": "user", "content": "hi"}], name: "kimi-k2:cloud"}
    request = Request("POST", "/v1/chat/completions", {}, orjson.dumps(body))
    assert b"left the premises" in engines.ollama().respond(request).body
    with pytest.raises(InvalidRequest):
        chat(**{name: "kimi-k2:cloud"})


def test_everything_that_the_platforms_refuse_as_unknown_is_refused_by_us_first() -> None:
    """A strict platform answers 422 to an unknown field: none of ours may be one."""
    for name in ("openai", "together", "fireworks", "mistral", "huggingface"):
        case = CASES[name]
        dialect = KINDS[case.kind]
        platform = case.platform()
        for endpoint, taken in platform.fields.items():
            for sent_name in {*dialect.listing.get(endpoint, {})} - {*dialect.renames} - dialect.drops:  # type: ignore[attr-defined]
                assert sent_name in taken, (name, endpoint, sent_name)
