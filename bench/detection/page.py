"""The part of RESULTS.md that tells of detection: kept through every other run, replaced by a whole run of this one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.detection.measure import Details, Found, Measure, table

BEGIN = "<!-- detection: written by `python -m bench.detection` -->"
END = "<!-- end of detection -->"


def section(
    runs: Sequence[tuple[str, Sequence[Found]]], *, repeat: str, date: str, facts: Mapping[str, str], held_out: bool
) -> str:
    """Return the part as Markdown."""
    measures = [found for _, each in runs for found in each if isinstance(found, Measure)]
    judged = [found for found in measures if found.demand is not None]
    met = sum(found.verdict == "met" for found in judged)
    on = "held-out material" if held_out else "material for developing: no proof of quality"
    parts = [
        BEGIN,
        "## Detection",
        f"Made by `{repeat}` on {date}, on {on}. {met} of {len(judged)} demands met. "
        "Peers in the same run; what each figure means: `bench/README.md`.",
        "\n".join(f"- {name}: {value}" for name, value in facts.items()),
        table(measures),
    ]
    parts += [found.markdown() for _, each in runs for found in each if isinstance(found, Details)]
    return "\n\n".join([*parts, END])


def kept_in(path: Path) -> str:
    """Return the part that a page has, or nothing."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    _, begin, rest = text.partition(BEGIN)
    return f"{begin}{rest.partition(END)[0]}{END}" if begin and END in rest else ""


def put_into(path: Path, part: str) -> None:
    """Put the part into a page in place of the one that is there, or before its notes, or at its end."""
    text = path.read_text(encoding="utf-8") if path.exists() else "# Results\n"
    old = kept_in(path)
    if old:
        text = text.replace(old, part)
    elif "\n## Notes of the run" in text:
        text = text.replace("\n## Notes of the run", f"\n{part}\n\n## Notes of the run", 1)
    else:
        text = f"{text.rstrip()}\n\n{part}\n"
    path.write_text(text, encoding="utf-8")
