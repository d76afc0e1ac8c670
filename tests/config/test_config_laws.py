"""What holds of every configuration, whatever an operator or a fuzzer writes."""

from __future__ import annotations

import contextlib
import string
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from config_kinds import ENVIRON, KINDS, WHOLE, read
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from douane import config
from douane.config.endpoints import NotAnEndpoint, endpoint_of, literal
from douane.config.placement import is_offloaded
from douane.config.problems import nearest, printable
from douane.core.label import PUBLIC
from douane.errors import ConfigurationErrors

CORPUS = Path(__file__).parents[1] / "corpus" / "config" / "base_urls_refused.txt"
REFUSED = [line for line in CORPUS.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]

fast = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def outcome(text: str, **how: object) -> config.Configuration | ConfigurationErrors:
    try:
        return read(text, **how)  # type: ignore[arg-type]
    except ConfigurationErrors as errors:
        return errors


def told(found: config.Configuration | ConfigurationErrors) -> str:
    if isinstance(found, ConfigurationErrors):
        return "\n".join(f"{one.param} {one.rule} {one.problem} {one.fix} {one}" for one in found.problems)
    return "\n".join(f"{one.fact} {one.fix}" for one in found.warnings)


# --- any text ----------------------------------------------------------------------------------------------------


@fast
@given(st.text(max_size=200))
@example("[" * 5000)
@example("a = " + "[" * 5000)
@example("a." * 5000 + "b = 1")
@example("x = " + "9" * 6000)
@example("[server]\nhead_s = 1e99999999999999999999\n")
@example("[server]\nhead_s = 1e-999999999\n")
@example("[server]\nport = 9999999999999999999999\n")
@example('"" = 1\n[zones.""]\n')
@example("[policy.map]\n1979-05-27 = 1\n")
def test_any_text_is_a_configuration_or_a_list_of_problems_with_fixes(text: str) -> None:
    found = outcome(text)
    if isinstance(found, ConfigurationErrors):
        assert found.problems
        assert all(one.problem and one.fix and one.rule for one in found.problems)


lines = WHOLE.strip().splitlines()


@fast
@given(st.data())
def test_a_damaged_configuration_is_told_or_means_something(data: st.DataObject) -> None:
    damaged = list(lines)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(damaged) - 1))
        line = damaged[place]
        cut = data.draw(st.integers(0, len(line)))
        put = data.draw(st.text(string.printable, max_size=5))
        damaged[place] = data.draw(st.sampled_from([line[:cut] + put + line[cut:], line[:cut], line[cut:], ""]))
    found = outcome("\n".join(damaged))
    if isinstance(found, ConfigurationErrors):
        assert all(one.problem and one.fix and one.rule for one in found.problems)
    assert ENVIRON["TOGETHER_API_KEY"] not in told(found)


