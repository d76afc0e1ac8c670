"""First stage: whose key is it? Nothing of a request is read before that is known."""

from __future__ import annotations

from hashlib import sha256

from douane.core.traffic.snapshot import Key
from douane.errors import Unauthenticated
from douane.ports import Clock, Keys
from douane.wire.head import Head

_MAX_SECRET_BYTES = 512


class Authenticator:
    """Finds the key of a request's secret, in `authorization: Bearer` or `x-api-key`."""

    def __init__(self, keys: Keys, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock

    def __call__(self, head: Head) -> Key:
        """Return the key; Unauthenticated where there is none, or an unknown, expired or revoked one."""
        secret = _secret(head)
        key = self._keys.find(sha256(secret).hexdigest())
        if key is None or key.digest in self._keys.revocations().keys:
            raise _refused("The API key is unknown or revoked.")
        if key.expires_at is not None and self._clock.now_us() >= key.expires_at * 1_000_000:
            raise _refused("The API key has expired.")
        return key


def _secret(head: Head) -> bytes:
    secret = b""
    for name, value in head.headers:
        if name == b"authorization":
            scheme, _, credentials = value.partition(b" ")
            given = credentials.strip() if scheme.lower() == b"bearer" else b""
        elif name == b"x-api-key":
            given = value
        else:
            continue
        if given and secret and given != secret:
            raise _refused("The request carries different API keys.")
        secret = given or secret
    if not secret:
        raise _refused("The request carries no API key.")
    if len(secret) > _MAX_SECRET_BYTES:
        raise _refused("The API key is longer than any key that Douane makes.")
    return secret


def _refused(fact: str) -> Unauthenticated:
    return Unauthenticated(
        fact,
        "Send one valid key as `Authorization: Bearer ...` or `x-api-key`; `douane keys create` makes one.",
        rule="Every request carries one valid key.",
    )
