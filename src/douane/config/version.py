"""The version of what was compiled: the digest of its content, whatever the order of keys or the comments.

A secret takes part by its digest, so that a changed one changes the version, and the version tells nothing of it.
Two snapshots with one version decide alike; comparing versions is how a reload knows that nothing changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import is_dataclass, replace
from typing import Any

from douane.core.digest import canonical, digest
from douane.core.traffic.snapshot import Snapshot

_SECRETS = frozenset({"api_key"})
_NOT_CONTENT = frozenset({"version"})


def version_of(value: Any) -> str:
    """Return the digest of a compiled value, its own `version` left aside."""
    return digest(canonical(_plain(value)))


def with_version(snapshot: Snapshot) -> Snapshot:
    """Return the snapshot with the version that its content has: to be called by whoever changes a snapshot."""
    return replace(snapshot, version=version_of(snapshot))


def _plain(value: Any) -> Any:
    if value is None or type(value) in (bool, int, str):
        return value
    if is_dataclass(value):
        names = value.__dataclass_fields__.keys() - _NOT_CONTENT
        return {name: _field(name, getattr(value, name)) for name in names}
    if isinstance(value, Mapping):
        return {_name(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, set | frozenset | list | tuple):
        items = [_plain(inner) for inner in value]
        return sorted(items) if isinstance(value, set | frozenset) else items
    return repr(value) if type(value) is float else str(value)  # floats do not belong into what is hashed


def _name(name: Any) -> str:
    return ">".join(name) if isinstance(name, tuple) else str(name)


def _field(name: str, value: Any) -> Any:
    if name in _SECRETS and value is not None:
        return digest(b"douane secret\0" + str(value).encode())
    return _plain(value)
