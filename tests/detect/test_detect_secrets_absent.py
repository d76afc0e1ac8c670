"""Where no credential is, none is reported; and a text made to be slow is read up to a bound and says so."""

import base64
import gzip
import hashlib
import json
import os
import random
import string
import sysconfig
import uuid
from collections import Counter
from pathlib import Path

import pytest
from bench.held_out.vendors import is_set_aside, vendor_of
from hypothesis import given
from hypothesis import strategies as st

from douane.config import detector_rules
from douane.detect.scanner import Scanner

DATA = Path(os.environ.get("DOUANE_TEST_DATA", "/nonexistent")) / "classification"
SEEDS = range(20)
VENDORS = ("github", "slack", "stripe", "datadog", "algolia", "heroku", "twilio", "openai", "azure", "mailchimp")


def secrets_in(scanner, value):
    return [f for f in scanner.scan(value).findings if f.type == "SECRET" or f.detail == "crowded"]


def hexadecimal(chance, length):
    return "".join(chance.choices("0123456789abcdef", k=length))


def identity(chance):
    return str(uuid.UUID(int=chance.getrandbits(128)))


def log(chance):
    lines = []
    for number in range(60):
        vendor = chance.choice(VENDORS)
        lines += [
            f"2026-11-23T10:{number:02}:07.123Z INFO {vendor} request {identity(chance)} took 12 ms",
            f"trace_id={hexadecimal(chance, 32)} span_id={hexadecimal(chance, 16)} user={chance.randrange(10**9)}",
            f"pulled {vendor}/image@sha256:{hexadecimal(chance, 64)}",
            f"commit {hexadecimal(chance, 40)} (HEAD -> main, origin/main)",
            f"cache key {hexadecimal(chance, 32)} missed; idempotency key {identity(chance)}",
            f'session id {identity(chance)} opened, ETag: "{hexadecimal(chance, 32)}"',
            f"next_page_token={base64.b64encode(chance.randbytes(18)).decode()}",
        ]
    return "\n".join(lines)


def lock_file(chance):
    packages = {
        f"node_modules/{vendor}-sdk": {
            "version": "7.0.3",
            "resolved": f"https://packages.example.org/{vendor}/-/{vendor}-7.0.3.tgz",
            "integrity": "sha512-" + base64.b64encode(chance.randbytes(64)).decode(),
            "dependencies": {"minipass": "^7.1.2", "fs-minipass": "^3.0.3"},
        }
        for vendor in VENDORS
    }
    pinned = "\n".join(f"{vendor}==1.2.3 \\\n    --hash=sha256:{hexadecimal(chance, 64)}" for vendor in VENDORS)
    cargo = "\n".join(f'name = "{vendor}"\nchecksum = "{hexadecimal(chance, 64)}"' for vendor in VENDORS)
    return "\n".join((json.dumps(packages, indent=2), pinned, cargo))


def table(chance):
    rows = [
        f"{identity(chance)};{hexadecimal(chance, 24)};{chance.randrange(10**12)};{chance.choice(VENDORS)}"
        for _ in range(80)
    ]
    return "id;object_id;number;source\n" + "\n".join(rows)


def records(chance):
    return json.dumps(
        [
            {
                "id": identity(chance),
                "key": hexadecimal(chance, 32),
                "primary_key": identity(chance),
                "partitionKey": hexadecimal(chance, 16),
                "public_key": base64.b64encode(chance.randbytes(32)).decode(),
                "cursor_token": base64.b64encode(chance.randbytes(24)).decode(),
                "clientRequestToken": identity(chance),
                "source": chance.choice(VENDORS),
                "sha256": hexadecimal(chance, 64),
                "max_tokens": 4096,
                "token_type": "bearer",
            }
            for _ in range(30)
        ]
    )


def minified(chance):
    name = "".join(chance.choices(string.ascii_letters, k=2))
    return (
        f'function {name}(e,t){{var n=e.password===t.password,r="password"===e.type?"text":"password";'
        f"return e.apiKey=t.apiKey,e.secretKey=n?r.secretKey:void 0,e.accessToken=t.getAccessToken(),"
        f'{name}.token=tokenize(e.source),{{key:e.key,pass:r,allPass:"overEvery",currentPassword:"",newPassword:""}}}}'
    ) * 20


def certificate(chance):
    lines = base64.encodebytes(chance.randbytes(1200)).decode()
    return f"-----BEGIN CERTIFICATE-----\n{lines}-----END CERTIFICATE-----\n"


def picture(chance):
    return base64.b64encode(chance.randbytes(6000)).decode()


PROSE = """
Le mot de passe est obligatoire et doit compter douze signes. La clé de voûte du projet reste la confiance ; le secret
médical, le jeton de présence et la clé API ne se partagent pas. Passwort vergessen? Das Passwort muss geändert werden.
The token is refreshed every hour; the access key differentiates tenants, and private keyholders authenticate with it.
Keep the password secret: nobody should know it. A session key is negotiated, the API key is optional, credentials are
rotated. Slack notifications, GitHub issues and Stripe payments are covered in the appendix; see the OpenAI reference.
La contraseña es obligatoria; a senha deve ser alterada. Authentification à deux facteurs, authorization policies.
`password: string`, `token: str | None = None`, `api_key = os.environ["API_KEY"]`, `secret = vault.read("kv/app")`.
password = getpass.getpass(); const token = await getAccessToken(); $password = $config->get('db.password');
self.password = password; auth=HTTPBasicAuth(user, password); "password": {"type": "string"}, key=lambda item: item.id
client_secret=${CLIENT_SECRET} token=<token> api_key=YOUR_API_KEY password=changeme secret: "{{ secret }}" pwd=********
"""

