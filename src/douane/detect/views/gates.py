"""The coarse gates: cheap signs that some view may have to look closer.

The views' own gates that hold no literal cost the scan five times what all detectors cost together. So they are asked
in a pass of their own, only where one of these fired: most texts hold none. All that begins with a digit is one pattern
in an automaton of its own, since then the engine skips from digit to digit; as several it would follow every letter.
"""

from __future__ import annotations

from typing import Final

from douane.detect.engine import Probe

_APART = rb"[ .\-_*|/~\xa0\xaf\xb7\t\n]"
_BYTE: Final = rb"[ :,\-] ?(?:0x)?[0-9A-Fa-f]{2}"
COARSE: Final = (
    Probe(
        rb"[0-9](?:[A-Za-z|]{1,12}[0-9A-Z+/]|[A-Z][A-Z]|[eE]\+?1[0-9]|[0-9]{17}"
        + rb"|" + (_APART + rb"{1,2}[ -~]") * 3 + _APART
        + rb"|[ .\-](?:[A-Za-z|]{1,2}[0-9]|[OolI|]{1,2}[ .\-])|[OolI|]{1,4}[^A-Za-z0-9]|[A-Za-z][ .\-][0-9]"
        + rb"|[ \-]?\r?\n[ >\t]{0,4}[0-9A-Z@]|\r?\n[^\n\x00]{1,8}\n|[ \-]?(?:\*|__|~~|`|\\|<)[ \-]?[0-9A-Za-z@./*`]"
        + rb"|\+[0-9A-Z]{2,4}\+|[0-9A-Fa-f]" + _BYTE * 6 + rb")",
        once=True, alone=True,
    ),
    Probe(rb"[A-Za-z0-9+/]{10}=", once=True),
    Probe(rb"[I-O][CDSTijyz][AEIMQUYcgkosw048][g-z0-9+/]" * 2, once=True),
    Probe(rb"[0-9]", once=True, heads=(b" O", b" o", b" l", b" I")),
    Probe(rb"[0-9]{4}", once=True, heads=(b'"O', b'"o', b'"l', b'"I', b"=O", b"=o", b"=l", b"=I")),
    Probe(
        rb"[ .\-][0-9]", once=True,
        heads=tuple(rb"[^A-Za-z0-9]" + zero + one for zero in (b"O", b"o") for one in (b"O", b"o", b"l", b"I", rb"\|")),
    ),
    Probe(_APART + rb"@" + _APART, once=True),
    Probe(rb"@[a-z0-9.\-]{0,24}\r?\n", once=True),
    *(Probe(words, once=True) for words in (b"S E C R", b"C O N F I", b"R E S T R", b"P R I V")),
)  # fmt: skip
