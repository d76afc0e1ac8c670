"""Detectors of other packages: at work in the gateway, in its child and in commands, or nothing starts."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from douane import config
from douane.adapters.inspector.inspector import ScanningInspector
from douane.adapters.inspector.installed import loaded
from douane.core.finding import Inspection
from douane.detect.scanner import Scanner
from douane.detect.settings import DetectorSettings, Installed
from douane.errors import ConfigurationError, ConfigurationErrors

SOURCE = """
from douane.detect.detector import Candidate
from douane.detect.engine import Probe


class Shibboleth:
    name = "{name}"
    version = "7"
    probes = (Probe(b"shibboleth"),)

    def find(self, data, ends):
        for end in ends[0]:
            yield Candidate("DICTIONARY", end - 10, end, 1.0)


class Nameless:
    version = "1"


class Unprobed(Shibboleth):
    probes = ()


def broken():
    raise RuntimeError("a secret of the package")
"""
ORIGIN = "doorkeeper:Shibboleth"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a package that brings a detector, as pip would have installed it."""
    return brought(tmp_path, monkeypatch, "shibboleth")


def brought(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> Path:
    (folder / "doorkeeper.py").write_text(SOURCE.replace("{name}", name))
    facts = folder / "doorkeeper-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: doorkeeper\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(f"[douane.detectors]\nanything = {ORIGIN}\n")
    monkeypatch.setenv("PYTHONPATH", ":".join([str(folder), *filter(None, sys.path)]))
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "doorkeeper", raising=False)
    return folder


def classified(text: str) -> subprocess.CompletedProcess[bytes]:
    main = "from douane.cli.main import main; main()"
    command = [sys.executable, "-c", main, "classify", "--json", "--no-meaning"]
    return subprocess.run(command, input=text.encode(), capture_output=True, check=False, timeout=120)


def test_what_a_package_brings_is_at_work_in_commands(package: Path) -> None:
    done = classified("say shibboleth")
    (found,) = json.loads(done.stdout)["findings"]
    assert (found["type"], found["start"], found["end"], found["detector"]) == ("DICTIONARY", 4, 14, "shibboleth")


@pytest.mark.parametrize("inline_bytes", [0, 1_000_000], ids=["in the child", "at once"])
def test_what_a_package_brings_is_at_work_for_large_bodies_and_small_ones(package: Path, inline_bytes: int) -> None:
    settings = DetectorSettings(config.detector_rules(), installed=(Installed(ORIGIN, loaded(ORIGIN)),))

    async def look() -> Inspection:
        inspector = ScanningInspector(settings, inline_bytes=inline_bytes, deadline_s=60)
        try:
            seen = await inspector.inspect({"messages": [{"content": "say shibboleth"}]}, 50, "")
        finally:
            await inspector.aclose()
        assert isinstance(seen, Inspection)
        return seen

    seen = asyncio.run(look())
    assert [(one.detector, one.start) for one in seen.findings] == [("shibboleth", 4)]
    assert seen.detectors != Scanner(config.detector_rules()).detectors


@pytest.mark.parametrize("attribute", ["Nameless", "Unprobed", "broken", "absent"])
def test_what_is_no_detector_is_told_with_what_to_do(package: Path, attribute: str) -> None:
    with pytest.raises(ConfigurationErrors) as told:
        loaded(f"doorkeeper:{attribute}")
    (problem,) = told.value.problems
    assert f"doorkeeper:{attribute}" in str(problem)
    assert "uninstall" in problem.fix
    assert "a secret" not in str(problem)


def test_a_name_that_a_detector_has_already_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    brought(tmp_path, monkeypatch, "email")
    with pytest.raises(ConfigurationError, match="`email`"):
        Scanner(config.detector_rules(), extra=[loaded(ORIGIN)])
    done = classified("say shibboleth")
    assert done.returncode == 2
    assert b"a name of its own" in done.stdout + done.stderr
