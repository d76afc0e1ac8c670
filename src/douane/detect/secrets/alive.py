"""Does a value look like a live secret, or like something that stands for one?"""

from __future__ import annotations

import re
from math import log2

_PLACEHOLDER = re.compile(
    rb"""example|change[_\- ]?(?:me|it|this)|placeholder|your[_\- ]|votre[_\- ]|xxxx|\*\*\*|\.\.\.|<|>|\$\{|\{\{|\$\(|
    %s|%\(|dummy|sample|insert|redacted|masked|hidden|todo|fixme|replace|getenv|environ|process\.env|undefined|
    (?:my|the|some|a)[_\-]?(?:secret|password|token|key)|secret[_\-]?here|foobar|lorem|0123456789|abcdefgh""",
    re.I | re.X,
)
_REFERENCE = re.compile(
    rb"""(?:[A-Za-z_][A-Za-z0-9_]*(?:\.|::|->))+[A-Za-z_][A-Za-z0-9_]*      # a dotted name
    |\$[A-Za-z_][A-Za-z0-9_]*|%[A-Z_]+%|@[A-Za-z_]+                         # a variable
    |[a-z]+(?:_[a-z]+)+|[A-Z]+(?:_[A-Z]+)+|[a-z]+(?:-[a-z]+)+               # a name in words
    |[a-z]+://.*|(?:\.{0,2}/)?(?:[A-Za-z0-9_.\-]+/)+[A-Za-z0-9_.\-]*        # an address, a path
    |[0-9]{1,4}[-/.:][0-9]{1,2}[-/.:][0-9T:.Z+\-]+                          # a time
    |v?[0-9]+(?:\.[0-9]+)+""",
    re.X,
)
_WORDS = frozenset(
    word.encode() for word in (
        "null", "none", "nil", "true", "false", "string", "str", "text", "int", "integer", "number", "bool",
        "boolean", "object", "array", "list", "dict", "any", "bytes", "optional", "required", "default", "password",
        "passwd", "secret", "token", "bearer", "basic", "auto", "disabled", "enabled", "empty", "unknown", "invalid",
        "incorrect", "wrong", "missing", "expired", "reset", "forgot", "forgotten", "change", "changed", "never",
        "always",
    )
)  # fmt: skip
_DIGIT, _LOWER, _UPPER = re.compile(rb"[0-9]"), re.compile(rb"[a-z]"), re.compile(rb"[A-Z]")
_SIGN = re.compile(rb"[!#$%&*+?@^~=]")
_HEX = re.compile(rb"[0-9a-fA-F\-]+")


def is_placeholder(value: bytes) -> bool:
    """Tell whether a value stands for a secret instead of being one."""
    return _PLACEHOLDER.search(value, 0, 96) is not None or len(set(value)) < 4


def entropy_bits(value: bytes) -> float:
    """Return Shannon's entropy per byte of a value.

    >>> entropy_bits(b"aabb")
    1.0
    """
    size = len(value)
    return -sum((share := value.count(char) / size) * log2(share) for char in set(value))


def looks_like_password(value: bytes, *, quoted: bool) -> bool:
    """Tell whether the value of something called a password could be one: mixed signs, six or more."""
    if len(value) < 6 or value.lower() in _WORDS or is_placeholder(value):
        return False
    if _REFERENCE.fullmatch(value) is not None and not (quoted and _DIGIT.search(value)):
        return False
    digit, lower, upper = _DIGIT.search(value), _LOWER.search(value), _UPPER.search(value, 1)
    if digit is not None:
        return True
    return (lower is not None and upper is not None) or (lower is not None and _SIGN.search(value) is not None)


def looks_random(value: bytes) -> bool:
    """Tell whether a value looks drawn rather than written: long, digits among letters, high entropy."""
    if len(value) < 16 or is_placeholder(value) or _REFERENCE.fullmatch(value) is not None:
        return False
    if _DIGIT.search(value) is None or (_LOWER.search(value) is None and _UPPER.search(value) is None):
        return False
    return entropy_bits(value) >= (2.9 if _HEX.fullmatch(value) else 3.4)
