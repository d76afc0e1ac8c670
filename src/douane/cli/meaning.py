"""What reads for meaning and for names in a command: in this process, and imported only where it is asked for."""

from __future__ import annotations

from collections.abc import Sequence

from douane.ports import FindNames, Understand


def understand_with(layers: Sequence[str]) -> Understand | None:
    """Return what reads with these layers, or None where there are none. Raises ConfigurationErrors."""
    from douane.control.extra_packages import require_extras
    from douane.detect.settings import DetectorSettings, MeaningSettings

    if not layers:
        return None
    require_extras(DetectorSettings({}, meaning=MeaningSettings(tuple(layers))))
    from douane.adapters.inspector.at_once import AtOnce

    return AtOnce(layers)


def names_with(wanted: bool) -> FindNames | None:
    """Return what finds names in running text, or None where nobody wants it. Raises ConfigurationErrors."""
    from douane.control.extra_packages import require_extras
    from douane.detect.settings import DetectorSettings, NamesSettings

    if not wanted:
        return None
    require_extras(DetectorSettings({}, names=NamesSettings(wanted)))
    from douane.adapters.inspector.name_words import shipped_words
    from douane.adapters.inspector.spacy_names import SpacyNames
    from douane.detect.names.reader import read

    finder, words = SpacyNames(), shipped_words()
    return lambda value, _owner: read(value, finder.find, words)
