"""The closed vocabulary of API keys: words that a reason may name, and that are nobody's content (law 9).

A JSON key in this set is a word of the protocol, not of the caller: it is not scanned as content when it stands as a
key (its value always is), and a place may be told by it. Every other key belongs to the caller.
"""

from __future__ import annotations

API_WORDS: frozenset[str] = frozenset((
    "$defs", "$ref", "$schema", "additionalProperties", "allOf", "allowed_tools", "annotations", "anyOf", "api_base",
    "arguments", "audio", "bbox", "best_of", "budget_tokens", "cache_control", "call_id", "character", "choices",
    "chunking_strategy", "citations", "code", "const", "content", "context", "conversation", "custom", "data",
    "definitions", "delta", "description", "detail", "dimensions", "display", "documents", "echo", "effort",
    "embedding", "encoding_format", "enum", "eos", "error", "example", "examples", "exclusiveMaximum",
    "exclusiveMinimum", "expires_after", "file", "file_data", "file_id", "file_name", "file_url", "filename",
    "finish_reason", "format", "frequency_penalty", "function", "function_call", "functions", "grammar",
    "guided_choice", "guided_decoding", "guided_json", "guided_regex", "id", "image", "image_url", "images",
    "include", "include_usage", "index", "input", "input_audio", "input_schema", "input_text", "instructions",
    "is_error", "items", "json_schema", "keep_alive", "lark", "length_penalty", "logit_bias", "logprobs", "max",
    "maxItems", "maxLength", "max_completion_tokens", "max_output_tokens", "max_tokens", "maximum", "mediaType",
    "media_type", "messages", "metadata", "minItems", "minLength", "min_p", "min_tokens", "minimum", "modalities",
    "mode", "model", "multipleOf", "n", "name", "not", "num_ctx", "num_predict", "object", "oneOf", "options",
    "output", "output_text", "parallel_tool_calls", "parameters", "parts", "pattern", "prediction",
    "presence_penalty", "previous_response_id", "prompt", "prompt_cache_key", "properties", "query", "reasoning",
    "reasoning_content", "reasoning_effort", "refusal", "repeat_penalty", "repetition_penalty", "required",
    "response_format", "results", "role", "safety_identifier", "schema", "search_context_size", "search_parameters",
    "seed", "service_tier", "signature", "size", "skip_special_tokens", "source", "speed", "stop", "stop_sequences",
    "store", "stream", "stream_options", "strict", "suffix", "summary", "system", "temperature", "template", "text",
    "texts", "thinking", "title", "token_ids", "tool_call_id", "tool_calls", "tool_choice", "tool_use_id", "tools",
    "top_a", "top_k", "top_logprobs", "top_n", "top_p", "truncation", "type", "uniqueItems", "url", "usage", "user",
    "user_location", "value", "values", "verbosity", "video", "video_url", "voice",
))  # fmt: skip


def public_place(pointer: str) -> str:
    """Return a JSON pointer as it may be told: its part up to the first word that is the caller's own.

    >>> public_place("/messages/0/content")
    '/messages/0/content'
    >>> public_place("/metadata/jean@example.org~key")
    '/metadata/...'
    """
    if not pointer:
        return "the text"
    told = []
    for word in pointer[1:].split("/"):
        if word not in API_WORDS and not (word.isdecimal() and word.isascii() and len(word) <= 6):
            told.append("...")
            break
        told.append(word)
    return "/" + "/".join(told)
