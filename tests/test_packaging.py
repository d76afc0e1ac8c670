"""What is shipped and what is installed: pinned, hashed, explained, and nothing of the machine it was made on."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Collection, Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from hatchling import build as hatchling_build
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from douane.control.engine_model import SMOLLM2

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("base", "build", "dev", "model")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
MOST_DEPENDENCIES = 25
COME_WITH_OTHERS = {"pydantic-core"}
MAY_BE_MISSING = {"google-re2"}
"""Used where it is installed, with a fallback where it is not."""
NEVER = {"litellm"}

# Assembled, so that this file does not hold them itself.
OF_A_MACHINE = [
    "pypi" + ".org", "python" + "hosted", "npm" + "js.", "yarnpkg" + ".com", "/op" + "t/", "/ro" + "ot/", "/wor" + "k/",
    "." + "pyenv", "--index" + "-url", "--find" + "-links",
]  # fmt: skip
MAY_NAME_OPTIONS = {"scripts/lock.sh"}
PASTED = "training/meaning/prompts/"
"""What people paste may name folders of theirs."""


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name]


def pins(lock: str) -> dict[str, tuple[str, int]]:
    """Return name -> (version, number of hashes) of a lock; every line must be understood."""
    found: dict[str, tuple[str, int]] = {}
    name = ""
    for line in (ROOT / "requirements" / f"{lock}.txt").read_text().splitlines():
        text = line.split("#")[0].strip().removesuffix("\\").strip()
        if not text:
            continue
        if text.startswith("--hash="):
            assert re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", text), text
            found[name] = (found[name][0], found[name][1] + 1)
        else:
            pinned = re.fullmatch(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.+!]+)(?: ;.*)?", text)
            assert pinned, text
            name = canonicalize_name(pinned[1])
            assert name not in found
            found[name] = (pinned[2], 0)
    return found


def explained(lines: Iterator[str]) -> list[str]:
    return [line for line in lines if "#" not in line or not line.split("#", 1)[1].strip()]


# --- requirements --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_pinned_and_hashed(lock: str) -> None:
    found = pins(lock)
    assert found
    assert {name for name, (_, hashes) in found.items() if hashes == 0} == set()


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_index_and_no_address(lock: str) -> None:
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    assert "://" not in text
    assert re.search(r"^\s*--(?!hash=)", text, re.MULTILINE) is None


def test_the_lock_fits_the_project() -> None:
    base = pins("base")
    wanted = [
        *PROJECT["dependencies"],
        *(row for extra in ("engine", "meaning") for row in PROJECT["optional-dependencies"][extra]),
    ]
    for text in wanted:
        requirement = Requirement(text)
        version = base[canonicalize_name(requirement.name)][0]
        assert requirement.specifier.contains(version), text


def test_the_development_lock_agrees_with_the_base() -> None:
    base, dev = pins("base") | pins("build"), pins("dev")
    assert {name for name in base.keys() & dev.keys() if base[name][0] != dev[name][0]} == set()
    listed = (ROOT / "requirements" / "dev.in").read_text().splitlines()
    names = {canonicalize_name(line.split("#")[0].strip()) for line in listed if line and line[0] not in "#-"}
    assert names <= dev.keys()


def test_the_model_is_the_one_that_the_engine_expects() -> None:
    assert {name: version for name, (version, _) in pins("model").items()} == {SMOLLM2.distribution: SMOLLM2.version}


def test_every_dependency_says_why_it_is_here() -> None:
    wanted = PROJECT["dependencies"] + [text for extra in PROJECT["optional-dependencies"].values() for text in extra]
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    assert [
        text for text in wanted if not any(re.search(f'"{re.escape(text)}".*# *[^ ]', line) for line in lines)
    ] == []
    listed = (ROOT / "requirements" / "dev.in").read_text().splitlines()
    assert explained(line for line in listed if line and line[0] not in "#-") == []


def test_the_package_imports_only_what_it_declares() -> None:
    wanted = PROJECT["dependencies"] + [text for extra in PROJECT["optional-dependencies"].values() for text in extra]
    declared = {canonicalize_name(Requirement(text).name) for text in wanted} | COME_WITH_OTHERS | MAY_BE_MISSING
    assert undeclared("src", declared) == set()


def test_the_tests_import_only_what_is_locked() -> None:
    assert undeclared("tests", pins("base").keys() | pins("dev").keys()) == set()


def undeclared(folder: str, declared: Collection[str]) -> set[str]:
    """Return the modules of others that Python files import and that no declared distribution brings."""
    homes = packages_distributions()
    ours = {"douane", "bench", "tests", "training"} | {path.stem for path in (ROOT / "tests").rglob("*.py")}
    return {
        f"{path.relative_to(ROOT)}: {module}"
        for path in (ROOT / folder).rglob("*.py")
        if "node_modules" not in path.parts
        for module in modules_imported(path) - sys.stdlib_module_names - ours
        if not {canonicalize_name(home) for home in homes.get(module, [])} & set(declared)
    }


def modules_imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def test_the_base_is_small_and_without_what_was_ruled_out() -> None:
    assert len(PROJECT["dependencies"]) <= MOST_DEPENDENCIES
    assert NEVER.isdisjoint(pins("base"))
    assert NEVER.isdisjoint(pins("dev"))


def test_the_node_lock_is_by_hash_and_names_no_address() -> None:
    lock = json.loads((ROOT / "tests/node/package-lock.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert packages
    assert [name for name, entry in packages.items() if not entry.get("integrity", "").startswith("sha512-")] == []
    assert [name for name, entry in packages.items() if "resolved" in entry] == []


# --- what is tracked and shipped -----------------------------------------------------------------------------------


def test_no_tracked_file_names_a_registry_or_a_folder_of_a_machine() -> None:
    found = []
    for path in tracked():
        name = str(path.relative_to(ROOT))
        if not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="ignore")
        words = OF_A_MACHINE[:-2] if name in MAY_NAME_OPTIONS else OF_A_MACHINE
        if name.startswith(PASTED):
            words = [word for word in words if not word.startswith("/")]
        found += [f"{name}: {word}" for word in words if word in text]
    assert found == []


def test_the_wheel_holds_the_package_and_nothing_else(tmp_path: Path) -> None:
    before = os.getcwd()
    os.chdir(ROOT)
    try:
        name = hatchling_build.build_wheel(str(tmp_path))
    finally:
        os.chdir(before)
    with zipfile.ZipFile(tmp_path / name) as wheel:
        names = wheel.namelist()
        entry_points = wheel.read(next(n for n in names if n.endswith("entry_points.txt"))).decode()
        metadata = wheel.read(next(n for n in names if n.endswith("METADATA"))).decode()
    assert {n.split("/")[0].split("-")[0] for n in names} == {"douane"}
    assert [n for n in names if n.endswith((".pth", ".pyc", ".db", ".gguf", ".so"))] == []
    assert "douane = douane.cli.main:main" in entry_points
    assert "License-Expression: Apache-2.0" in metadata
    assert {"douane/py.typed", "douane/data/default.toml", "douane/data/demo.toml"} <= set(names)
    assert {n for n in names if n.endswith(("licenses/LICENSE", "licenses/NOTICE"))} != set()


@pytest.mark.parametrize("script", ["scripts/setup.sh", "scripts/setup_node.sh", "scripts/lock.sh", ".ci/run"])
def test_a_script_can_be_run_and_stops_at_its_first_error(script: str) -> None:
    path = ROOT / script
    assert os.access(path, os.X_OK)
    assert "set -euo pipefail" in path.read_text()
    assert subprocess.run(["bash", "-n", str(path)], check=False).returncode == 0
