"""The names that a request may hold, as data: those that belong to the gateway, with a reason each, and those we know.

A field that belongs to the gateway is refused wherever the protocol has fields (law 1). A field that is known may be
named in an error; any other name is content, and is not (law 9).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_UPSTREAM: Final = "The route decides which upstream answers."
_CREDENTIALS: Final = "Credentials of upstreams are the gateway's."
_HEADERS: Final = "Headers, query and body of the upstream call are the gateway's."
_ADAPTER: Final = "Which adapter answers is decided by the route, for the adapter's label counts."
_SLOT: Final = "Slots, queues and workers of an engine are the gateway's: tenants don't meet in them."
_CACHE: Final = "Caches are partitioned by owner and label, by the gateway."
_TEMPLATE: Final = "The chat template belongs to the verified model."
_STORAGE: Final = "Nothing is stored at an upstream for a later request."
_FETCH: Final = "No third party fetches, searches or runs anything for a request."
_CODE: Final = "A request brings no code and no raw tensors to an engine."
_RETRY: Final = "Retries and deadlines are set by the route."
_LIMIT: Final = "The length of an answer is set by `max_tokens` alone, which limits reserve for."
_PRICE: Final = "Prices and processing tiers are set by the deployment."
_TIMING: Final = "An engine's timings and cache hits tell of other tenants."
_MOCK: Final = "Answers come from models."
_OUTPUT: Final = "The gateway relays text answers only."

REFUSED: Final[Mapping[str, str]] = {
    "api_base": _UPSTREAM,  # LiteLLM, MLflow: calls any address
    "base_url": _UPSTREAM,  # the same, by the SDKs' name
    "api_type": _UPSTREAM,  # chooses the dialect, with it the address
    "api_version": _UPSTREAM,  # Azure
    "custom_llm_provider": _UPSTREAM,  # LiteLLM
    "deployment": _UPSTREAM,  # Azure
    "deployment_id": _UPSTREAM,  # Azure, LiteLLM
    "engine": _UPSTREAM,  # legacy name of `model`
    "specific_deployment": _UPSTREAM,  # LiteLLM
    "model_info": _UPSTREAM,  # LiteLLM: chooses a deployment by id
    "fallbacks": _UPSTREAM,  # LiteLLM: the caller's own spill
    "context_window_fallbacks": _UPSTREAM,  # LiteLLM
    "content_policy_fallbacks": _UPSTREAM,  # LiteLLM
    "disable_fallbacks": _UPSTREAM,  # LiteLLM
    "models": _UPSTREAM,  # OpenRouter: a list of fallbacks
    "provider": _UPSTREAM,  # OpenRouter
    "providers": _UPSTREAM,  # brokers
    "provider_options": _UPSTREAM,  # brokers
    "providerOptions": _UPSTREAM,  # Vercel's gateway
    "preset": _UPSTREAM,  # OpenRouter: a stored choice of models and providers
    "route": _UPSTREAM,  # OpenRouter
    "router": _UPSTREAM,  # brokers
    "targets": _UPSTREAM,  # Portkey
    "strategy": _UPSTREAM,  # Portkey
    "region": _UPSTREAM,  # clouds
    "organization": _UPSTREAM,  # OpenAI: chooses who is billed and where data rests
    "project": _UPSTREAM,  # OpenAI: the same
    "agent_id": _UPSTREAM,  # Mistral: a stored model with tools of its own
    "bootstrap_host": _UPSTREAM,  # SGLang: the engine connects there
    "bootstrap_port": _UPSTREAM,  # SGLang
    "bootstrap_room": _UPSTREAM,  # SGLang
    "kv_transfer_params": _UPSTREAM,  # vLLM: names the host that tokens' state is read from
    "safety_model": _UPSTREAM,  # Together: a second model reads the request
    "api_key": _CREDENTIALS,
    "organization_id": _CREDENTIALS,
    "extra_body": _HEADERS,
    "extra_headers": _HEADERS,
    "extra_query": _HEADERS,
    "headers": _HEADERS,
    "default_headers": _HEADERS,
    "proxy_server_request": _HEADERS,  # LiteLLM
    "adapter": _ADAPTER,
    "adapter_id": _ADAPTER,  # LoRAX, TGI
    "adapter_source": _ADAPTER,  # LoRAX: a hub or a bucket
    "adapter_parameters": _ADAPTER,  # LoRAX
    "api_token": _ADAPTER,  # LoRAX: to fetch a private adapter
    "adapters": _ADAPTER,
    "lora": _ADAPTER,  # llama.cpp
    "loras": _ADAPTER,
    "lora_id": _ADAPTER,
    "lora_name": _ADAPTER,
    "lora_path": _ADAPTER,  # SGLang
    "lora_request": _ADAPTER,  # vLLM
    "lora_config": _ADAPTER,  # TensorRT-LLM
    "id_slot": _SLOT,  # llama.cpp
    "slot_id": _SLOT,  # llama.cpp, older
    "session_params": _SLOT,  # SGLang
    "session_id": _SLOT,
    "rid": _SLOT,  # SGLang: two requests with one id meet
    "request_id": _SLOT,  # vLLM: the same
    "priority": _SLOT,  # vLLM, SGLang: before whom it is served
    "data_parallel_rank": _SLOT,  # vLLM, SGLang
    "routed_dp_rank": _SLOT,  # SGLang
    "keep_alive": _SLOT,  # Ollama: how long the model stays loaded, for everybody
    "cache": _CACHE,  # LiteLLM
    "caching": _CACHE,  # LiteLLM
    "cache_prompt": _CACHE,  # llama.cpp
    "cache_salt": _CACHE,  # vLLM
    "extra_key": _CACHE,  # SGLang
    "n_cache_reuse": _CACHE,  # llama.cpp
    "prompt_cache_key": _CACHE,  # OpenAI
    "prompt_cache_retention": _CACHE,  # OpenAI
    "prompt_cache_options": _CACHE,  # OpenAI
    "prompt_cache_isolation_key": _CACHE,  # Fireworks
    "prompt_cache_max_len": _CACHE,  # Fireworks
    "uuid": _CACHE,  # vLLM, in a content part: media that another request sent
    "chat_template": _TEMPLATE,  # vLLM, TGI: code that runs in the engine
    "chat_template_kwargs": _TEMPLATE,  # vLLM, SGLang, llama.cpp
    "chat_template_id": _TEMPLATE,
    "template": _TEMPLATE,  # Ollama
    "tokenizer": _TEMPLATE,
    "store": _STORAGE,  # OpenAI; `false` passes and is dropped
    "previous_response_id": _STORAGE,  # OpenAI
    "conversation": _STORAGE,  # OpenAI
    "conversation_id": _STORAGE,
    "background": _STORAGE,  # OpenAI
    "file_id": _STORAGE,  # OpenAI: content that nobody here has read
    "file_ids": _STORAGE,
    "attachments": _STORAGE,
    "vector_store_ids": _STORAGE,
    "prompt_id": _STORAGE,
    "transforms": _FETCH,  # OpenRouter: rewrites the prompt
    "plugins": _FETCH,  # OpenRouter: web search, file parsers
    "web_search_options": _FETCH,  # OpenAI
    "web_search": _FETCH,
    "search_parameters": _FETCH,
    "documents": _FETCH,  # retrieval by engine or platform
    "data_sources": _FETCH,  # Azure
    "connectors": _FETCH,
    "connector_id": _FETCH,  # OpenAI
    "mcp": _FETCH,
    "mcp_servers": _FETCH,  # Anthropic
    "server_url": _FETCH,  # OpenAI: the platform calls it
    "server_label": _FETCH,
    "guardrails": _FETCH,  # a further service reads the request
    "guardrail_config": _FETCH,  # LiteLLM
    "moderation": _FETCH,  # OpenAI: a further model reads the request
    "callbacks": _FETCH,
    "callback_url": _FETCH,
    "webhook_url": _FETCH,
    "logits_processors": _CODE,  # vLLM: imports Python by name
    "custom_logit_processor": _CODE,  # SGLang: serialised Python
    "custom_params": _CODE,  # SGLang: its arguments
    "vllm_xargs": _CODE,  # vLLM: arguments of plug-ins
    "prompt_embeds": _CODE,  # vLLM: serialised tensors, unreadable
    "input_embeds": _CODE,  # SGLang
    "mm_processor_kwargs": _CODE,  # vLLM, SGLang
    "media_io_kwargs": _CODE,  # vLLM
    "response_fields": _OUTPUT,  # llama.cpp: cuts the answer to fields of the caller's choice
    "audio": _OUTPUT,
    "num_retries": _RETRY,
    "max_retries": _RETRY,
    "timeout": _RETRY,
    "request_timeout": _RETRY,
    "stream_timeout": _RETRY,
    "t_max_predict_ms": _RETRY,  # llama.cpp
    "n_predict": _LIMIT,  # llama.cpp
    "n_cmpl": _LIMIT,  # llama.cpp: another name of `n`
    "max_new_tokens": _LIMIT,  # TGI
    "max_length": _LIMIT,
    "num_predict": _LIMIT,  # Ollama
    "options": _LIMIT,  # Ollama
    "service_tier": _PRICE,  # OpenAI; `auto` and `default` pass and are dropped
    "compliance": _PRICE,  # Together
    "input_cost_per_token": _PRICE,  # LiteLLM
    "output_cost_per_token": _PRICE,  # LiteLLM
    "timings_per_token": _TIMING,  # llama.cpp
    "return_progress": _TIMING,  # llama.cpp
    "perf_metrics_in_response": _TIMING,  # Fireworks
    "return_perf_metrics": _TIMING,  # TensorRT-LLM
    "return_cached_tokens_details": _TIMING,  # SGLang
    "mock_response": _MOCK,  # LiteLLM
}
"""Refused wherever a request has fields of the protocol, with the rule it would break."""

REFUSED_PREFIXES: Final[Mapping[str, str]] = {
    "litellm_": _UPSTREAM,
    "aws_": _CREDENTIALS,
    "azure_": _CREDENTIALS,
    "vertex_": _CREDENTIALS,
    "mock_": _MOCK,
    "x-": _HEADERS,
}

PASSABLE_VALUES: Final[Mapping[str, tuple[object, ...]]] = {
    "store": (False, None),
    "service_tier": ("auto", "default", None),
    "audio": (None,),
}
"""Values with which a refused field says no more than its absence: accepted, and never sent on."""

HARMLESS: Final[frozenset[str]] = frozenset({"user", "metadata", "safety_identifier", "modalities", *PASSABLE_VALUES})
"""Dropped off the premises where a kind does not list them: they change no answer."""

KNOWN: Final[frozenset[str]] = frozenset(
    {
        # the protocol
        "model", "messages", "prompt", "input", "suffix", "role", "content", "name", "tool_calls", "tool_call_id",
        "refusal", "function_call", "functions", "tools", "tool_choice", "parallel_tool_calls", "function", "custom",
        "arguments", "description", "parameters", "strict", "type", "text", "image_url", "url", "detail", "input_audio",
        "data", "format", "file", "file_data", "filename", "video_url", "audio_url", "response_format", "json_schema",
        "schema", "stream", "stream_options", "include_usage", "include_obfuscation", "n", "best_of", "echo", "stop",
        "max_tokens", "max_completion_tokens", "temperature", "top_p", "presence_penalty", "frequency_penalty",
        "logit_bias", "logprobs", "top_logprobs", "seed", "modalities", "prediction", "reasoning_effort", "verbosity",
        "encoding_format", "dimensions", "user", "metadata", "safety_identifier", "annotations", "reasoning_content",
        "reasoning", "cache_control", "allowed_tools", "mode", "index", "id", "grammar",
        # what engines and platforms add
        "top_k", "min_p", "top_a", "tfs_z", "typical_p", "min_tokens", "repetition_penalty", "length_penalty",
        "no_repeat_ngram_size", "ignore_eos", "stop_token_ids", "skip_special_tokens", "spaces_between_special_tokens",
        "include_stop_str_in_output", "guided_json", "guided_regex", "guided_choice", "guided_grammar",
        "guided_decoding_backend", "structured_outputs", "regex", "ebnf", "bad_words", "use_beam_search",
        "add_generation_prompt", "continue_final_message", "add_special_tokens", "truncate_prompt_tokens",
        "prompt_logprobs", "return_token_ids", "separate_reasoning", "reasoning_format", "reasoning_budget", "mirostat",
        "mirostat_tau", "mirostat_eta", "mirostat_lr", "mirostat_target", "dry_multiplier", "dry_base",
        "xtc_probability", "xtc_threshold", "samplers", "n_probs", "safe_prompt", "random_seed", "prompt_mode",
        "output_dimension", "output_dtype", "context_length_exceeded_behavior", "prompt_truncate_len", "raw_output",
        "thinking", "speculation", "typical_acceptance", "truncate", "decoder_input_details", "watermark",
        *REFUSED,
    }
)  # fmt: skip
"""Names of the API itself, which errors may show. Whatever else a client writes as a key is its content."""