@fast
@given(st.binary(max_size=120))
def test_any_bytes_in_a_file_are_told_without_a_crash(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "any.toml"
    file.write_bytes(data)
    with contextlib.suppress(ConfigurationErrors):
        assert config.load(str(file), kinds=KINDS, environ={}).source == str(file)


# --- secrets -----------------------------------------------------------------------------------------------------

SETTINGS = (
    'host = "{}"', 'hosts = ["{}"]', 'port = "{}"', 'unknown = "{}"', 'zone = "{}"', 'model = "{}"',
    'kind = "{}"', 'base_url = "{}"', 'base_url = "http://{}/v1"', 'base_url = "http://u:{}@h/v1"',
    'model = "longer-{}"',
    'upstream_model = "{} "', 'provider = "{}!"', 'ca_file = "{}"', 'assurance = "{}"', 'clearance = "{}"',
    'networks = ["{}"]', 'compartments = ["{}"]', 'country = "{}"', 'secret_sha256 = "{}"', 'routes = ["{}"]',
    'expires = "{}"', 'strategy = "{}"', 'api_key = "x {}"', 'price = "{}"', 'options = {{ a = "{}" }}',
)  # fmt: skip


@fast
@given(
    secret=st.text(string.ascii_letters + string.digits + "-_", min_size=12, max_size=120),
    section=st.sampled_from(["server", "policy", "zones.cloud", "deployments.together", "routes.chat", "keys.k"]),
    setting=st.sampled_from(SETTINGS),
)
def test_a_variables_value_is_never_told_wherever_it_is_put(secret: str, section: str, setting: str) -> None:
    assume(secret.lower() not in WHOLE.lower())
    written = f"[{section}]\n{setting.format('${THE_SECRET}')}\n"
    base = WHOLE
    header = f"[{section}]"
    name = setting.partition(" ")[0]
    if header in base:  # put it first into its table, and the table's own setting of that name away
        head, _, tail = base.partition(header)
        body, bracket, rest = tail.partition("\n[")
        kept = "\n".join(line for line in body.splitlines() if not line.startswith(f"{name} ="))
        text = head + written + kept + bracket + rest
    else:
        text = base + written
    found = outcome(text, environ=ENVIRON | {"THE_SECRET": secret})
    assert secret[:12] not in told(found)


# --- laws of what is accepted --------------------------------------------------------------------------------------

addresses = st.sampled_from(
    ["10.0.0.5", "127.0.0.1", "[::1]", "192.168.1.1", "169.254.169.254", "8.8.8.8", "models.example.com", "localhost"]
)


def settings_or_none(form: str, *words: object) -> st.SearchStrategy[str]:
    return st.sampled_from(["", *(form.format(word) for word in words)])


PRICE = 'price = {{ input = {0}, output = {0}, currency = "USD", source = "s", date = "2026-10-01" }}'

CHOICES: dict[str, st.SearchStrategy[object]] = {
    "premises": st.booleans(),
    "networks": st.sampled_from(["", 'networks = ["10.0.0.0/8"]', 'networks = ["127.0.0.0/8", "::1/128"]']),
    "clearance": st.sampled_from(["public", "internal", "confidential", "restricted"]),
    "kind": st.sampled_from(sorted(KINDS)),
    "scheme": st.sampled_from(["http", "https"]),
    "address": st.none() | addresses,
    "provider": st.sampled_from(["", 'provider = "together"', 'provider = "fastest"']),
    "name": st.sampled_from(["", 'upstream_model = "llama3.1:8b"', 'upstream_model = "gpt-oss:120b-cloud"']),
    "api_key": st.sampled_from(["", 'api_key = "${TOGETHER_API_KEY}"']),
    "assurance": settings_or_none('assurance = "{}"', "declared", "provider-asserted", "unchecked"),
    "price": settings_or_none(PRICE, 0, 1),
    "allow_unchecked": st.booleans(),
    "floor": settings_or_none('floor = "{}"', "internal"),
    "budget": settings_or_none('budget = {{ amount = 1, currency = "{}", per = "day" }}', "EUR", "USD", "CHF"),
}
PLAIN = dict.fromkeys(CHOICES, "") | {
    "premises": True, "networks": 'networks = ["10.0.0.0/8"]', "clearance": "internal", "kind": "openai-compatible",
    "scheme": "http", "address": "10.0.0.5", "allow_unchecked": False,
}  # fmt: skip
AWAY = PLAIN | {
    "premises": False, "networks": "", "kind": "together", "scheme": "https", "address": None,
    "api_key": 'api_key = "${TOGETHER_API_KEY}"', "price": PRICE.format(1), "floor": 'floor = "internal"',
}  # fmt: skip
BROKER = AWAY | {"kind": "huggingface", "provider": 'provider = "together"'}


@st.composite
def wishes(draw: st.DrawFn) -> dict[str, object]:
    """Draw a configuration that holds, with up to three of its choices changed."""
    base: dict[str, object] = draw(st.sampled_from([PLAIN, AWAY, BROKER]))
    changed = draw(st.lists(st.sampled_from(sorted(CHOICES)), max_size=3, unique=True))
    return base | {name: draw(CHOICES[name]) for name in changed}


def document(wish: dict[str, object]) -> str:
    address = "" if wish["address"] is None else f'base_url = "{wish["scheme"]}://{wish["address"]}/v1"'
    return f"""
[policy]
allow_unchecked = {str(wish["allow_unchecked"]).lower()}
[zones.z]
premises = {str(wish["premises"]).lower()}
{wish["networks"]}
clearance = "{wish["clearance"]}"
[deployments.d]
zone = "z"
model = "llama-3.1-8b-instruct"
kind = "{wish["kind"]}"
{address}
{wish["provider"]}
{wish["name"]}
{wish["api_key"]}
{wish["assurance"]}
{wish["price"]}
[routes.r]
deployments = ["d"]
[keys.k]
secret_sha256 = "{"a" * 64}"
routes = ["r"]
{wish["floor"]}
{wish["budget"]}
"""


@pytest.mark.parametrize("wish", [PLAIN, AWAY, BROKER], ids=["on the premises", "managed", "broker"])
def test_what_the_laws_are_tried_on_is_accepted_unchanged(wish: dict[str, object]) -> None:
    assert isinstance(outcome(document(wish)), config.Configuration)


@pytest.mark.parametrize("host", ["openrouter.ai", "EU.openrouter.ai", "ai-gateway.vercel.sh", "api.portkey.ai"])
@pytest.mark.parametrize("kind", ["openai-compatible", "together"])
def test_a_broker_that_chooses_who_reads_a_request_is_no_upstream(host: str, kind: str) -> None:
    found = outcome(document(AWAY | {"kind": kind, "address": host}))
    assert isinstance(found, ConfigurationErrors)
    assert "broker" in told(found)
    assert isinstance(outcome(document(AWAY | {"address": f"{host.lower()}.example.org"})), config.Configuration)


@settings(max_examples=400, deadline=None)
@given(wishes())
def test_whatever_is_accepted_keeps_the_laws(wish: dict[str, object]) -> None:
    found = outcome(document(wish))
    if isinstance(found, ConfigurationErrors):
        return
    snapshot = found.snapshot
    zone, deployment, key = snapshot.zones["z"], snapshot.deployments["d"], snapshot.keys["k"]
    facts = KINDS[deployment.kind]
    address = literal(deployment.endpoint.host)
    assert zone.networks or not zone.premises
    assert not (facts.managed and zone.premises)
    assert not (zone.premises and is_offloaded(deployment.upstream_model))
    assert address is None or zone.admits(address)
    assert deployment.endpoint.tls or zone.premises or zone.networks
    assert zone.premises or deployment.price is not None
    assert deployment.price is None or deployment.price.input_micro > 0
    assert deployment.assurance != "verified"
    assert deployment.assurance != "unchecked" or snapshot.policy.allow_unchecked
    assert not (zone.premises and deployment.assurance == "provider-asserted")
    if deployment.endpoint.host == "router.huggingface.co":
        assert deployment.options["provider"] == "together"
        assert ":" not in deployment.upstream_model
    assert zone.premises or wish["floor"]
    assert wish["floor"] or key.floor == PUBLIC
    if key.budget is not None and deployment.price is not None:
        assert snapshot.rates.convert_micro(1, deployment.price.currency, key.budget.currency) is not None


@fast
@given(st.permutations(WHOLE.strip().split("\n\n")), st.lists(st.text("# abc", max_size=5), max_size=3))
def test_the_order_of_tables_and_comments_decides_nothing(tables: list[str], comments: list[str]) -> None:
    text = "\n\n".join([*("#" + comment for comment in comments), *tables])
    assert read(text).snapshot.version == read(WHOLE).snapshot.version


# --- addresses ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", REFUSED)
def test_an_address_that_can_be_read_in_two_ways_is_refused(line: str) -> None:
    url = line.replace("\\t", "\t").replace("\\n", "\n").replace("\\\\", "\\")
    with pytest.raises(NotAnEndpoint) as caught:
        endpoint_of(url)
    assert "evil" not in str(caught.value)
    assert "pass" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://10.0.0.5:8000/v1", ("http", "10.0.0.5", 8000, "/v1")),
        ("https://api.together.xyz/v1/", ("https", "api.together.xyz", 443, "/v1")),
        ("https://api.fireworks.ai/inference/v1", ("https", "api.fireworks.ai", 443, "/inference/v1")),
        ("http://[::1]:8080", ("http", "::1", 8080, "")),
        ("http://vllm_server:8000/v1", ("http", "vllm_server", 8000, "/v1")),
        ("HTTP://LOCALHOST/v1", ("http", "localhost", 80, "/v1")),
        ("https://xn--exmple-cua.com/", ("https", "xn--exmple-cua.com", 443, "")),
    ],
)
def test_a_plain_address_is_read(url: str, expected: tuple[str, str, int, str]) -> None:
    endpoint = endpoint_of(url)
    assert (endpoint.scheme, endpoint.host, endpoint.port, endpoint.path) == expected


