"""The settings of `douane.toml`: each has a type, a bound, a safe default and one line of help.

The shape alone is decided here: names, types, bounds, closed vocabularies. What settings mean together (references,
zones, money, floors) is decided by the compilers beside this file, and what a broken one says, by `translate`.
The JSON Schema and the reference page are made from these classes.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from douane.config.fields import (
    API_KEY,
    COUNTRY,
    FINDING,
    HOST,
    MODEL_NAME,
    PROVIDER,
    REGISTERED,
    ROUTE_REFERENCE,
    SHA256,
    Compartment,
    Currency,
    FindingMap,
    IsoDate,
    LabelIn,
    LabelTable,
    LevelWord,
    Moment,
    Name,
    Number,
    PathText,
    RouteName,
    Seconds,
    Settings,
    Source,
    Text,
)
from douane.detect.phones import DEFAULT_REGIONS


class Server(Settings):
    """Where the gateway listens, and what it bears.

    A reload refuses another `host`, `port` or `data_dir`; the others hold for what begins after it.
    """

    host: Annotated[str, Field(pattern=HOST)] = Field(
        default="127.0.0.1", description="Address to listen on; needs a restart."
    )
    port: int = Field(
        default=8080, ge=0, le=65_535, description="Port to listen on; 0 takes a free one; needs a restart."
    )
    hosts: list[Annotated[str, Field(pattern=HOST)]] = Field(
        default=["127.0.0.1", "localhost"], min_length=1, max_length=256,
        description="Host names that are answered; the port is ignored.",
    )  # fmt: skip
    data_dir: PathText | None = Field(
        default=None,
        description="Folder of the ledger and the key store; relative to this file. `--data` and DOUANE_DATA win. "
        "Needs a restart.",
    )
    max_body_bytes: int = Field(
        default=8 * 1024 * 1024,
        ge=1024,
        le=1024**3,
        description="Longest request body; longer ones are refused with 413.",
    )
    max_connections: int = Field(
        default=4096, ge=1, le=1_000_000, description="Connections at once; further ones get 503."
    )
    head_s: Seconds = Field(default=Decimal(10), description="Seconds that a client has to send its request's head.")
    body_s: Seconds = Field(default=Decimal(30), description="Seconds that a client has to send its request's body.")
    idle_s: Seconds = Field(default=Decimal(60), description="Seconds that an idle connection is kept open.")
    write_stall_s: Seconds = Field(
        default=Decimal(60), description="Seconds after which a client that does not read is cut off."
    )
    drain_s: Seconds = Field(
        default=Decimal(30), description="Seconds that running answers have to end when the gateway stops."
    )


class Owner(Settings):
    """What differs for the keys of one owner."""

    map: FindingMap = Field(
        default={}, description="Label of each finding type, or of `TYPE:detail`; it overrides `policy.map`."
    )


class Registered(Settings):
    """Names or documents that are your own, as keyed hashes; a command writes the file and makes its key."""

    file: PathText = Field(description="The file of keyed hashes; relative to this one.")
    key: Annotated[str, Field(pattern=API_KEY)] = Field(
        description="The key that they were hashed with, as 64 hexadecimal digits: `file:PATH` or `${VARIABLE}`."
    )
    label: LabelIn | None = Field(
        default=None, description="What a finding makes of a request; by default what the policy's map says."
    )
    owners: list[Name] | None = Field(
        default=None,
        min_length=1,
        max_length=10_000,
        description="In whose requests they are looked for; left out: in everyone's.",
    )


class Policy(Settings):
    """How what is found in a request becomes its label."""

    unknown: LabelIn = Field(
        default=LabelTable(level="restricted"),
        description="The label of what can't be read: images, files, late detectors.",
    )
    allow_unchecked: bool = Field(
        default=False, description='For trials only: deployments with `assurance = "unchecked"` may serve.'
    )
    compartments: list[Compartment] = Field(
        default=[], max_length=256, description="Compartments of your own, beside those that Douane assigns itself."
    )
    map: FindingMap = Field(
        default={}, description="Label of each finding type, or of `TYPE:detail`; it overrides the shipped one."
    )
    regions: list[Annotated[str, Field(pattern=COUNTRY)]] = Field(
        default=list(DEFAULT_REGIONS), max_length=32,
        description="Countries whose national telephone numbers are found; international ones always are.",
    )  # fmt: skip
    meaning: Literal["off", "light", "full"] = Field(
        default="full",
        description="Which layers read for its meaning what could leave the premises: none, the light one, or both.",
    )
    names: Literal["patterns", "ner"] = Field(
        default="patterns",
        description="How names are found for zones that mask `PERSON`: by patterns, or in running text, too (`ner`).",
    )
    names_deadline_s: Annotated[Number, Field(gt=0, le=60)] = Field(
        default=Decimal(2),
        description="Seconds that reading a request for names may take, with `ner`; what is late is not sent masked.",
    )
    vault_s: Seconds = Field(
        default=Decimal(86_400),
        description="Seconds that the values behind a conversation's placeholders are kept, encrypted.",
    )
    meaning_deadline_s: Annotated[Number, Field(gt=0, le=60)] = Field(
        default=Decimal(3),
        description="By when a request is read for its meaning, seconds; what is late counts as `policy.unknown`.",
    )
    meaning_windows: int = Field(
        default=32,
        ge=1,
        le=1024,
        description="How many passages of a request, new ones and in doubt, are read in full; each takes 20 to 50 ms. "
        "Where more are in doubt, the request is `confidential`.",
    )
    meaning_processes: int = Field(
        default=1, ge=1, le=64, description="How many processes read for meaning; each takes about 150 MB."
    )


class Certification(Settings):
    """A certificate of a zone's operator."""

    name: Text = Field(description="Name of the certificate, such as `ISO 27001`.")
    expires: IsoDate = Field(description="Last day of its validity (ISO date).")
    source: Source = Field(description="Where this can be checked.")


