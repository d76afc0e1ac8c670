"""The examples in docstrings are true."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import douane


def test_every_example_in_a_docstring_holds() -> None:
    tried = 0
    for module in pkgutil.walk_packages(douane.__path__, "douane."):
        if ".migrations" in module.name or module.name.endswith("__main__"):
            continue
        result = doctest.testmod(importlib.import_module(module.name))
        assert result.failed == 0, module.name
        tried += result.attempted
    assert tried >= 10
