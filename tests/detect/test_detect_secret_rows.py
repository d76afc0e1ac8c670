"""Every row of the secrets' table finds what it describes, and nothing of another form."""

import random
import re
from itertools import islice

import pytest

from douane.config import detector_rules
from douane.detect.rules import decode
from douane.detect.secrets.alive import is_placeholder, looks_drawn

RAW = detector_rules()["secrets"]
RULES = decode(detector_rules())
TOKENS = [(row, prefix) for row in RULES.tokens for prefix in row.prefixes]
VENDORS = [row for row in RULES.vendors if row.body]
FOLLOWING = {
    "airtable": "." + "0f9e8d7c6b5a4f3e" * 4,
    "trello": "",
    "convex": "|eyJ2Mi" + "Zk8Qw3Rt7Yp" * 4,
}
CURATED = ("token", "vendor", "shape", "keyword")


def signs(body):
    return [sign for sign in map(chr, range(33, 127)) if re.fullmatch(f"[{body}]", sign)]


def drawn(body, length, seed):
    """Draw a value that ends as values do and that no other rule turns away."""
    chance = random.Random(seed)
    alphabet = signs(body)
    ends = [sign for sign in alphabet if sign.isalnum()]
    for _ in range(1000):
        value = "".join(chance.choices(alphabet, k=length - 1)) + chance.choice(ends)
        if value[0].isalnum() and not is_placeholder(value.encode()) and looks_drawn(value.encode(), 4):
            return value
    raise AssertionError(f"Of [{body}]{{{length}}} nothing is drawn.")


def details(scanner, text):
    return {f.detail for f in scanner.scan(text).findings if f.type == "SECRET"}