class Zone(Settings):
    """A trust zone: a place that content may be sent to."""

    premises: bool = Field(
        default=False, description="Whether this zone is on your premises; it must then name its networks."
    )
    networks: list[Annotated[str, Field(min_length=1, max_length=64)]] = Field(
        default=[], max_length=256,
        description="Networks (CIDR) that each connection of this zone must stay in. None: public addresses only.",
    )  # fmt: skip
    clearance: LevelWord = Field(description="Highest level that this zone may receive.")
    compartments: list[Compartment] = Field(
        default=[], max_length=256, description='Compartments that this zone may receive; `["*"]` for every one.'
    )
    country: Annotated[str, Field(pattern=COUNTRY)] | None = Field(
        default=None, description="Country of the machines (ISO 3166, two capitals)."
    )
    operator: Text | None = Field(default=None, description="Who runs the machines.")
    legal_parent: Text | None = Field(default=None, description="Who controls the operator in law.")
    retention_days: int | None = Field(
        default=None,
        ge=0,
        le=36_500,
        description="Days that the operator keeps content; 0 for none, left out if unknown.",
    )
    trains_on_content: bool | None = Field(
        default=None, description="Whether the operator trains on content; left out if unknown."
    )
    certifications: list[Certification] = Field(
        default=[], max_length=64, description="Certificates that the operator holds."
    )
    mask: list[Annotated[str, Field(pattern=FINDING)]] = Field(
        default=[],
        max_length=256,
        description="Finding types, or `TYPE:detail`, whose values placeholders may replace so that the rest may come "
        "here; off the premises only.",
    )
    mask_restricted: bool = Field(
        default=False, description="Whether what is `restricted` may be masked for this zone, too."
    )
    unmask_tools: list[Text] = Field(
        default=[],
        max_length=256,
        description="Tools whose arguments, in answers from here, get their values back; others keep placeholders.",
    )


class Price(Settings):
    """What a deployment charges, per million tokens. An unknown price is never 0."""

    input: Annotated[Number, Field(gt=0, le=1_000_000)] = Field(description="Price of a million input tokens.")
    output: Annotated[Number, Field(gt=0, le=1_000_000)] | None = Field(
        default=None,
        description="Price of a million output tokens; left out only where a deployment makes embeddings alone.",
    )
    currency: Currency = Field(description="Currency of the price (ISO 4217).")
    source: Source = Field(description="Where the price was read.")
    date: IsoDate = Field(description="Day on which it was read (ISO date).")


class Deadlines(Settings):
    """How long an upstream may take, in seconds."""

    connect_s: Seconds = Field(default=Decimal(5), description="Seconds to connect.")
    first_byte_s: Seconds = Field(default=Decimal(120), description="Seconds to the first byte of the answer.")
    between_bytes_s: Seconds = Field(default=Decimal(60), description="Seconds between two bytes of the answer.")
    total_s: Seconds = Field(default=Decimal(900), description="Seconds in all.")


