"""Erase values from the vault: an owner's, an end user's, or one value wherever it was masked."""

from __future__ import annotations

from typing import Any

from douane.errors import InvalidRequest
from douane.ports import Vault


async def erase(vault: Vault, owner: str | None, subject: str | None) -> dict[str, Any]:
    """Erase durably; return how many values went. Raises InvalidRequest where nobody is named, StoreFailed."""
    if owner is None and subject is None:
        raise InvalidRequest(
            "Neither an owner nor a subject is named.",
            "Name whose values are to go: an owner of keys, an end user or a value, or both.",
            rule="Nothing is erased by mistake.",
        )
    return {"erased": await vault.erase(owner, subject), "owner": owner, "by_subject": subject is not None}
