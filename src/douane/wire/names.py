"""Which names a client may write where a protocol has fields.

Rules enforced:
1. Fields that belong to the gateway are refused by name (law 1, `fields.REFUSED`).
2. A name that differs from a known one only in case or width is refused: some engines read it as the known one.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any, Final

from douane.errors import InvalidRequest, Unsupported
from douane.wire.fields import KNOWN, PASSABLE_VALUES, REFUSED, REFUSED_PREFIXES

_PREFIXES: Final = tuple(REFUSED_PREFIXES)
_PLAIN: Final = KNOWN - REFUSED.keys()


def wrong(param: str, fact: str, fix: str) -> InvalidRequest:
    """Return the error of a field that is not of the protocol. `fact` lacks its full stop."""
    return InvalidRequest(f"{fact}.", fix, rule="Requests follow the OpenAI protocol.", param=param)


def _fold(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


_FOLDED: Final = frozenset(_fold(name) for name in KNOWN)


def check_names(fields: Mapping[str, Any], at: str = "") -> None:
    """Refuse the gateway's own fields, and names that only look different from known ones."""
    if _PLAIN.issuperset(fields):
        return
    for name, item in fields.items():
        if name in REFUSED:
            if not _is_passable(name, item):
                raise _refused(name, REFUSED[name], at)
        elif name in KNOWN:
            continue
        elif (folded := _fold(name)) != name and (folded in _FOLDED or folded.startswith(_PREFIXES)):
            raise wrong(
                at or "body",
                "A field's name differs from a known one only in case or width",
                "Send names in lower case.",
            )
        elif name.startswith(_PREFIXES):
            prefix = next(prefix for prefix in _PREFIXES if name.startswith(prefix))
            raise _refused(f"{prefix}*", REFUSED_PREFIXES[prefix], at)


def _is_passable(name: str, item: Any) -> bool:
    return any(item is value or (type(item) is str and item == value) for value in PASSABLE_VALUES.get(name, ()))


def _refused(name: str, rule: str, at: str) -> Unsupported:
    param = f"{at}/{name}" if at else name
    return Unsupported(f"Field `{param}` belongs to the gateway.", f"Leave out `{name}`.", rule=rule, param=param)
