"""Does a value look like a live secret, or like something that stands for one?

What people write is made of words: parted by case or signs, digits at their ends, letters that follow each other as in
language. What a machine drew changes between letters, cases and digits every other sign, and puts letters together
that words don't. `oddity` counts that; it needs no word list and does as well on short values as entropy on long ones.
A run of the alphabet or the digits counts as odd too: keys that somebody made up for a test open real doors as well.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

_PLACEHOLDER = re.compile(
    rb"""example|placeholder|xxxx|\*\*\*|\.\.\.|<|>|\$\{|\{\{|\$\(|%s|%\(|dummy|sample|insert|redacted|masked|hidden|todo|
    fixme|replace|getenv|environ|process\.env|undefined|foobar|lorem|secret[_\-]?here|your[_\- ]|votre[_\- ]|
    change(?:[_\- ]?(?:me|it|this))|(?:my|the|some|a)[_\-]?(?:secret|password|token|key)""",
    re.X,
)
_REFERENCE = re.compile(
    rb"""(?:[A-Za-z_][A-Za-z0-9_]*(?:\.|::|->))+[A-Za-z_][A-Za-z0-9_]*      # a dotted name
    |\$[A-Za-z_][A-Za-z0-9_]*(?:::[A-Za-z0-9_]+)*-?|%[A-Z_]+%|@[A-Za-z_]+   # a variable
    |_[A-Za-z_]+|(?=[A-Za-z]*?[Pp]ass)[A-Za-z]++                           # a type, a variable named so
    |[a-z]+(?:_[a-z]+)+|[A-Z]+(?:_[A-Z]+)+|[a-z]+(?:-[a-z]+)+               # a name in words
    |[a-z]+://.*|(?:\.{0,2}/)?(?:[A-Za-z0-9_.\-]+/)+[A-Za-z0-9_.\-]*        # an address, a path
    |[0-9]{1,4}[-/.:][0-9]{1,2}[-/.:][0-9T:.Z+\-]+                          # a time
    |[v^~=<>]{0,2}[0-9]+(?:\.[0-9]+)+                                       # a version
    |[A-Za-z_]+=                                                            # a name
    """,
    re.X | re.S,
)
_EXPRESSION = re.compile(rb"==|&&|\|\||\?[.?]|->|=>|\\(?!/)")
_FILE = re.compile(
    rb"""\.(?:svg|png|gif|jpe?g|ico|webp|js|mjs|ts|tsx|css|map|html?|py|json|ya?ml|toml|lock|xml|txt|md|pem|crt|key|pdf
    |docx?|xlsx?|csv|zip|gz|tgz|whl|jar|so|dll|exe|woff2?|ttf|mp[34])\Z""",
    re.I | re.X,
)
_LONGEST_ENDING = 6
_OTHER = re.compile(rb"(?:sha-?[0-9]{1,3}|md5|blake[23][bs]?)[\-:=]|[A-Za-z_]{2,24}=[^=]", re.I)
"""A digest that says so, another setting."""
_WORDS = frozenset(
    word.encode() for word in (
        "null", "none", "nil", "true", "false", "string", "str", "text", "int", "integer", "number", "bool",
        "boolean", "object", "array", "list", "dict", "any", "bytes", "optional", "required", "default", "password",
        "passwd", "passwort", "contraseña", "senha", "secret", "token", "bearer", "basic", "auto", "disabled",
        "enabled", "empty", "unknown", "invalid", "incorrect", "wrong", "missing", "expired", "reset", "forgot",
        "forgotten", "change", "changed", "never", "always", "pass", "pwd", "user", "username", "tiger",
        "anoncvs", "anonymous",
    )
)  # fmt: skip
_DIGIT, _LOWER, _UPPER = re.compile(rb"[0-9]"), re.compile(rb"[a-z]"), re.compile(rb"[A-Z]")
_SIGNS = re.compile(rb"[./:_\-]+")
_SIGN = re.compile(rb"[!#$%&*+?@^~=]")
_HEX = re.compile(rb"(?:[0-9a-f\-]+|[0-9A-F\-]+)")
_UNUSUAL: Final = re.compile(
    rb"""(?=(?:a[jq]|b[dfghjkmnpqtvwxz]|c[bdfgjmnpqvwxz]|d[bcghjkmnpqvwxyz]|e[hj]|f[bcghjkmnpqvwxyz]|
    g[bcdfgjkmpqtvwxyz]|h[bcdfghjklmnpqsvwxyz]|i[hiquwy]|j[bcdfghijklmnpqrtvwxyz]|k[bcdfghjklmnpqtuvwxyz]|
    l[bcfhjkmqrvwxz]|m[cdfghjknqrtvwxyz]|n[bhjmqrwxz]|o[hjqxyz]|p[bcdfgjkmnqvwxz]|q[a-tv-z]|r[hjqwxz]|s[bfgjqvwxz]|
    t[bgjkqvwxz]|u[hjkoquvwxyz]|v[bcdfghj-np-z]|w[bcdfghj-mp-z]|x[abcdf-hj-oq-su-z]|y[bcdf-moqru-z]|z[bcdfghj-np-z]))""",
    re.X,
)
"""Pairs of letters, half of all, that make up one in twenty of those in words: English, French, German, Spanish,
Italian, Dutch, Portuguese, Swedish and Polish words of the Unicode locale data, French documents, Python's sources."""
_CLASSES: Final = bytes(
    48 if 48 <= sign <= 57 else 97 if 97 <= sign <= 122 else 65 if 65 <= sign <= 90 else 95 for sign in range(256)
)
_CHANGES: Final = (b"0a", b"0A", b"a0", b"A0", b"aA", b"AAa")

_DRAWN: Final = 0.33
_DRAWN_HEXADECIMAL: Final = 0.25
_DRAWN_LETTERS: Final = 0.42
"""So many oddities a sign make a value drawn. Measured at the first hundredth: base62 of 24 signs 0.58, base36 0.42,
hexadecimal 0.25; names in code have 0.05, one in twenty 0.21."""
_FEWEST_SIGNS = 6
_FEWEST_LETTERS = 20
_FEWEST_DIGITS = 24
_READ = 64
_READ_FOR_PLACEHOLDERS = 96


def is_placeholder(value: bytes) -> bool:
    """Tell whether a value stands for a secret instead of being one."""
    if len(set(value)) < 4:
        return True
    return _PLACEHOLDER.search(value[:_READ_FOR_PLACEHOLDERS].lower()) is not None


def is_word(value: bytes) -> bool:
    """Tell whether a value is a word that stands where values do: a type, a state, the name of the thing itself."""
    return value.lower() in _WORDS


def oddity(value: bytes, enough: float = 9.0) -> float:
    """Return how little a value looks written: changes of class, unusual pairs and runs in order, per letter or digit.

    Counting ends where there is `enough`.

    >>> [round(oddity(v), 2) for v in (b"getUserById", b"accessTokenLifetime", b"q8Zr2LxT9vB4", b"0f9e8d7c6b5a")]
    [0.36, 0.11, 1.0, 0.92]
    """
    classes = value.translate(_CLASSES)
    written = len(classes) - classes.count(b"_")
    if not written:
        return 0.0
    odd = 0
    for change in _CHANGES:
        odd += classes.count(change)
    if odd < enough * written:
        odd += len(_UNUSUAL.findall(value.lower()))
    if odd < enough * written:
        steps = bytes([(after - before) & 255 for before, after in pairwise(value)])
        odd += steps.count(b"\x01\x01") + steps.count(b"\x01\x01\x01")
    return odd / written


def is_hexadecimal(value: bytes) -> bool:
    """Tell whether a value could be a digest or a UUID as well as a key."""
    return _HEX.fullmatch(value) is not None


def is_alive(value: bytes, test: str) -> bool:
    """Tell whether a value passes the test that its row names: none, placeholder, password or drawn."""
    if test == "password":
        return looks_like_password(value, quoted=False)
    if test == "drawn":
        return looks_drawn(value)
    return not test or not (is_word(value) or is_placeholder(value))


def looks_like_password(value: bytes, *, quoted: bool) -> bool:
    """Tell whether the value of something called a password could be one: mixed signs, six or more."""
    if len(value) < 6 or is_word(value):
        return False
    digit = _DIGIT.search(value) is not None
    if not digit:
        lower, upper = _LOWER.search(value), _UPPER.search(value, 1)
        if lower is None or (upper is None and _SIGN.search(value) is None):
            return False
    if not (digit and quoted) and (_REFERENCE.fullmatch(value) is not None or _is_expression(value)):
        return False
    return not is_placeholder(value)


def looks_drawn(value: bytes, shortest: int = 16) -> bool:
    """Tell whether a value looks drawn rather than written. Letters alone must be more, digits alone many."""
    size = len(value)
    if size < shortest:
        return False
    head = value[:_READ]
    if len(set(head)) < _FEWEST_SIGNS:
        return False
    if _LOWER.search(head) is None and _UPPER.search(head) is None:
        return size >= _FEWEST_DIGITS and head.isdigit() and not is_placeholder(value)
    if _DIGIT.search(head) is None:
        least = _DRAWN_LETTERS
        if size < _FEWEST_LETTERS:
            return False
    else:
        least = _DRAWN_HEXADECIMAL if _HEX.fullmatch(head) is not None else _DRAWN
    if oddity(head, least) < least:
        return False
    return not (_OTHER.match(value) is not None or _is_expression(value) or _is_written(value) or is_placeholder(value))


def _is_expression(value: bytes) -> bool:
    return _EXPRESSION.search(value) is not None


def _is_written(value: bytes) -> bool:
    """Tell whether a value that is odd is so by its signs: an address, a path of words, a file, a time, a version."""
    if _FILE.search(value, max(0, len(value) - _LONGEST_ENDING)) is not None:
        return True
    if _REFERENCE.fullmatch(value) is None:
        return False
    return all(len(piece) < 16 or oddity(piece[:_READ], _DRAWN) < _DRAWN for piece in _SIGNS.split(value))