class Capabilities(Settings):
    """What a deployment can do, where it differs from what its kind usually can.

    An engine that the gateway starts itself (`embedded`) can be restricted, and never extended.
    """

    endpoints: list[Literal["chat", "completions", "embeddings"]] | None = Field(
        default=None, min_length=1, max_length=3, description="What it serves: chat, completions, embeddings."
    )
    tools: Literal["none", "emulated", "native"] | None = Field(default=None, description="How it calls tools.")
    json_schema: bool | None = Field(default=None, description="Whether it holds answers to a JSON Schema.")
    logprobs: bool | None = Field(default=None, description="Whether it gives log probabilities.")
    choices: bool | None = Field(default=None, description="Whether it gives several choices (`n`).")
    counts_choices: bool | None = Field(default=None, description="Whether its usage covers every choice of `n`.")
    media: bool | None = Field(default=None, description="Whether its model reads images, sound or files in messages.")
    context_tokens: int | None = Field(
        default=None, ge=1, le=100_000_000, description="Tokens of context that it was started with."
    )


class Deployment(Settings):
    """A model served at one endpoint, in one zone."""

    zone: Name = Field(description="The zone that the endpoint stands in.")
    model: Name = Field(description="The model's id in the catalogue or in `[models]`.")
    kind: Name = Field(description="The kind of upstream, such as `openai-compatible`, `embedded` or `together`.")
    base_url: Annotated[str, Field(min_length=1, max_length=2048)] | None = Field(
        default=None, description="Address before `/chat/completions`; managed kinds have one by default."
    )
    upstream_model: Annotated[str, Field(pattern=MODEL_NAME)] | None = Field(
        default=None, description="What the upstream calls the model, where it differs from the catalogue."
    )
    provider: Annotated[str, Field(pattern=PROVIDER)] | None = Field(
        default=None,
        description="The one provider that a broker may use, such as `together` behind Hugging Face's router.",
    )
    api_key: Annotated[str, Field(pattern=API_KEY)] | None = Field(
        default=None, description="The upstream's API key: `${VARIABLE}` or `file:PATH`."
    )
    ca_file: PathText | None = Field(
        default=None, description="Certificates (PEM) that the upstream's one must descend from; relative to this file."
    )
    lock: PathText | None = Field(
        default=None, description="Lock of the model's files, which they are verified against."
    )
    assurance: Literal["declared", "provider-asserted", "unchecked"] | None = Field(
        default=None, description="How far the weights are trusted; by default what the kind and the lock allow."
    )
    price: Price | None = Field(default=None, description="What it charges; required off the premises.")
    weight: int = Field(default=1, ge=1, le=10_000, description="Share of the requests under the strategy `weighted`.")
    deadlines: Deadlines = Field(default=Deadlines(), description="How long the upstream may take.")
    capabilities: Capabilities = Field(
        default=Capabilities(),
        description="What it can do, where that differs from what its kind usually can; `embedded` is restricted only.",
    )
    options: dict[Name, Annotated[str, Field(max_length=256)]] = Field(
        default={}, max_length=32, description="Further settings of the kind, as text."
    )


class Latency(Settings):
    """A latency objective."""

    ttft_ms: Annotated[Number, Field(gt=0, le=3_600_000)] | None = Field(
        default=None, description="Milliseconds to the first token."
    )
    tpot_ms: Annotated[Number, Field(gt=0, le=3_600_000)] | None = Field(
        default=None, description="Milliseconds per further token."
    )


class Route(Settings):
    """The model name that clients ask for."""

    deployments: list[Name] = Field(
        min_length=1, max_length=64, description="Deployments that may serve it, in order of preference."
    )
    strategy: Literal["priority", "weighted", "cheapest", "fastest"] = Field(
        default="priority", description="Which cleared deployment is tried first."
    )
    latency: Latency = Field(default=Latency(), description="Latency that the route aims at.")
    attempts: int = Field(default=3, ge=1, le=10, description="Calls to upstreams that one request may cause.")
    timeout_s: Annotated[Number, Field(gt=0, le=3600)] = Field(
        default=Decimal(600), description="Seconds that one request may take, over all its attempts."
    )


