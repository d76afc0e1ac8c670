"""Servers of one's own, as their public documents and sources describe them: vLLM, llama.cpp, Ollama, TGI."""

from __future__ import annotations

import unicodedata
from typing import Any

import orjson

from douane.testing.platforms.platform import LocalPlatform, Refusal, openai_error, text_error

_TIMINGS = {"timings": {"cache_n": 12, "prompt_ms": 3.5, "predicted_ms": 40.0}}
_CACHED = {"prompt_tokens_details": {"cached_tokens": 16}}


def vllm() -> LocalPlatform:
    """vLLM: ignores unknown fields, tells of its prefix cache, writes an error's code as a number."""

    def error(refusal: Refusal) -> Any:
        kind = {404: "NotFoundError", 400: "BadRequestError"}.get(refusal.status, "InternalServerError")
        return {"error": {"message": refusal.message, "type": kind, "param": refusal.param, "code": refusal.status}}

    return LocalPlatform(
        prefix="/v1",
        models={"meta-llama/Llama-3.1-8B-Instruct": 64},
        error_body=error,
        noise={"kv_transfer_params": None, "prompt_logprobs": None, "service_tier": None, "system_fingerprint": "vllm"},
        usage_noise=_CACHED,
        choice_noise={"stop_reason": None, "token_ids": None, "logprobs": None},
    )


class LlamaCpp(LocalPlatform):
    """llama.cpp: answers under any model name, ignores tools, miscounts several choices, holds answers to a schema."""

    __slots__ = ()

    def count(self, given: int, made: int) -> dict[str, Any]:
        """Return the usage of a request: wrong where there are several choices."""
        return super().count(given, min(made, 3))

    def complete(self, endpoint: str, value: Any) -> dict[str, Any]:
        """Return a whole answer, held to the schema where there is one."""
        answer = super().complete(endpoint, value)
        schema = (value.get("response_format") or {}).get("json_schema", {}).get("schema")
        for choice in answer["choices"] if schema else ():
            choice["message"]["content"] = orjson.dumps(example_of(schema, schema)).decode()
        return answer


def llamacpp() -> LocalPlatform:
    """llama.cpp's own server."""
    return LlamaCpp(
        prefix="/v1",
        models={"local": 64},
        api_key="local-credential",
        any_model=True,
        error_body=lambda it: {"error": {"code": it.status, "message": it.message, "type": it.code}},
        noise=_TIMINGS,
        usage_noise=_CACHED,
        tools=False,
    )


class Ollama(LocalPlatform):
    """Ollama: its JSON parser takes a field's name in any case, the last one wins; `-cloud` names run elsewhere."""

    __slots__ = ()

    def read(self, body: bytes) -> dict[str, Any]:
        """Parse a body as Go does: names are folded."""
        folded = {unicodedata.normalize("NFKC", name).casefold(): item for name, item in orjson.loads(body).items()}
        if str(folded.get("model", "")).endswith("cloud"):
            raise Refusal(500, "this content would have left the premises", "leak")
        return folded


def ollama() -> LocalPlatform:
    """Ollama's OpenAI-compatible endpoints: asks for no key, answers one choice whatever `n` says."""
    return Ollama(prefix="/v1", models={"llama3.1:8b": 64}, error_body=openai_error)


def tgi() -> LocalPlatform:
    """Text Generation Inference, also behind Hugging Face's Inference Endpoints: errors are strings."""
    return LocalPlatform(
        prefix="/v1",
        models={"tgi": 64},
        api_key="local-credential",
        endpoints=frozenset({"chat", "completions"}),
        any_model=True,
        error_body=text_error,
    )


def example_of(schema: Any, root: Any) -> Any:
    """Return a value that a JSON Schema admits: what an engine with an enforced grammar would write."""
    if "$ref" in schema:
        return example_of(root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root)
    if "anyOf" in schema:
        return example_of(schema["anyOf"][0], root)
    if schema.get("type") == "object":
        return {name: example_of(item, root) for name, item in schema.get("properties", {}).items()}
    if schema.get("type") == "array":
        return [example_of(schema.get("items", {}), root)]
    plain = {"string": "text", "integer": 1, "number": 1.5, "boolean": True}.get(schema.get("type", ""))
    return schema.get("const", plain)
