import random
import string

import pytest


def drawn(length, alphabet=string.ascii_letters + string.digits, seed=3):
    return "".join(random.Random(seed).choices(alphabet, k=length))


def secrets_in(scanner, value):
    return [f for f in scanner.scan(value).findings if f.type == "SECRET"]


TOKENS = {
    "aws": "AKIA" + drawn(16, string.ascii_uppercase + "234567"),
    "github": "gh" + "p_" + drawn(36),
    "gitlab": "glp" + "at-" + drawn(20),
    "slack": "xox" + "b-" + drawn(12, string.digits) + "-" + drawn(24),
    "google": "AI" + "za" + drawn(35),
    "stripe": "sk_" + "live_" + drawn(24),
    "openai": "sk-" + "proj-" + drawn(48),
    "anthropic": "sk-" + "ant-api03-" + drawn(90),
    "huggingface": "hf" + "_" + drawn(34),
    "model-provider": "sk-" + drawn(48),
    "npm": "npm" + "_" + drawn(36),
    "pypi": "pypi-" + "AgE" + drawn(60),
    "sendgrid": "SG" + "." + drawn(22) + "." + drawn(43),
    "jwt": "eyJ" + drawn(20) + ".eyJ" + drawn(40) + "." + drawn(43),
}


@pytest.mark.parametrize("vendor", TOKENS)
@pytest.mark.parametrize("frame", ["{}", "key={} ", '"{}"', "é {}.", "export X={}\n", "https://example.org/?t={}"])
def test_a_token_of_a_known_issuer_is_found_wherever_it_stands(scanner, vendor, frame):
    token = TOKENS[vendor]
    text = frame.format(token)
    found = secrets_in(scanner, text)
    assert [(text[f.start : f.end], f.detail) for f in found if f.detail == vendor] == [(token, vendor)]


def test_a_private_key_is_found_whole_also_in_a_tools_arguments(scanner):
    key = (
        "-----BEGIN RSA PRIVATE KEY-----\n"
        + "\n".join(drawn(64, seed=n) for n in range(4))
        + "\n-----END RSA PRIVATE KEY-----"
    )
    (found,) = secrets_in(scanner, f"voici\n{key}\nmerci")
    assert (found.start, found.end, found.detail) == (6, 6 + len(key), "private-key")
    call = {"function": {"name": "f", "arguments": '{"pem": "' + key.replace("\n", "\\n") + '"}'}}
    body = {"messages": [{"role": "assistant", "tool_calls": [call]}]}
    assert {f.pointer for f in secrets_in(scanner, body)} == {"/messages/0/tool_calls/0/function/arguments"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("password: Tr0ub4dor&3", "Tr0ub4dor&3"),
        ("Mot de passe : Soleil2024!", "Soleil2024!"),
        ("mot de passe\u00a0: Soleil2024!", "Soleil2024!"),
        ("Le mot de passe est Soleil2024!, merci", "Soleil2024!"),
        ('DB_PASSWORD="p4ss-W0rd"', "p4ss-W0rd"),
        ("passwd=Hunter22;", "Hunter22"),
        ('{"password": "Hunter22"}', "Hunter22"),
        ('{\\"password\\": \\"Hunter22\\"}', "Hunter22"),
        ("api_key = '9f8d7c6b5a4e3d2c1b0a9f8e7d6c5b4a'", "9f8d7c6b5a4e3d2c1b0a9f8e7d6c5b4a"),
        ("client-secret: q8Zr2LxT9vB4nM7kJ1wS", "q8Zr2LxT9vB4nM7kJ1wS"),
        ("postgres://app:S3cr3tPw@db.internal:5432/x", "S3cr3tPw"),
        ("Authorization: Bearer q8Zr2LxT9vB4nM7kJ1wS", "q8Zr2LxT9vB4nM7kJ1wS"),
    ],
)
def test_the_value_of_a_setting_named_like_a_secret_is_found(scanner, text, value):
    assert value in [text[f.start : f.end] for f in secrets_in(scanner, text)]


@pytest.mark.parametrize(
    "text",
    [
        "password: changeme",
        "password = os.environ['DB_PASSWORD']",
        "token: ${API_TOKEN}",
        "password: <your password>",
        "api_key=YOUR_API_KEY_GOES_HERE_1234",
        "secret: xxxxxxxxxxxxxxxxxxxx",
        "password = get_password(user1)",
        '"password": {"type": "string", "minLength": 8}',
        "def login(user: str, password: str) -> None:",
        "max_tokens: 100000",
        "password: {{ vault.password1 }}",
        "the token is required",
        "Le mot de passe est obligatoire",
        "secret: self.secret_value",
        "AKIAIOSFODNN7EXAMPLE",
        "https://example.org:8080/a@b",
        "key=value",
        "the key is under the mat",
        "token_count: 123456789012",
        "public_key_path: /etc/ssl/certs/server1.pem",
        "a secret ingredient",
        "Bearer token authentication",
    ],
)
def test_placeholders_types_references_and_prose_are_no_secrets(scanner, text):
    assert secrets_in(scanner, text) == []


def test_a_json_key_named_like_a_secret_tells_its_value(scanner):
    body = {"messages": [], "metadata": {"db_password": "Hunter22", "note": "hello"}}
    assert [(f.pointer, f.start, f.end) for f in secrets_in(scanner, body)] == [("/metadata/db_password", 0, 8)]


def test_a_tools_schema_with_a_password_parameter_is_no_secret(scanner):
    schema = {
        "type": "object",
        "properties": {"password": {"type": "string"}, "token": {"description": "an API token"}},
    }
    body = {"tools": [{"type": "function", "function": {"name": "login", "parameters": schema}}]}
    assert secrets_in(scanner, body) == []


@pytest.mark.parametrize(
    "text", [drawn(300), drawn(512, "0123456789abcdef"), "\n".join(drawn(76, seed=n) for n in range(6))]
)
def test_a_long_blob_is_reported(scanner, text):
    assert [f.type for f in scanner.scan(f"voici {text} fin").findings] == ["BLOB"]


@pytest.mark.parametrize("text", ["-" * 400, "a" * 400, "ACGT" * 100, "a/b/c-d_" * 60, "mot " * 200, "=" * 300])
def test_rulers_paths_and_repeats_are_no_blobs(scanner, text):
    assert [f.type for f in scanner.scan(text).findings] == []


def test_a_data_url_anywhere_is_unreadable(scanner):
    (found,) = scanner.scan("![x](data:image/png;base64,iVBORw0KGgoAAAANSUhEUg==)").findings
    assert (found.type, found.detail, found.start) == ("UNREADABLE", "data-url", 5)
