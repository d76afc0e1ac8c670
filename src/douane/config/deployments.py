"""Deployments: where a model answers, in which zone, how far it is trusted, at what price.

Rules enforced:
1. Off the premises a price is given, above zero, with currency, source and date (law 8).
2. Nobody claims `verified`: it is found. The default is `declared`, `provider-asserted` for managed kinds, `verifying`
   for an engine that the gateway starts itself (law 5).
3. What the upstream calls the model is known, and is not run in a cloud where the zone is on the premises (law 1).
4. An engine that the gateway starts itself serves the model that its weights are, and claims what it can, no more.

Where a deployment may stand is decided in `placement`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from douane.config import schema
from douane.config.catalogue import HUB, upstream_name
from douane.config.placement import (
    Subject,
    Surroundings,
    address_of,
    check_address,
    check_kind,
    check_provider,
    is_offloaded,
)
from douane.config.problems import Path, Problems, choose, dotted, listed, nearest, quoted
from douane.config.text import cause_of, read_regular
from douane.core.models.catalogue import (
    Assurance,
    Capabilities,
    Deadlines,
    Deployment,
    KindFacts,
    Model,
    ToolSupport,
)
from douane.core.money import Price, micro
from douane.core.zone import Zone

LONGEST_CA_BYTES = 1024 * 1024
PROVIDER = "provider"
"""The option by which a kind learns the provider that its broker is pinned to."""


def compile_deployments(
    given: Mapping[str, schema.Deployment], around: Surroundings, problems: Problems
) -> dict[str, Deployment]:
    """Return the deployments that are whole; each problem of the others is recorded."""
    compiled: dict[str, Deployment] = {}
    for name, wanted in given.items():
        before = len(problems.found)
        deployment = _read(Subject(name, wanted, around, problems))
        if deployment is not None and len(problems.found) == before:
            compiled[name] = deployment
    return compiled


def _read(subject: Subject) -> Deployment | None:
    wanted = subject.wanted
    zone = _zone(subject)
    facts = _facts(subject)
    if facts is None:
        _model(subject)
        _price(subject, zone, None)
        _claim(subject, zone)
        _ca_file(subject)
        return None
    endpoint = address_of(subject, facts)
    check_kind(subject, facts, zone)
    _options(subject, facts)
    _credential(subject, facts)
    check_provider(subject, facts, endpoint)
    model = _served(subject, _model(subject), facts)
    upstream_model = _upstream_model(subject, model, facts, zone)
    capabilities = _capabilities(subject, model, facts)
    check_address(subject, zone, endpoint, facts)
    price = _price(subject, zone, capabilities)
    assurance = _assurance(subject, facts, zone)
    ca_file = _ca_file(subject)
    if zone is None or endpoint is None or model is None or upstream_model is None:
        return None
    return Deployment(
        subject.name,
        zone.name,
        model.id,
        wanted.kind,
        endpoint,
        upstream_model,
        assurance,
        capabilities,
        price,
        wanted.api_key,
        wanted.weight,
        _deadlines(wanted.deadlines),
        None,
        wanted.lock,
        ca_file,
        wanted.options | ({PROVIDER: wanted.provider} if wanted.provider else {}),
    )


# --- what it refers to -----------------------------------------------------------------------------------


def _zone(subject: Subject) -> Zone | None:
    name = subject.wanted.zone
    zone = subject.around.zones.get(name)
    if zone is None and name not in subject.around.absent:
        subject.refuse(
            "zone",
            "A deployment stands in a zone that exists.",
            f"{subject.dotted('zone')} names the zone {quoted(name)}, which does not exist.",
            choose(name, {*subject.around.zones, *subject.around.absent}, f"Add a table `[zones.{name}]`."),
        )
    return zone


def _facts(subject: Subject) -> KindFacts | None:
    facts = subject.around.kinds.get(subject.wanted.kind)
    if facts is None:
        subject.refuse(
            "kind",
            "An upstream is of a kind that is installed.",
            f"{subject.dotted('kind')} is {quoted(subject.wanted.kind)}, which is no kind that is installed.",
            choose(subject.wanted.kind, subject.around.kinds, "Install one."),
        )
    return facts


def _model(subject: Subject) -> Model | None:
    name = subject.wanted.model
    model = subject.around.models.get(name)
    if model is None and name not in subject.around.absent_models:
        close = nearest(name, subject.around.models)
        meant = f"Did you mean {quoted(close)}? Or add" if close else "Add"
        subject.refuse(
            "model",
            "A deployment serves a model of the catalogue or of `[models]`.",
            f"{subject.dotted('model')} names {quoted(name)}, which neither the catalogue nor `[models]` holds.",
            f"{meant} a table `[{dotted(('models', name))}]`.",
        )
    return model


def _served(subject: Subject, model: Model | None, facts: KindFacts) -> Model | None:
    """Return the model, or None where the kind serves others alone."""
    if model is None or facts.models is None or model.id in facts.models:
        return model
    kind, served = quoted(subject.wanted.kind), listed(sorted(facts.models))
    subject.refuse(
        "model",
        "What is served is the model that was named.",
        f"{subject.dotted('model')} is {quoted(model.id)}, and kind {kind} serves {served} alone.",
        f"Use {served}, or serve {quoted(model.id)} by a server of yours: `openai-compatible` is its kind.",
    )
    return None


def _upstream_model(subject: Subject, model: Model | None, facts: KindFacts, zone: Zone | None) -> str | None:
    wanted = subject.wanted
    name = None if facts.supervised else wanted.upstream_model
    if name is None and model is not None:
        name = upstream_name(model, wanted.kind, facts)
    if name is None:
        if model is not None and not subject.problems.doubtful("models", model.id, "names"):
            subject.refuse(
                "upstream_model",
                "What the upstream calls the model is known.",
                f"The catalogue has no name for {quoted(model.id)} on kind {quoted(wanted.kind)}.",
                f"Set {subject.dotted('upstream_model')} to the name that the upstream lists"
                + (f"; its Hugging Face id is {quoted(model.names[HUB])}." if HUB in model.names else "."),
            )
        return None
    if zone is not None and zone.premises and is_offloaded(name):
        subject.refuse(
            "upstream_model",
            "On the premises means that it runs there.",
            f"{quoted(name)} is run in Ollama's cloud, and zone {quoted(zone.name)} is on the premises.",
            "Use a model that runs on your machine, or put the deployment into a zone off the premises.",
        )
    return name


# --- how it is used --------------------------------------------------------------------------------------


def _options(subject: Subject, facts: KindFacts) -> None:
    known = facts.options.keys() - {PROVIDER}  # a setting of its own, with rules of its own
    for name in sorted(subject.wanted.options.keys() - known):
        path: Path = (*subject.path, "options", name)
        subject.problems.refuse(
            path,
            "Only known options are taken.",
            f"`{dotted(path)}` is no option of kind {quoted(subject.wanted.kind)}.",
            choose(name, known, "Remove it: this kind has none."),
        )


def _credential(subject: Subject, facts: KindFacts) -> None:
    if facts.needs_api_key and subject.wanted.api_key is None:
        subject.refuse(
            "api_key",
            "A kind that asks for an API key gets one.",
            f"{subject.dotted('api_key')} is missing; kind {quoted(subject.wanted.kind)} needs one.",
            'Add `api_key = "${VARIABLE}"` or `api_key = "file:PATH"`.',
        )


def _capabilities(subject: Subject, model: Model | None, facts: KindFacts) -> Capabilities:
    given = subject.wanted.capabilities
    usual = facts.capabilities
    known = [count for count in (usual.context_tokens, model.context_tokens if model else None) if count]
    bounds = replace(usual, context_tokens=min(known, default=None))
    claimed = replace(
        bounds,
        endpoints=frozenset(given.endpoints) if given.endpoints is not None else usual.endpoints,
        tools=ToolSupport(given.tools) if given.tools is not None else usual.tools,
        json_schema=usual.json_schema if given.json_schema is None else given.json_schema,
        logprobs=usual.logprobs if given.logprobs is None else given.logprobs,
        choices=usual.choices if given.choices is None else given.choices,
        counts_choices=usual.counts_choices if given.counts_choices is None else given.counts_choices,
        media=usual.media if given.media is None else given.media,
        context_tokens=given.context_tokens or bounds.context_tokens,
    )
    if not facts.supervised:
        return claimed
    for name in claimed.beyond(bounds):
        setting = dotted((*subject.path, "capabilities", name))
        subject.problems.warn(
            "capability_not_there",
            "A deployment claims what it can do, no more.",
            f"`{setting}` claims more than kind {quoted(subject.wanted.kind)} can; it does not count.",
            "Remove it: the gateway's own engine can be restricted, not extended.",
        )
    return claimed.within(bounds)


def _price(subject: Subject, zone: Zone | None, capabilities: Capabilities | None) -> Price | None:
    """Read the price; `capabilities` is None where they are not known."""
    given = subject.wanted.price
    if given is None:
        if zone is not None and not zone.premises:
            subject.refuse(
                "price",
                "A price is never unknown off the premises, and never 0.",
                f"{subject.dotted('price')} is missing, and zone {quoted(zone.name)} is off the premises.",
                "Add `price = { input, output, currency, source, date }`, per million tokens.",
            )
        return None
    known = None if subject.doubtful("capabilities") or subject.doubtful("price", "output") else capabilities
    if given.output is None and known is not None and known.endpoints != {"embeddings"}:
        subject.refuse(
            "price",
            "A price is never unknown off the premises, and never 0.",
            f"{subject.dotted('price')} has no `output`, and this deployment makes more than embeddings.",
            "Add the price of a million output tokens.",
        )
        return None
    try:
        output_micro = 0 if given.output is None else micro(given.output)  # embeddings have no output to charge
        return Price(micro(given.input), output_micro, given.currency, given.source, given.date)
    except ValueError:
        subject.refuse(
            "price",
            "Money is exact.",
            f"{subject.dotted('price')} has more than six decimals.",
            "Round it up to six decimals.",
        )
        return None


# --- how far it is trusted -------------------------------------------------------------------------------


def _claim(subject: Subject, zone: Zone | None) -> Assurance | None:
    """Return what the deployment itself says of its weights."""
    wanted = subject.wanted
    given = Assurance(wanted.assurance) if wanted.assurance is not None else None
    if given is Assurance.UNCHECKED and not subject.around.allow_unchecked:
        subject.refuse(
            "assurance",
            "Unverified weights are not routable.",
            f"{subject.dotted('assurance')} is `unchecked`, and `policy.allow_unchecked` is false.",
            "Verify the model with `lock`; for a trial, set `policy.allow_unchecked = true`.",
        )
    if given is Assurance.PROVIDER_ASSERTED and zone is not None and zone.premises:
        subject.refuse(
            "assurance",
            "Weights on the premises are checked.",
            f"{subject.dotted('assurance')} is `provider-asserted`, and zone {quoted(zone.name)} is on the premises.",
            "Verify the model with `lock`.",
        )
    return given


def _assurance(subject: Subject, facts: KindFacts, zone: Zone | None) -> Assurance:
    if facts.supervised:
        return Assurance.VERIFYING
    given = _claim(subject, zone)
    if given is not None:
        return given
    if facts.managed:
        return Assurance.PROVIDER_ASSERTED
    _not_verified(subject)
    return Assurance.DECLARED


def _not_verified(subject: Subject) -> None:
    fix = (
        "This version verifies the weights of its own engines only. For a trial of yours set "
        '`assurance = "unchecked"` here and `policy.allow_unchecked = true`.'
    )
    subject.problems.warn(
        "not_verified",
        "Unverified weights are not routable.",
        f"Deployment {quoted(subject.name)} is `declared`: it receives nothing until its weights are verified.",
        fix,
    )


def _ca_file(subject: Subject) -> str | None:
    name = subject.wanted.ca_file
    if name is None:
        return None
    file = subject.around.base_dir / name
    try:
        read_regular(file, LONGEST_CA_BYTES)
    except (OSError, ValueError) as error:
        subject.refuse(
            "ca_file",
            "Certificates to trust are readable.",
            f"{subject.dotted('ca_file')} names the file {quoted(name)}, which {cause_of(error)}.",
            "Name a PEM file, relative to the configuration.",
        )
        return None
    return str(file.absolute())


def _deadlines(given: schema.Deadlines) -> Deadlines:
    return Deadlines(
        float(given.connect_s), float(given.first_byte_s), float(given.between_bytes_s), float(given.total_s)
    )
