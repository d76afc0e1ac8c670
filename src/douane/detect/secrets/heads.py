"""Which names may share a probe: engines tell one end for each start, so no name of a probe may begin another."""

from __future__ import annotations

from collections.abc import Iterable


def apart(names: Iterable[str]) -> list[list[str]]:
    """Return the names in groups in which none begins another, each group in order.

    >>> apart(["token", "tokens", "key"])
    [['key', 'token'], ['tokens']]
    """
    known = set(names)
    groups: list[list[str]] = []
    for name in sorted(known):
        depth = sum(name[:length] in known for length in range(1, len(name)))
        groups += [[] for _ in range(depth + 1 - len(groups))]
        groups[depth].append(name)
    return groups
