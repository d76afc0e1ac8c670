"""Laws of reading a configuration: files, secrets, versions, the shipped data."""

from __future__ import annotations

import os
import tomllib
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest
from config_kinds import CLOUD, ENVIRON, KINDS, LOCAL, PREMISES, ROUTE, TOGETHER, WHOLE, read

from douane import config
from douane.config.catalogue import HUB, shipped_models
from douane.core.finding import FINDING_TYPES
from douane.core.label import COMPARTMENTS, Label, Level
from douane.core.models.catalogue import Assurance
from douane.core.money import Price
from douane.core.traffic.clearance import Passage, Revocations, refusal
from douane.core.traffic.snapshot import Key
from douane.detect.phones import DEFAULT_REGIONS
from douane.errors import ConfigurationErrors
from douane.wire.kinds import registry


def problems_of(text: str, **how: object) -> list[str]:
    with pytest.raises(ConfigurationErrors) as caught:
        read(text, **how)  # type: ignore[arg-type]
    return [f"{problem.param}: {problem.problem} {problem.fix}" for problem in caught.value.problems]


# --- files -------------------------------------------------------------------------------------------------------


def test_a_file_is_read_with_paths_relative_to_its_folder(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-from-a-file\n")
    (tmp_path / "key").chmod(0o600)
    (tmp_path / "ca.pem").write_text("certificates")
    file = tmp_path / "douane.toml"
    file.write_text(
        '[server]\ndata_dir = "ledger"\n'
        + WHOLE.replace("${TOGETHER_API_KEY}", "file:key").replace(
            'kind = "together"', 'kind = "together"\nca_file = "ca.pem"'
        )
    )
    loaded = config.load(str(file), kinds=KINDS, environ={})
    assert loaded.snapshot.deployments["together"].api_key == "sk-from-a-file"
    assert loaded.snapshot.deployments["together"].ca_file == str(tmp_path / "ca.pem")
    assert loaded.server.data_dir == str(tmp_path / "ledger")
    assert loaded.source == str(file)
    assert loaded.warnings == ()


def test_a_file_that_is_missing_not_text_or_too_long_is_refused_with_a_fix(tmp_path: Path) -> None:
    (tmp_path / "latin1.toml").write_bytes(b'[server]\nhost = "\xe9"\n')
    (tmp_path / "long.toml").write_bytes(b"#" * (4 * 1024 * 1024 + 1))
    for name, fact in (
        ("none.toml", "does not exist"),
        ("latin1.toml", "byte 17"),
        ("long.toml", "longer"),
        (".", "regular"),
    ):
        with pytest.raises(ConfigurationErrors) as caught:
            config.load(str(tmp_path / name), kinds=KINDS, environ={})
        (problem,) = caught.value.problems
        assert fact in problem.problem
        assert problem.fix


def test_a_pipe_in_the_place_of_a_secret_does_not_hold_the_gateway_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "not a regular file" in problems_of(WHOLE.replace("${TOGETHER_API_KEY}", "file:pipe"), base_dir=tmp_path)[0]


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o400, False), (0o640, True), (0o604, True)])
def test_a_secret_that_others_may_read_is_a_warning(tmp_path: Path, mode: int, warned: bool) -> None:
    (tmp_path / "key").write_text("sk-from-a-file")
    (tmp_path / "key").chmod(mode)
    loaded = read(WHOLE.replace("${TOGETHER_API_KEY}", "file:key"), base_dir=tmp_path)
    assert [warning.code for warning in loaded.warnings] == (["secret_readable"] if warned else [])


@pytest.mark.parametrize("content", [b"", b"\n", b"two words", b"a\nb", b"\xff", b"x" * (64 * 1024 + 1)])
def test_a_secret_file_that_holds_no_secret_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    (told,) = problems_of(WHOLE.replace("${TOGETHER_API_KEY}", "file:key"), base_dir=tmp_path)
    assert told.startswith("deployments.together.api_key")