class Limits(Settings):
    """What a key may ask for; left out means no limit of that sort."""

    requests_per_minute: int | None = Field(default=None, gt=0, le=10**9, description="Requests per minute.")
    tokens_per_minute: int | None = Field(
        default=None, gt=0, le=10**12, description="Tokens per minute, input and output."
    )
    concurrent: int | None = Field(default=None, gt=0, le=10**6, description="Requests at once.")


class Budget(Settings):
    """What a key may spend."""

    amount: Annotated[Number, Field(gt=0, le=1_000_000_000)] = Field(description="Amount of money.")
    currency: Currency = Field(description="Currency of the amount (ISO 4217).")
    per: Literal["day", "month"] = Field(description="Calendar period (UTC).")


class Key(Settings):
    """A virtual key. Keys can also be made at run time: `douane keys create`."""

    secret_sha256: Annotated[str, Field(pattern=SHA256)] = Field(
        description="SHA-256 of the key's secret, as 64 hexadecimal digits."
    )
    routes: list[Annotated[str, Field(pattern=ROUTE_REFERENCE)]] | None = Field(
        default=None, max_length=1024, description='Routes that it may use; `["*"]` for every one.'
    )
    zones: list[Name] | None = Field(
        default=None, max_length=1024, description="Zones that it may use; left out: every one."
    )
    owner: Name | None = Field(
        default=None, description="Whom it belongs to: keys of one owner share caches; by default the key's name."
    )
    floor: LabelIn | None = Field(
        default=None, description="Lowest label of whatever it sends; required where a route leaves the premises."
    )
    limits: Limits = Field(default=Limits(), description="Requests, tokens and concurrency.")
    budget: Budget | None = Field(default=None, description="Money that it may spend.")
    expires: Moment | None = Field(
        default=None, description="When it ends: a date (its first second, UTC) or a date-time with its offset."
    )
    admin: bool = Field(default=False, description="Whether it may use the admin API.")


class Model(Settings):
    """A model of your own, beside the catalogue."""

    family: Text = Field(description="Family of the model, such as `llama-3.1`.")
    names: dict[Name, Annotated[str, Field(pattern=MODEL_NAME)]] = Field(
        default={}, max_length=64, description="What each kind of upstream calls it; `hub` is its Hugging Face id."
    )
    context_tokens: int | None = Field(
        default=None, ge=1, le=100_000_000, description="Tokens of context; left out if unknown."
    )
    licence: Name | None = Field(default=None, description="Id of its licence; left out if unknown.")
    source: Source = Field(description="Where these facts were read.")
    date: IsoDate = Field(description="Day on which they were read (ISO date).")


class Rate(Settings):
    """What one unit of the first currency is worth in the second."""

    rate: Annotated[Number, Field(gt=0, le=1_000_000)] = Field(description="Units of the second currency per unit.")
    source: Source = Field(description="Where the rate was read.")
    date: IsoDate = Field(description="Day that it holds for (ISO date).")


class Document(Settings):
    """The whole of `douane.toml`."""

    server: Server = Field(default=Server(), description="Where the gateway listens, and what it bears.")
    policy: Policy = Field(default=Policy(), description="How what is found in a request becomes its label.")
    zones: dict[Name, Zone] = Field(default={}, max_length=1_000, description="Trust zones, by name.")
    deployments: dict[Name, Deployment] = Field(default={}, max_length=10_000, description="Served models, by name.")
    routes: dict[RouteName, Route] = Field(
        default={}, max_length=10_000, description="Model names that clients ask for."
    )
    keys: dict[Name, Key] = Field(default={}, max_length=10_000, description="Virtual keys, by name.")
    owners: dict[Name, Owner] = Field(
        default={}, max_length=10_000, description="What differs for the keys of one owner, by the owner's name."
    )
    dictionaries: dict[Annotated[str, Field(pattern=REGISTERED)], Registered] = Field(
        default={},
        max_length=1_000,
        description="Names that are your own, such as projects and customers; `douane dictionary add` writes the file.",
    )
    fingerprints: dict[Annotated[str, Field(pattern=REGISTERED)], Registered] = Field(
        default={},
        max_length=1_000,
        description="Documents that are recognised where a page is pasted; `douane fingerprint add` writes the file.",
    )
    models: dict[Name, Model] = Field(default={}, max_length=1_000, description="Models beside the catalogue, by id.")
    rates: dict[Currency, dict[Currency, Rate]] = Field(
        default={}, max_length=200, description="Exchange rates: `rates.USD.EUR` is what one dollar is worth in euro."
    )
