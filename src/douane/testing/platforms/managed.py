"""The managed platforms, as their public API references describe them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from douane.testing.platforms.platform import LocalPlatform, Refusal, openai_error, text_error

KEY = "local-credential"
"""The credential that every platform here asks for."""

_SAMPLING = {"temperature", "top_p", "n", "stop", "presence_penalty", "frequency_penalty", "stream"}
_CHAT = {*_SAMPLING, "model", "messages", "max_tokens", "tools", "tool_choice", "response_format"}
_CACHED = {"prompt_tokens_details": {"cached_tokens": 3}}


def openai() -> LocalPlatform:
    """OpenAI: usage in a chunk of its own, only if asked for; unknown fields are refused."""
    chat = {
        *_CHAT, "max_completion_tokens", "seed", "logit_bias", "logprobs", "top_logprobs", "parallel_tool_calls",
        "user", "metadata", "store", "stream_options", "reasoning_effort", "verbosity", "prediction", "functions",
        "function_call",
    }  # fmt: skip
    completions = {
        *_SAMPLING,
        "model",
        "prompt",
        "suffix",
        "max_tokens",
        "logprobs",
        "echo",
        "seed",
        "logit_bias",
        "stream_options",
    }
    return LocalPlatform(
        prefix="/v1",
        models={"gpt-4o-mini": 64},
        api_key=KEY,
        fields=_fields(chat, completions, {"model", "input", "encoding_format", "dimensions", "user"}),
        strict=True,
        headers={
            "x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "59",
            "x-ratelimit-reset-requests": "1s",
            "x-ratelimit-limit-tokens": "150000", "x-ratelimit-remaining-tokens": "149984",
            "x-ratelimit-reset-tokens": "6m0s",
        },
        usage_noise={**_CACHED, "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0}},
    )  # fmt: skip


def together() -> LocalPlatform:
    """Together: usage with the last choice of a stream; logprobs is a number; base64 vectors are unknown."""
    extra = {
        "top_k", "min_p", "repetition_penalty", "context_length_exceeded_behavior", "seed", "logit_bias",
        "reasoning_effort", "stream_options",
    }  # fmt: skip
    return LocalPlatform(
        prefix="/v1",
        models={"meta-llama/Llama-3.1-8B-Instruct-Turbo": 64},
        api_key=KEY,
        fields=_fields(
            _CHAT | extra, {*_SAMPLING, *extra, "model", "prompt", "max_tokens", "echo"}, {"model", "input"}
        ),
        strict=True,
        usage="last",
        error_body=lambda refusal: {"id": "req-1", **openai_error(refusal)},
        headers={
            "x-ratelimit-limit": "10", "x-ratelimit-remaining": "9", "x-ratelimit-reset": "1",
            "x-tokenlimit-limit": "3000", "x-tokenlimit-remaining": "2990",
        },
        noise={"prompt": [], "warnings": []},
        usage_noise={"cached_tokens": 2},
        base64=False,
    )  # fmt: skip


def fireworks() -> LocalPlatform:
    """Fireworks: a prefix of its own, long model names, metrics in the answer."""
    extra = {
        "max_completion_tokens", "top_k", "min_p", "typical_p", "repetition_penalty", "mirostat_lr", "mirostat_target",
        "prompt_truncate_len", "context_length_exceeded_behavior", "ignore_eos", "reasoning_effort", "seed",
        "logit_bias", "logprobs", "top_logprobs", "parallel_tool_calls", "stream_options", "prediction", "echo",
    }  # fmt: skip

    def error(it: Refusal) -> Any:
        return {
            "error": {"object": "error", "type": it.code, "code": it.code, "message": it.message, "param": it.param}
        }

    return LocalPlatform(
        prefix="/inference/v1",
        models={"accounts/fireworks/models/llama-v3p1-8b-instruct": 64},
        api_key=KEY,
        fields=_fields(
            _CHAT | extra, {*_SAMPLING, *extra, "model", "prompt", "max_tokens"}, {"model", "input", "dimensions"}
        ),
        strict=True,
        error_body=error,
        unknown_model=(404, "NOT_FOUND"),
        noise={"perf_metrics": {"cached-prompt-tokens": 12, "server-time-to-first-token": 0.02}},
        base64=False,
    )


def mistral() -> LocalPlatform:
    """Mistral: no `stream_options`, `random_seed` for `seed`, no text completions."""
    chat = {*_CHAT, "random_seed", "parallel_tool_calls", "safe_prompt", "prompt_mode", "reasoning_effort"}

    def error(refusal: Refusal) -> Any:
        if refusal.status == 401:
            return {"detail": "Unauthorized"}
        if refusal.status == 422:
            place = ["body", refusal.param]
            detail = [{"type": refusal.code, "loc": place, "msg": refusal.message, "input": "echo of the input"}]
            return {"object": "error", "message": {"detail": detail}, "type": "invalid_request_error", "code": None}
        return {"object": "error", "message": refusal.message, "type": refusal.code, "param": None, "code": "1500"}

    return LocalPlatform(
        prefix="/v1",
        models={"mistral-small-latest": 64},
        api_key=KEY,
        endpoints=frozenset({"chat", "embeddings"}),
        fields=_fields(chat, set(), {"model", "input", "output_dimension", "output_dtype"}),
        strict=True,
        usage="last",
        error_body=error,
        unknown_model=(400, "invalid_model"),
        headers={
            "x-ratelimit-limit-req-minute": "60", "x-ratelimit-remaining-req-minute": "58",
            "x-ratelimit-limit-tokens-minute": "500000", "x-ratelimit-remaining-tokens-minute": "499000",
        },
        base64=False,
    )  # fmt: skip


class HuggingFaceRouter(LocalPlatform):
    """The router: a model without a provider is given to whichever is fastest, which a test must never see."""

    __slots__ = ()

    def read(self, body: bytes) -> dict[str, Any]:
        """Parse a body, and refuse a model that pins no provider."""
        value = LocalPlatform.read(self, body)
        if ":" not in str(value.get("model")):
            raise Refusal(400, f"Model {value.get('model')} pins no provider", "model_not_supported", "model")
        return value


def huggingface() -> LocalPlatform:
    """Hugging Face's router: `model:provider`; errors are an object of the router's or a string of the provider's."""
    chat = {
        *_CHAT,
        "seed",
        "logit_bias",
        "logprobs",
        "top_logprobs",
        "parallel_tool_calls",
        "stream_options",
        "top_k",
    } - {"n"}
    return HuggingFaceRouter(
        prefix="/v1",
        models={"meta-llama/Llama-3.1-8B-Instruct:together": 64},
        api_key=KEY,
        fields=_fields(
            chat,
            {*_SAMPLING, "model", "prompt", "max_tokens", "seed", "stream_options"},
            {"model", "input", "encoding_format", "dimensions"},
        ),
        strict=True,
        error_body=text_error,
        unknown_model=(400, "model_not_supported"),
    )


def _fields(chat: set[str], completions: set[str], embeddings: set[str]) -> Mapping[str, frozenset[str]]:
    return {
        "chat": frozenset(chat), "completions": frozenset(completions), "embeddings": frozenset(embeddings)
    }  # fmt: skip