def test_only_the_last_line_break_of_a_secret_file_is_dropped(tmp_path: Path) -> None:
    for content in ("sk-1\n", "sk-1\r\n", "sk-1"):
        (tmp_path / "key").write_text(content, newline="")
        (tmp_path / "key").chmod(0o600)
        loaded = read(WHOLE.replace("${TOGETHER_API_KEY}", "file:key"), base_dir=tmp_path)
        assert loaded.snapshot.deployments["together"].api_key == "sk-1"


def test_a_byte_order_mark_and_windows_line_breaks_are_borne() -> None:
    assert read("\ufeff" + WHOLE.replace("\n", "\r\n")).snapshot == read(WHOLE).snapshot


def test_the_data_folder_is_the_command_lines_then_the_environments_then_the_files() -> None:
    plain, named = read(""), read('[server]\ndata_dir = "/srv/ledger"')
    assert config.data_dir("given", named, {"DOUANE_DATA": "environment"}) == "given"
    assert config.data_dir(None, named, {"DOUANE_DATA": "environment"}) == "environment"
    assert config.data_dir(None, named, {}) == "/srv/ledger"
    assert config.data_dir(None, plain, {}) == "douane-data"


def test_the_process_environment_is_read_where_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOUANE_TEST_SECRET", "sk-from-the-process")
    loaded = config.loads(WHOLE.replace("TOGETHER_API_KEY", "DOUANE_TEST_SECRET"), base_dir=".", kinds=KINDS)
    assert loaded.snapshot.deployments["together"].api_key == "sk-from-the-process"


def test_variables_are_expanded_once_and_an_escaped_one_stays() -> None:
    zone = CLOUD + 'operator = "$${A} ${A} ${B:-none} ${C:-}|"\n'
    loaded = read(zone, environ={"A": "${B}", "B": ""})
    assert loaded.snapshot.zones["cloud"].operator == "${A} ${B} none |"


# --- versions ----------------------------------------------------------------------------------------------------


def test_the_version_is_that_of_the_content_not_of_its_writing() -> None:
    reordered = (
        "# a comment\n"
        + ROUTE
        + TOGETHER
        + CLOUD.replace('country = "FI"\n', "").replace("[zones.cloud]", '[zones.cloud]\ncountry = "FI" # Helsinki')
        + LOCAL
        + PREMISES
    )
    assert read(reordered).snapshot.version == read(WHOLE).snapshot.version


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("0.18, output", "0.19, output"),
        ('clearance = "internal"', 'clearance = "public"'),
        ('["local", "together"]', '["together", "local"]'),
        ('"10.0.0.0/8"]', '"10.0.0.0/9"]'),
        ('country = "FI"', 'country = "FR"'),
        ("[zones.premises]", '[policy.map]\nIBAN = "restricted"\n[zones.premises]'),
        ("[zones.premises]", '[policy]\nunknown = "confidential"\n[zones.premises]'),
        ("[routes.chat]", "deadlines = { connect_s = 1.5 }\n[routes.chat]"),
        ("[routes.chat]", '[routes.other]\ndeployments = ["local"]\n[routes.chat]'),
    ],
)
def test_whatever_decides_changes_the_version(old: str, new: str) -> None:
    changed = WHOLE.replace(old, new, 1)
    assert changed != WHOLE
    assert read(changed).snapshot.version != read(WHOLE).snapshot.version


def test_another_secret_is_another_version_and_no_version_or_repr_tells_it() -> None:
    first = read(WHOLE)
    second = read(WHOLE, environ=ENVIRON | {"TOGETHER_API_KEY": "another"})
    assert first.snapshot.version != second.snapshot.version
    assert first.snapshot.policy.version == second.snapshot.policy.version
    assert ENVIRON["TOGETHER_API_KEY"] not in repr(first)


def test_the_port_decides_nothing_about_traffic() -> None:
    assert read("[server]\nport = 1\n" + WHOLE).snapshot.version == read(WHOLE).snapshot.version


