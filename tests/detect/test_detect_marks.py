import pytest


def marks(scanner, text):
    return [f.detail for f in scanner.scan(text).findings if f.type == "MARK"]


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("TLP:RED", "tlp-red"),
        ("tlp: red, do not share", "tlp-red"),
        ("[TLP:AMBER+STRICT]", "tlp-amber-strict"),
        ("TLP:AMBER", "tlp-amber"),
        ("TLP:GREEN", "tlp-green"),
        ("TLP:CLEAR", "tlp-clear"),
        ("TLP:WHITE", "tlp-clear"),
        ("DIFFUSION RESTREINTE", "fr-dr"),
        ("document en diffusion restreinte", "fr-dr"),
        ("Diffusion\u00a0Restreinte", "fr-dr"),
        ("TRÈS SECRET", "fr-secret"),
        ("SECRET DÉFENSE", "fr-secret"),
        ("SECRET-DEFENSE", "fr-secret"),
        ("SPÉCIAL FRANCE", "fr-secret"),
        ("SECRET", "secret"),
        ("SECRET - Projet Alpha", "secret"),
        ("Classification : Secret", "secret"),
        ("Note\n\nSECRET\n\ntexte", "secret"),
        ("// SECRET //", "secret"),
        ("CONFIDENTIEL", "confidential"),
        ("Document CONFIDENTIEL, ne pas diffuser", "confidential"),
        ("Confidentiel\nCompte rendu du 12", "confidential"),
        ("# Confidential\ntext", "confidential"),
        ("Classification: confidential", "confidential"),
        ("COMPANY CONFIDENTIAL", "confidential"),
        ("Strictement confidentiel", "strictly-confidential"),
        ("this is strictly confidential", "strictly-confidential"),
        ("STRICTLY PRIVATE AND CONFIDENTIAL", "strictly-confidential"),
        ("streng vertraulich", "strictly-confidential"),
        ("RESTREINT UE/EU RESTRICTED", "eu-restricted"),
        ("EU SECRET", "eu-classified"),
        ("NATO RESTRICTED", "nato-restricted"),
        ("NATO SECRET", "nato-classified"),
        ("COSMIC TOP SECRET", "nato-classified"),
        ("VS - NUR FÜR DEN DIENSTGEBRAUCH", "de-vs-nfd"),
        ("TOP SECRET//SI", "us-classified"),
        ("ATTORNEY-CLIENT PRIVILEGED", "legal-privilege"),
        ("SECRET MÉDICAL", "medical"),
        ("USAGE INTERNE", "internal"),
    ],
)
def test_a_mark_is_found_and_named(scanner, text, mark):
    assert marks(scanner, text) == [mark]


@pytest.mark.parametrize(
    "text",
    [
        "a secret ingredient",
        "Le secret de la pâte",
        "the confidentiality agreement",
        "accord de confidentialité",
        "il reste confidentiel sur ses projets",
        "une information confidentielle circule",
        "CLIENT_SECRET=abc",
        "SECRET_KEY",
        "THIS IS A SECRET INGREDIENT",
        "level = Level.CONFIDENTIAL",
        "CONFIDENTIAL = 2",
        "what does secret mean?",
        "Définis le secret médical",
        "secret",
        "confidential",
        "The Secret: a film",
        "- Secret: the sauce",
        "une diffusion plus restreinte",
        "for internal use only",
        "tlp is a protocol",
        "the NATO summit",
        "top secret recipe",
    ],
)
def test_an_ordinary_word_is_no_mark(scanner, text):
    assert marks(scanner, text) == []


def test_a_mark_that_is_a_value_counts_where_its_key_announces_it(scanner):
    found = scanner.scan({"metadata": {"classification": "secret"}}).findings
    assert [(f.detail, f.pointer) for f in found] == [("secret", "/metadata/classification")]


def test_every_mark_has_a_row_in_the_policy():
    import tomllib
    from importlib.resources import files

    from douane.config import detector_rules

    policy = tomllib.loads(files("douane").joinpath("data", "detectors", "policy.toml").read_text())["map"]
    assert {f"MARK:{row['detail']}" for row in detector_rules()["marks"]["mark"]} <= set(policy)
