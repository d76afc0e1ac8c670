"""An estimate of a request's input tokens, before any upstream has counted them: to reserve limits and budget (law 7).

It leans to the high side: what is reserved too much is given back when the upstream's own count settles. Byte-pair
vocabularies of current open models take 3.5 to 5 bytes a token in English, 2.5 to 4 in other European languages and
code, about 3 in Chinese (which is 1 to 1.5 characters). So: three bytes a token, and a few for each message's frame.
Token ids count one each.
"""

from __future__ import annotations

from typing import Any, Final

from douane.wire.call import Ask

BYTES_PER_TOKEN: Final = 3
_TOKENS_PER_MESSAGE: Final = 8


def estimate_input_tokens(ask: Ask, body_bytes: int) -> int:
    """Return the tokens to reserve for a request whose body has `body_bytes` bytes; at least one."""
    by_size = -(-body_bytes // BYTES_PER_TOKEN)
    if ask.endpoint == "chat":
        return by_size + _TOKENS_PER_MESSAGE * len(ask.value["messages"])
    ids = _token_ids(ask.value["prompt" if ask.endpoint == "completions" else "input"])
    return max(1, by_size if ids is None else ids)


def _token_ids(given: Any) -> int | None:
    if type(given) is not list or not given:
        return None
    if type(given[0]) is int:
        return len(given)
    return sum(map(len, given)) if type(given[0]) is list else None
