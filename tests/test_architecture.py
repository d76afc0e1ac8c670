"""How the house is built: what linters alone don't hold."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src"
MODULES = sorted(path.relative_to(SOURCE) for path in SOURCE.rglob("*.py"))
TESTS = sorted(path.relative_to(ROOT) for path in (ROOT / "tests").rglob("*.py") if "node_modules" not in path.parts)
LONGEST_FILE_LINES = 500
LONGEST_DRIP_S = 0.01

EDGES_THAT_MUST_NOT_DIE = {
    "douane/gateway/pipeline.py": "the request boundary",
    "douane/http/app.py": "the request boundary of the server",
    "douane/adapters/inspector/inspector.py": "detectors, also those of others: what one can't read counts as unread",
    "douane/adapters/inspector/installed.py": "what other packages bring: one that can't be made refuses the start",
    "douane/adapters/inspector/frames.py": "the same in the detectors' own processes",
}
"""The only places that may end a fault of any kind, and why."""

MUTABLE = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
MUTABLE_CALLS = {"list", "dict", "set", "bytearray", "defaultdict", "deque", "Counter", "OrderedDict"}
MUTATORS = {
    "add", "append", "appendleft", "clear", "discard", "extend", "insert", "pop", "popitem", "remove", "setdefault",
    "sort", "update",
}  # fmt: skip

every_module = pytest.mark.parametrize("module", MODULES, ids=str)


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def parsed(module: Path) -> ast.Module:
    return tree(SOURCE / module)


def test_imports_point_downwards() -> None:
    """All contracts of import-linter; in a process of its own, since it keeps state."""
    program = (
        "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True, no_logo=True))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@every_module
def test_a_file_is_short_and_says_what_it_decides(module: Path) -> None:
    text = (SOURCE / module).read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST_FILE_LINES
    assert not text or ast.get_docstring(parsed(module)), "a module without a docstring"


@every_module
def test_only_the_edges_end_faults_of_any_kind(module: Path) -> None:
    if str(module) in EDGES_THAT_MUST_NOT_DIE:
        return
    broad = [
        handler.lineno
        for handler in ast.walk(parsed(module))
        if isinstance(handler, ast.ExceptHandler) and is_broad(handler) and not raises_on(handler)
    ]
    assert broad == []


def is_broad(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    names = [node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)]
    return not {"Exception", "BaseException"}.isdisjoint(names)


def raises_on(handler: ast.ExceptHandler) -> bool:
    """Tell whether a handler ends by raising again what it caught."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


@every_module
def test_only_the_configuration_reads_the_environment(module: Path) -> None:
    if module.parts[:2] in {("douane", "config"), ("douane", "config.py")}:
        return
    read = [
        node.lineno
        for node in ast.walk(parsed(module))
        if (isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv"})
        or (isinstance(node, ast.ImportFrom) and node.module == "os" and {"environ", "getenv"} & imported(node))
    ]
    assert read == []


def imported(node: ast.ImportFrom) -> set[str]:
    return {alias.name for alias in node.names}


@every_module
def test_no_module_keeps_state(module: Path) -> None:
    """Tables at the top of a module are constants: named as such, and never changed."""
    names = dict(top_level_names(parsed(module)))
    lower = [name for name, value in names.items() if is_mutable(value) and not name.isupper() and name != "__all__"]
    assert lower == [], "a mutable value that is not named as a constant"
    changed = [(line, name) for line, name in changes(parsed(module)) if name in names]
    assert changed == []
    assert [node.lineno for node in ast.walk(parsed(module)) if isinstance(node, ast.Global)] == []


def top_level_names(module: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for node in module.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        for target in targets:
            if isinstance(target, ast.Name) and node.value is not None:  # type: ignore[attr-defined]
                yield target.id, node.value  # type: ignore[attr-defined]


def is_mutable(value: ast.expr) -> bool:
    if isinstance(value, ast.Call):
        return isinstance(value.func, ast.Name) and value.func.id in MUTABLE_CALLS
    return isinstance(value, MUTABLE)


def changes(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield where functions change what a plain name of the module stands for."""
    for function in ast.walk(module):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        own = {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        own |= {argument.arg for argument in ast.walk(function) if isinstance(argument, ast.arg)}
        for node in ast.walk(function):
            name = changed_name(node)
            if name is not None and name not in own:
                yield node.lineno, name  # type: ignore[attr-defined]


def changed_name(node: ast.AST) -> str | None:
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
        owner: ast.expr = node.value
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in MUTATORS:
        owner = node.func.value
    else:
        return None
    return owner.id if isinstance(owner, ast.Name) else None


# --- tests ---------------------------------------------------------------------------------------------------------


def test_tests_have_unique_names_and_no_packages() -> None:
    names = [path.name for path in TESTS if path.name.startswith("test_")]
    assert sorted(names) == sorted(set(names))
    assert [path for path in TESTS if path.name == "__init__.py"] == []


@pytest.mark.parametrize("path", TESTS, ids=str)
def test_tests_use_neither_mocks_nor_sleep(path: Path) -> None:
    found = []
    for node in ast.walk(tree(ROOT / path)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = {node.module or ""} if isinstance(node, ast.ImportFrom) else imported_modules(node)
            found += [node.lineno for module in modules if module in {"mock", "unittest.mock"}]
            if isinstance(node, ast.ImportFrom) and node.module in {"time", "asyncio"} and "sleep" in imported(node):
                found.append(node.lineno)
        if is_sleep(node):
            found.append(node.lineno)  # type: ignore[attr-defined]
    assert found == []


def imported_modules(node: ast.Import) -> set[str]:
    return {alias.name for alias in node.names}


def is_sleep(node: ast.AST) -> bool:
    """Tell whether a call waits for something to have happened; a peer may drip, a few milliseconds at a time."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "sleep"):
        return False
    seconds = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else None
    in_a_loop = isinstance(node.func.value, ast.Name) and node.func.value.id == "asyncio"
    return not (in_a_loop and isinstance(seconds, int | float) and seconds <= LONGEST_DRIP_S)


def test_the_rules_see_what_they_forbid() -> None:
    """The checks above, on code that breaks them."""
    module = ast.parse(
        "seen = []\nTABLE = {}\n"
        "def f(x):\n    seen.append(x)\n    TABLE[x] = 1\n    mine = []\n    mine.append(x)\n"
        "try:\n    f(1)\nexcept (ValueError, Exception):\n    pass\n"
        "time.sleep(0)\nasyncio.sleep(1)\nasyncio.sleep(0)\n"
    )
    names = dict(top_level_names(module))
    assert [name for name, value in names.items() if is_mutable(value)] == ["seen", "TABLE"]
    assert list(changes(module)) == [(4, "seen"), (5, "TABLE")]
    handlers = [node for node in ast.walk(module) if isinstance(node, ast.ExceptHandler)]
    assert [is_broad(handler) and not raises_on(handler) for handler in handlers] == [True]
    assert sum(is_sleep(node) for node in ast.walk(module)) == 2