def test_a_snapshot_that_was_changed_gets_the_version_of_its_content() -> None:
    snapshot = read(WHOLE).snapshot
    deployments = dict(snapshot.deployments)
    deployments["local"] = replace(deployments["local"], assurance=Assurance.VERIFIED)
    changed = config.with_version(replace(snapshot, deployments=deployments))
    assert changed.version != snapshot.version
    assert config.with_version(replace(changed, deployments=snapshot.deployments)).version == snapshot.version


def test_reading_twice_gives_the_same_and_a_broken_text_leaves_no_trace() -> None:
    before = read(WHOLE)
    problems_of(WHOLE.replace("restricted", "resticted"))
    after = read(WHOLE)
    assert before == after


# --- what is compiled --------------------------------------------------------------------------------------------


def test_what_the_settings_say_is_what_the_snapshot_holds() -> None:
    text = """
    rates.USD.EUR = { rate = 0.86, source = "treasury", date = "2026-10-01" }
    [policy]
    compartments = ["project-x"]
    [policy.map]
    IBAN = { level = "restricted", compartments = ["project-x"] }
    [deployments.together.deadlines]
    connect_s = 1.5
    [deployments.together.capabilities]
    tools = "none"
    context_tokens = 4096
    [keys.app]
    secret_sha256 = "%s"
    routes = ["chat"]
    floor = { level = "internal", compartments = ["project-x"] }
    limits = { requests_per_minute = 600, tokens_per_minute = 200000, concurrent = 50 }
    budget = { amount = 0.000001, currency = "EUR", per = "month" }
    expires = 2027-01-01T01:00:00+01:00
    """ % ("AB" * 32)
    top, _, rest = text.partition("[policy]")
    snapshot = read(top + WHOLE + "[policy]" + rest).snapshot
    assert snapshot.compartments == {"project-x"}
    assert snapshot.policy.map["IBAN"] == Label(Level.RESTRICTED, frozenset({"project-x"}))
    together = snapshot.deployments["together"]
    assert together.price == Price(180_000, 180_000, "USD", "price list", "2026-10-01")
    assert (together.endpoint.scheme, together.endpoint.host, together.endpoint.port, together.endpoint.path) == (
        "https", "api.together.xyz", 443, "/v1",
    )  # fmt: skip
    assert together.deadlines.connect_s == 1.5
    assert together.deadlines.total_s == 900
    assert together.capabilities.tools.value == "none"
    assert together.capabilities.context_tokens == 4096
    key = snapshot.keys["app"]
    assert key.digest == "ab" * 32
    assert key.owner == "app"
    assert key.floor == Label(Level.INTERNAL, frozenset({"project-x"}))
    assert (key.limits.requests_per_minute, key.limits.tokens_per_minute, key.limits.concurrent) == (600, 200_000, 50)
    assert key.budget is not None
    assert key.budget.amount_micro == 1
    assert key.expires_at == 1_798_761_600
    assert snapshot.rates.convert_micro(1_000_000, "USD", "EUR") == 860_000


def test_an_engine_of_our_own_waits_for_its_start_and_has_the_smaller_context() -> None:
    local = read(PREMISES + LOCAL).snapshot.deployments["local"]
    assert local.assurance is Assurance.VERIFYING
    assert local.endpoint.port == 0
    assert local.capabilities.context_tokens == 2048


def test_a_declared_deployment_is_loaded_and_gets_nothing() -> None:
    vllm = """
    [deployments.vllm]
    zone = "premises"
    model = "deepseek-v3"
    kind = "openai-compatible"
    base_url = "http://10.0.0.5/v1"
    """
    snapshot = read(PREMISES + vllm + '\n[routes.chat]\ndeployments = ["vllm"]\n').snapshot
    key = Key("k", "0" * 64, "k")
    reason = refusal(
        Passage(Label(Level.PUBLIC), "vllm", key=key, route="chat", snapshot=snapshot, revoked=Revocations(), now_s=0)
    )
    assert reason is not None
    assert reason.code == "not_verified"


