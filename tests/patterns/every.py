"""Print every pattern that the product compiles, as JSON: run in a process of its own, before anything is imported.

Patterns compiled when they are first needed are asked for. Where one was compiled is told by module and name, or by
module alone where it has no name of its own.
"""

from __future__ import annotations

import ast
import importlib
import json
import pkgutil
import re
import sys
from pathlib import Path
from typing import Any

PRODUCT = "douane"
_APART = ("douane.adapters.store.migrations", "douane.testing", "douane.__main__")

seen: dict[tuple[str | bytes, int], tuple[str, int]] = {}
_compile = re._compile


def _noted(pattern: Any, flags: Any) -> re.Pattern[Any]:
    frame = sys._getframe(1)
    while frame.f_globals.get("__name__") == "re" and frame.f_back is not None:
        frame = frame.f_back
    module = str(frame.f_globals.get("__name__", ""))
    if module.split(".")[0] == PRODUCT and isinstance(pattern, (str, bytes)):
        seen.setdefault((pattern, int(flags)), (module, frame.f_lineno))
    return _compile(pattern, flags)


def _use() -> None:
    """Import all of the product, and make what is made when it is needed."""
    package = importlib.import_module(PRODUCT)
    for module in pkgutil.walk_packages(package.__path__, PRODUCT + "."):
        if not module.name.startswith(_APART):
            importlib.import_module(module.name)
    rows = importlib.import_module("douane.config").detector_rules()
    scanner = importlib.import_module("douane.detect.scanner").Scanner(rows, "re")
    of = {detector.name: detector for detector in scanner._table}
    for group in of["token"]._groups:
        for heads in group.heads.values():
            for head in heads:
                assert head.pattern
    for number in range(len(of["credential"]._rows)):
        of["credential"]._pattern(number)
    for vendors in of["vendor"]._rows.values():
        for vendor in vendors:
            assert not vendor.body or of["vendor"]._pattern(vendor)


def _place(module: str, line: int) -> tuple[str, bool]:
    """Return the name that a pattern is known by, and whether it may be asked to match a whole text."""
    source = Path(str(sys.modules[module].__file__)).read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.lineno <= line <= (node.end_lineno or 0):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if isinstance(target, ast.Name) and target.id.lstrip("_").isupper():
                return f"{module}.{target.id}", f"{target.id}.fullmatch(" in source
    return module, ".fullmatch(" in source


if __name__ == "__main__":
    re._compile = _noted
    _use()
    for (pattern, flags), (module, line) in seen.items():
        name, whole = _place(module, line)
        text = pattern if isinstance(pattern, str) else pattern.decode("latin-1")
        print(json.dumps([name, text, isinstance(pattern, bytes), flags, whole]))