CORPORA = {
    "log": log, "lock_file": lock_file, "table": table, "records": records, "minified": minified,
    "certificate": certificate, "picture": picture,
}  # fmt: skip


@pytest.mark.parametrize("corpus", CORPORA)
def test_ids_digests_and_blobs_are_no_secrets(scanner, corpus):
    for seed in SEEDS:
        text = CORPORA[corpus](random.Random(seed))
        found = [(f.detail, text[max(0, f.start - 30) : f.end]) for f in secrets_in(scanner, text)]
        assert found == [], seed


def test_talk_of_secrets_and_code_that_handles_them_hold_none(scanner):
    found = [(f.detail, PROSE[max(0, f.start - 30) : f.end]) for f in secrets_in(scanner, PROSE)]
    assert found == []


@given(st.lists(st.sampled_from(PROSE.split()), max_size=60))
def test_the_words_of_such_talk_in_any_order_name_no_vendors_token(scanner, words):
    found = [f for f in scanner.scan(" ".join(words)).findings if f.detector in ("token", "vendor")]
    assert found == []


def sources(tests):
    library = Path(sysconfig.get_path("stdlib"))
    for file in sorted(library.rglob("*.py")):
        parts = file.relative_to(library).parts
        if not {"site-packages", "dist-packages"} & set(parts) and tests is bool(
            {"test", "tests", "idle_test"} & set(parts)
        ):
            try:
                yield file, file.read_text()
            except UnicodeDecodeError:
                continue


@pytest.mark.parametrize("tests", [False, True], ids=["library", "its_tests"])
def test_at_most_one_in_a_hundred_files_of_the_standard_library_raises_an_alarm(scanner, tests):
    files = list(sources(tests))
    alarms = [file.name for file, text in files if secrets_in(scanner, text)]
    assert len(files) > 100
    assert len(alarms) <= len(files) / 100, alarms


@pytest.mark.skipif(not DATA.is_dir(), reason="DOUANE_TEST_DATA does not name the folder of labelled data")
def test_three_quarters_of_the_samples_that_authors_may_read_are_found(scanner):
    samples = json.loads(gzip.decompress((DATA / "kingfisher_rule_examples.json.gz").read_bytes()))
    readable = [sample for rule, sample in samples if not is_set_aside(vendor_of(rule))]
    found = sum(any(f.type == "SECRET" for f in scanner.scan(sample).findings) for sample in readable)
    assert len(readable) > 500
    assert found / len(readable) >= 0.8


SLOW = {
    "assignments": "password=",
    "assignments_apart": "password= ",
    "short_names": "key=",
    "names_and_words": '"key": "messages.welcome_title", ',
    "tokens": "xoxb-",
    "whole_tokens": "ghp_aB3dE5gH7jK9mN1p",
    "vendors": "slack key abcdefghij1 ",
    "placeholders": "secret=example1234567890abc ",
    "connection_strings": "AccountKey=",
    "keys": "-----BEGIN PRIVATE KEY-----",
    "hashes": "$6$aaaa",
    "commands": "curl -u ",
    "phrases": "mnemonic: word ",
    "headers": "authorization: bearer ",
    "nested": "secret=token=key=",
}


@pytest.mark.parametrize("name", SLOW)
def test_what_is_made_to_be_slow_is_read_up_to_a_bound_and_says_so_beyond(scanner, name):
    inspection = scanner.scan((SLOW[name] * 65_536)[:65_536])
    kinds = Counter((f.type, f.detail) for f in inspection.findings)
    assert sum(kinds.values()) <= 3 * 256
    if ("UNREADABLE", "crowded") in kinds:
        few = scanner.scan((SLOW[name] * 65_536)[:1024])
        assert not any(f.detail == "crowded" for f in few.findings)


def test_ordinary_lists_of_keys_are_read_to_their_end(scanner):
    text = json.dumps([{"key": f"messages.welcome.title_{number}", "value": "Bonjour"} for number in range(1000)])
    assert secrets_in(scanner, text) == []


PIECES = [
    "password: Tr0ub4dor&3", "secret=", "token ", "api_key = '", "q8Zr2LxT9vB4nM7kJ1wS", "9f8d7c6b5a4e3d2c1b0a9f8e7d6c5b4a",
    "algolia", "ALGOLIA_", "sonar", "qube_", "cloudflare", "d_", "private key", "private", " key ", "tokens ", "slack ", "datadog: ", "key-", "KEY=", "xoxb-", "xoxe.xoxp-", "sk-", "sk-proj-", "ghp_" + "aB3" * 13,
    "$6$aaaa$", "curl -u a:", "Authorization: Bearer ", "clé API : ", "mot de passe est ", "PRIVATE KEY-----", "eyJhbGciOiJIUzI1NiJ9.",
    "://u:p4ssw0rd@h", "LTAI5t", "AKIA", "\x00", "\x01", "\n", " ", '"', "'", "=", ":", "-", "_", ".", "/", "+", "é", "a", "B", "7",
]  # fmt: skip


@pytest.fixture(scope="module", params=["re2", "re"])
def other(request) -> Scanner:
    return Scanner(detector_rules(), request.param)


@given(st.lists(st.sampled_from(PIECES), max_size=14))
def test_engines_agree_on_credentials(scanner, other, pieces):
    text = "".join(pieces)
    assert other.scan(text) == scanner.scan(text)


def test_what_is_found_does_not_depend_on_what_was_found_before(scanner):
    text = "ghp_" + hashlib.sha256(b"x").hexdigest()[:36] + " and AKIA" + "QWERTZUIOPASDF23"
    assert scanner.scan(text) == scanner.scan(text)
