"""TLS towards upstreams: verification is always on, and who answered is known by the key of its certificate.

Rules enforced:
1. The certificate chain and the host's name are verified; TLS 1.2 is the least. There is no switch to turn it off.
2. A deployment's own `ca_file` replaces the system's authorities, it does not add to them.
3. The environment can't ask for session keys to be written (`SSLKEYLOGFILE` is not looked at).
"""

from __future__ import annotations

import os
import ssl

from douane.core.digest import digest

_SEQUENCE = 0x30
_VERSION = 0xA0


def client_context(ca_file: str | None) -> ssl.SSLContext:
    """Return a verifying context. Reads the authorities, which takes milliseconds. Raises OSError, ssl.SSLError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION
    context.set_alpn_protocols(["http/1.1"])
    if ca_file is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    else:
        context.load_verify_locations(cafile=ca_file)
    return context


class Contexts:
    """One context for each `ca_file`, made anew where the file has changed: no restart to exchange authorities."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[str | None, tuple[tuple[int, ...], ssl.SSLContext]] = {}

    def of(self, ca_file: str | None) -> ssl.SSLContext:
        """Return the context for a file as it is now. Raises OSError, ssl.SSLError where it can't be read."""
        stamp = _stamp(ca_file)
        known = self._known.get(ca_file)
        if known is None or known[0] != stamp:
            known = self._known[ca_file] = stamp, client_context(ca_file)
        return known[1]


def _stamp(path: str | None) -> tuple[int, ...]:
    if path is None:
        return ()
    facts = os.stat(path)
    return facts.st_mtime_ns, facts.st_size, facts.st_ino


def spki_sha256(certificate: bytes) -> str:
    """Return the SHA-256 of a DER certificate's SubjectPublicKeyInfo (RFC 5280, 4.1), as hexadecimal digits.

    It walks to the field instead of loading a certificate library: 11 MB of memory less in every gateway process.
    Raises ValueError where the bytes are no certificate.
    """
    _, start, _ = _element(certificate, 0)
    _, at, end = _element(certificate, start)
    tag, _, after = _element(certificate, at)
    if tag == _VERSION:
        at = after
    for _ in range(5):  # serial number, signature, issuer, validity, subject
        _, _, at = _element(certificate, at)
    tag, _, after = _element(certificate, at)
    if tag != _SEQUENCE or after > end:
        raise ValueError("no SubjectPublicKeyInfo")
    return digest(certificate[at:after])


def _element(der: bytes, at: int) -> tuple[int, int, int]:
    """Return tag, start of content and end of the DER element at `at`."""
    if at + 2 > len(der):
        raise ValueError("the certificate ends early")
    length, start = der[at + 1], at + 2
    if length >= 0x80:
        width = length & 0x7F
        length, start = int.from_bytes(der[start : start + width], "big"), start + width
    if start + length > len(der):
        raise ValueError("the certificate ends early")
    return der[at], start, start + length