@settings(max_examples=300, deadline=None)
@given(st.text("ahtps:/.@?#[]%0x127lv\\-_ é", max_size=24).map("http://".__add__) | st.text(max_size=30))
def test_an_accepted_address_is_the_one_that_every_reader_sees(url: str) -> None:
    try:
        endpoint = endpoint_of(url)
    except NotAnEndpoint:
        return
    parts = urlsplit(url)
    assert endpoint.host == (parts.hostname or "")
    assert "@" not in url
    assert parts.query == parts.fragment == ""
    assert not endpoint.path.endswith("/")


@pytest.mark.parametrize(
    "name", ["gpt-oss:120b-cloud", "glm-4.6:cloud", "Kimi-K2:1T-Cloud", "m-cloud", "a:cloud-preview"]
)
def test_a_name_that_ollama_runs_in_its_cloud_is_known(name: str) -> None:
    assert is_offloaded(name)


@pytest.mark.parametrize("name", ["llama3.1:8b", "cloudy:7b", "meta-llama/Llama-3.1-8B-Instruct", "cloud/model"])
def test_a_name_that_runs_here_is_not_taken_for_one_in_the_cloud(name: str) -> None:
    assert not is_offloaded(name)


# --- words -------------------------------------------------------------------------------------------------------


@given(st.text(max_size=300))
def test_what_is_quoted_is_short_and_printable(text: str) -> None:
    assert printable(text).isprintable()
    assert len(printable(text)) <= 80


def test_the_nearest_word_is_a_known_one_or_none() -> None:
    assert nearest("networsk", ["networks", "clearance"]) == "networks"
    assert nearest("IBNA", ["IBAN", "CARD"]) == "IBAN"
    assert nearest("xyz", ["networks"]) is None
