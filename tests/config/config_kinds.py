"""A table of upstream kinds for the tests of configuration, and a configuration to start from."""

from __future__ import annotations

from pathlib import Path

from douane import config
from douane.core.models.catalogue import Capabilities, KindFacts, ToolSupport

USUAL = Capabilities(frozenset({"chat", "completions", "embeddings"}))
CHAT = Capabilities(frozenset({"chat"}))

KINDS: config.KindTable = {
    "openai-compatible": KindFacts(
        managed=False,
        default_base_url=None,
        needs_api_key=False,
        capabilities=USUAL,
        options={"cache_salt": "Keep each owner's prefix cache apart."},
    ),
    "embedded": KindFacts(
        managed=False,
        default_base_url=None,
        needs_api_key=False,
        capabilities=Capabilities(USUAL.endpoints, tools=ToolSupport.EMULATED, context_tokens=2048),
        supervised=True,
        models=frozenset({"smollm2-135m-instruct"}),
    ),
    "together": KindFacts(True, "https://api.together.xyz/v1", True, USUAL),
    "fireworks": KindFacts(True, "https://api.fireworks.ai/inference/v1", True, USUAL),
    "huggingface": KindFacts(True, "https://router.huggingface.co/v1", True, CHAT, broker=True),
    "mistral": KindFacts(True, "https://api.mistral.ai/v1", True, USUAL),
}

ENVIRON = {
    "TOGETHER_API_KEY": "tok-golden-secret",
    "HF_TOKEN": "hf-golden-secret",
    "NAMED_ZONE": "premises-two",
    "EMPTY": "",
}

PREMISES = """
[zones.premises]
premises = true
networks = ["127.0.0.0/8", "10.0.0.0/8"]
clearance = "restricted"
compartments = ["*"]
"""

CLOUD = """
[zones.cloud]
clearance = "internal"
country = "FI"
"""

LOCAL = """
[deployments.local]
zone = "premises"
model = "smollm2-135m-instruct"
kind = "embedded"
"""

TOGETHER = """
[deployments.together]
zone = "cloud"
model = "llama-3.1-8b-instruct"
kind = "together"
api_key = "${TOGETHER_API_KEY}"
price = { input = 0.18, output = 0.18, currency = "USD", source = "price list", date = "2026-10-01" }
"""

ROUTE = """
[routes.chat]
deployments = ["local", "together"]
"""

WHOLE = PREMISES + CLOUD + LOCAL + TOGETHER + ROUTE


def read(
    text: str, *, environ: dict[str, str] | None = None, base_dir: Path | str = "/nonexistent"
) -> config.Configuration:
    return config.loads(text, base_dir=base_dir, environ=ENVIRON if environ is None else environ, kinds=KINDS)