def test_a_finding_type_that_nothing_maps_is_unknown_content() -> None:
    policy = read('[policy]\nunknown = { level = "confidential", compartments = ["health"] }\n').snapshot.policy
    shipped = tomllib.loads((files("douane") / "data" / "detectors" / "policy.toml").read_text())["map"]
    assert set(policy.map) == set(FINDING_TYPES) | set(shipped)
    unread = {name for name in FINDING_TYPES if shipped.get(name, {"level": "unknown"})["level"] == "unknown"}
    assert {"UNREADABLE", "BLOB"} <= unread
    assert all(policy.map[name] == policy.unknown for name in unread)


# --- shipped data ------------------------------------------------------------------------------------------------


def test_every_model_of_the_catalogue_has_its_facts_with_source_and_date() -> None:
    models = shipped_models()
    llama = "3-8b 3-70b 3.1-8b 3.1-70b 3.1-405b 3.2-1b 3.2-3b 3.2-11b-vision 3.2-90b-vision 3.3-70b"
    wanted = [f"llama-{size}-instruct" for size in llama.split(" ")]
    wanted += [f"qwen2.5-{size}-instruct" for size in ["0.5b", "1.5b", "3b", "7b", "14b", "32b", "72b", "coder-32b"]]
    wanted += ["mistral-7b-instruct", "mistral-nemo", "mistral-small-3-24b-instruct", "mistral-large-2-123b-instruct"]
    wanted += ["mixtral-8x7b-instruct", "mixtral-8x22b-instruct", "deepseek-v3", "deepseek-r1", "smollm2-135m-instruct"]
    assert set(models) == set(wanted)
    for model in models.values():
        assert model.names[HUB].count("/") == 1
        assert model.source.startswith("https://")
        assert len(model.date) == 10
        assert model.licence
        assert model.context_tokens is None or model.context_tokens >= 8192


def test_the_shipped_policy_names_finding_types_and_compartments_that_exist() -> None:
    shipped = tomllib.loads((files("douane") / "data" / "detectors" / "policy.toml").read_text())
    assert shipped["source"]
    assert shipped["date"]
    for name, row in shipped["map"].items():
        assert name.partition(":")[0] in FINDING_TYPES
        assert row["level"] == "unknown" or Level.parse(row["level"]) is not None
        assert set(row.get("compartments", ())) <= COMPARTMENTS


@pytest.mark.parametrize("profile", ["local", "hybrid", "managed"])
def test_each_profile_holds_with_the_kinds_that_are_built_in(profile: str) -> None:
    text = (files("douane") / "data" / "profiles" / f"{profile}.toml").read_text()
    kinds = {name: kind.facts for name, kind in registry({}).items()}
    environ = {"TOGETHER_API_KEY": "t", "FIREWORKS_API_KEY": "f"}
    loaded = config.loads(text, base_dir=".", kinds=kinds, environ=environ)
    assert loaded.snapshot.routes
    assert {warning.code for warning in loaded.warnings} <= {"not_verified"}


@pytest.mark.parametrize("name", ["default.toml", "demo.toml"])
def test_what_douane_runs_without_a_configuration_holds_without_a_warning(name: str) -> None:
    kinds = {kind: entry.facts for kind, entry in registry({}).items()}
    loaded = config.loads((files("douane") / "data" / name).read_text(), base_dir=".", kinds=kinds, environ={})
    assert loaded.warnings == ()


def test_detector_rows_are_handed_on_without_the_policy() -> None:
    rules = config.detector_rules()
    assert "policy" not in rules
    assert rules


def test_the_regions_of_telephone_numbers_reach_the_detectors() -> None:
    assert read('[policy]\nregions = ["DK", "DK", "SE"]').detectors.regions == ("DK", "SE")
    assert read("").detectors.regions == DEFAULT_REGIONS
    assert any("policy.regions[0]" in told for told in problems_of('[policy]\nregions = ["XX"]'))