def test_every_row_names_its_source_and_its_date():
    rows = [row for group in CURATED for row in RAW[group]] + [RAW["named"], RAW["harmless"]]
    assert all(row["source"] and re.fullmatch(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}", row["date"]) for row in rows)


def test_a_hundred_and_fifty_vendors_have_a_form_of_their_own():
    assert len({row.detail for row in (*RULES.tokens, *VENDORS, *RULES.shapes)}) >= 150
    assert len({row.detail for row in RULES.tokens}) >= 100


def test_no_row_is_written_twice():
    heads = [(row.body, row.then, row.shortest, prefix) for row, prefix in TOKENS]
    assert len(heads) == len(set(heads))
    names = [(name, row.body, row.shortest) for row in VENDORS for name in row.names]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(("row", "prefix"), TOKENS, ids=[f"{row.detail}:{prefix}" for row, prefix in TOKENS])
def test_a_token_of_a_rows_form_is_found_and_one_too_short_is_none_of_its(scanner, row, prefix):
    rest = FOLLOWING.get(row.detail, "") if row.then else ""
    for seed in range(3):
        token = prefix + drawn(row.body, row.shortest, seed) + rest
        before = "12345678" if row.glued and prefix.startswith(":") else ""
        assert row.detail in details(scanner, f"voici {before}{token} merci"), token
    short = prefix + drawn(row.body, row.shortest, 1)[: row.shortest - 1]
    others = {other.detail for other, head in TOKENS if head in short} - {row.detail}
    found = [f for f in scanner.scan(f"voici {short}").findings if f.detector == "token" and f.detail not in others]
    assert [f.detail for f in found] == []


@pytest.mark.parametrize(("row", "prefix"), TOKENS, ids=[f"{row.detail}:{prefix}" for row, prefix in TOKENS])
def test_a_token_broken_by_a_foreign_sign_or_filled_with_one_sign_is_no_token(scanner, row, prefix):
    value = drawn(row.body, row.shortest, 5)
    middle = min(len(value) // 2, 8)
    for text in (prefix + value[:middle] + "§" + value[middle + 1 :], prefix + "x" * row.shortest):
        found = [f for f in scanner.scan(f"voici {text}").findings if f.detector == "token" and f.start <= 6]
        assert [f.detail for f in found] == [], text


@pytest.mark.parametrize("row", VENDORS, ids=lambda row: f"{row.detail}-{row.shortest}")
def test_what_has_no_prefix_is_found_beside_its_vendors_name(scanner, row):
    value = drawn(row.body, max(row.shortest, 10), 7)
    for name in row.names:
        constant = name.upper().replace(" ", "_")
        for text in (f"{constant}_API_KEY={value}", f'"{name}": {{"secret": "{value}"}}'):
            assert details(scanner, text), text


@pytest.mark.parametrize("row", list(islice(VENDORS, 0, None, 10)), ids=lambda row: f"{row.detail}-{row.shortest}")
def test_a_vendors_name_in_a_sentence_tells_nothing(scanner, row):
    for name in row.names:
        text = f"We moved from {name} to something else, and {name} support answered the next day about the invoice."
        assert details(scanner, text) == set()


SHAPES = {
    "private-key": "-----BEGIN EC PRIVATE KEY-----\n{b64_64}\n{b64_64}\n-----END EC PRIVATE KEY-----",
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.{b64u_43}",
    "url-password": "postgres://app:{w_12}@db.internal:5432/x",
    "azure": "AccountName=x;AccountKey={b64_86}==;",
    "slack": "https://hooks.slack.com/services/T{w_10}/B{w_10}/{w_24}",
    "discord": "https://discord.com/api/webhooks/{d_18}/{b64u_68}",
    "teams": "https://x.webhook.office.com/webhookb2/{h_32}@{h_32}/IncomingWebhook/{h_32}/{h_32}",
    "authorization": "Authorization: SSWS {w_40}",
    "password-hash": "root:$6${w_12}${w_86}:19000:0:99999:7:::",
    "netrc": "machine example.org login anna password {w_9}",
    "connection-string": "Server=db;Database=x;User Id=app;Password=goodspeed;Encrypt=true",
    "command-line": "mysql --user=root --password={w_10} db",
    "seed-phrase": "seed phrase: ocean lamp window river gentle mango copper tiger planet school velvet honey",
    "mailchimp": "{h_32}-us12",
    "newrelic": "{h_36}NRAL",
    "maxmind": "{w_6}_{w_29}_mmk",
    "rapidapi": "{h_10}msh{h_15}p1{h_6}jsn{h_12}",
    "salesforce": "00D{w_15}!AQ{w_80}",
    "google-chat": "https://chat.googleapis.com/v1/spaces/AAAA/messages?key={w_39}&token={w_43}",
    "feishu": "https://open.feishu.cn/open-apis/bot/v2/hook/{h_8}-{h_4}-{h_4}-{h_4}-{h_12}",
    "wecom": "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key={h_8}-{h_4}-{h_4}-{h_4}-{h_12}",
    "zapier": "https://hooks.zapier.com/hooks/catch/{d_7}/{w_7}/",
    "make": "https://hook.eu1.make.com/{w_32}",
    "ifttt": "https://maker.ifttt.com/trigger/door/with/key/{w_43}",
    "power-automate": "https://x.logic.azure.com:443/workflows/{h_32}/triggers/manual/paths/invoke?api-version=1&sig={w_43}",
    "aws-signed-url": "https://b.s3.amazonaws.com/x?X-Amz-Date=1&X-Amz-Signature={h_64}",
    "google-signed-url": "https://storage.googleapis.com/b/x?X-Goog-Signature={h_256}",
    "sentry": "https://{h_32}@o123.ingest.sentry.io/456",
}
ALPHABETS = {"h": "0-9a-f", "d": "0-9", "w": "A-Za-z0-9", "b64": "A-Za-z0-9+/", "b64u": r"A-Za-z0-9_\-"}


def filled(frame, seed=11):
    chance = random.Random(seed)

    def value(found):
        alphabet = signs(ALPHABETS[found[1]])
        return "".join(chance.choices(alphabet, k=int(found[2])))

    return re.sub(r"\{([a-z0-9]+)_([0-9]+)\}", value, frame)


def test_every_shape_has_a_sample():
    assert set(SHAPES) == {row.detail for row in RULES.shapes}


@pytest.mark.parametrize("detail", SHAPES)
def test_a_credential_of_a_known_shape_is_found(scanner, detail):
    text = filled(SHAPES[detail])
    assert detail in details(scanner, text), text


@pytest.mark.parametrize(
    "text",
    [
        "$2a$12$" + "R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
        "$argon2id$v=19$m=65536,t=3,p=4$" + "c29tZXNhbHRzYWx0$" + "RdescudvJCsgt3ub+b2dWRWJTmaaJObG3lQ7fVZ2x8k",
        "$apr1$" + "x7Yq2Lm9$" + "Zk8Qw3Rt7YpLm2Nx4Vb6K1",
        "pbkdf2_sha256$600000$" + "kQ2Lm9Zx7Yq2$" + "RdescudvJCsgt3ub+b2dWRWJTmaaJObG3lQ7fVZ2x8k=",
        "$krb5asrep$23$anna@example.org:" + "3e156ada591263b8aab0965f5aebd837$" + "0a" * 20,
        "Administrator:500:aad3b435b51404eeaad3b435b51404ee:" + "8846f7eaee8fb117ad06bdd830b7586c:::",
    ],
)
def test_a_hash_of_a_password_is_found(scanner, text):
    assert "password-hash" in details(scanner, text)
