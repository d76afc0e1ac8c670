"""IP addresses, versions 4 and 6, that may name a host or a person (CJEU C-582/14). Loopback and masks name nobody."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from ipaddress import AddressValueError, IPv6Address

from douane.detect.detector import Candidate, windows
from douane.detect.engine import Probe

_OCTET = rb"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_V4 = re.compile(rb"(?<![0-9.])(?:" + _OCTET + rb"\.){3}" + _OCTET + rb"(?![0-9A-Za-z_]|\.[0-9])")
_VERSION_BEFORE = re.compile(rb"(?:\bv|version|release|rev|build|firmware|section|chapitre|article)[ .:=]{0,2}\Z", re.I)
_NOBODY = (b"0.", b"127.0.", b"255.")
_V6_CHARS = b"0123456789abcdefABCDEF:."
_THREE_GROUPS = re.compile(rb"[0-9A-Fa-f]::?[0-9A-Fa-f]{1,4}::?[0-9A-Fa-f]{1,4}:\Z")
_LONGEST_HEAD = 14
_LONG_GROUP = re.compile(rb"[^:.]{5}")
_LONGEST_V6, _DOTS_IN_V6, _MOST_COLONS = 45, (0, 3), 8


class IpDetector:
    """Version 4 by pattern; version 6 by its run of digits and colons, validated by `ipaddress`."""

    name = "ip"
    version = "1"
    probes: tuple[Probe, ...] = (
        Probe(rb"[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]"),
        Probe(rb":[0-9A-Fa-f]{1,4}::?[0-9A-Fa-f]{1,4}:"),
        Probe(rb"[0-9A-Fa-f]{2}::[0-9A-Fa-f:]"),
    )
    """The second is looser than what is looked for: a group before its first colon would cost the scan a half more."""

    def find(self, data: bytes, ends: Sequence[list[int]]) -> Iterator[Candidate]:
        yield from self._version_4(data, ends[0])
        yield from self._version_6(data, ends[1], ends[2])

    @staticmethod
    def _version_4(data: bytes, ends: list[int]) -> Iterator[Candidate]:
        for low, high in windows(ends, 16, 4):
            for found in _V4.finditer(data, low, high):
                start, end = found.span()
                if found[0].startswith(_NOBODY) or _VERSION_BEFORE.search(data, max(0, start - 12), start) is not None:
                    continue
                yield Candidate("IP", start, end, 0.85, "v4", value=found[0])

    @staticmethod
    def _version_6(data: bytes, loose: list[int], strict: list[int]) -> Iterator[Candidate]:
        done = 0
        certain = frozenset(strict)
        for end in sorted(loose + strict):
            if end <= done:
                continue
            if end not in certain and _THREE_GROUPS.search(data, max(0, end - _LONGEST_HEAD), end) is None:
                continue
            before = data[max(done, end - 48) : end]
            start = end - (len(before) - len(before.rstrip(_V6_CHARS)))
            after = data[end : end + 48]
            done = max(end, end + len(after) - len(after.lstrip(_V6_CHARS)))
            if start and (data[start - 1 : start].isalnum() or data[start - 1] == 95):
                continue
            text = data[start:done].rstrip(b".:") if not data[start:done].endswith(b"::") else data[start:done]
            if data[done : done + 1].isalnum() or not any(48 <= char <= 57 for char in text):
                continue
            if len(text) > _LONGEST_V6 or text.count(b".") not in _DOTS_IN_V6 or text.count(b":") > _MOST_COLONS:
                continue  # sooner said than by an exception
            if _LONG_GROUP.search(text) is not None:
                continue
            try:
                address = IPv6Address(text.decode())
            except AddressValueError:
                continue
            if not (address.is_loopback or address.is_unspecified):
                yield Candidate("IP", start, start + len(text), 0.9, "v6", value=address.packed)
