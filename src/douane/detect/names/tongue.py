"""Which of the languages that there is a model for a text is in, by its commonest words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from typing import Final

_WORDS: Final = re.compile(r"[^\W\d_]+")
_PLAIN: Final = 2


def tongues(text: str, common: Mapping[str, Set[str]]) -> tuple[str, ...]:
    """Return the languages whose models are to read a text: one where that is plain, else each.

    >>> common = {"fr": {"le", "est", "dans"}, "en": {"the", "is", "in"}}
    >>> tongues("Le contrat est dans le dossier.", common), tongues("The contract is here.", common)
    (('fr',), ('en',))
    >>> tongues("Jean Dupont", common), tongues("Le contrat is signed.", common)
    (('fr', 'en'), ('fr', 'en'))
    """
    words = _WORDS.findall(text.lower())
    counts = {tongue: sum(word in known for word in words) for tongue, known in common.items()}
    most = max(counts, key=lambda tongue: counts[tongue])
    others = max([count for tongue, count in counts.items() if tongue != most], default=0)
    return (most,) if counts[most] > _PLAIN * others else tuple(counts)
