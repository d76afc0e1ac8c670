"""What reads for meaning and for names in a command: in this process, and imported only where it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from douane.ports import FindNames, Understand

if TYPE_CHECKING:
    from douane.detect.settings import MeaningSettings


def understand_with(settings: MeaningSettings) -> Understand | None:
    """Return what reads as the settings say, or None where nothing does. Raises ConfigurationErrors."""
    from douane.control.extra_packages import require_extras
    from douane.detect.settings import DetectorSettings

    if not settings.layers:
        return None
    require_extras(DetectorSettings({}, meaning=settings))
    from douane.adapters.inspector.at_once import AtOnce

    return AtOnce(settings)


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
