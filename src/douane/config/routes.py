"""Routes, keys and exchange rates: what refers to deployments, and what a key must have because of them.

Rules enforced:
1. A route names deployments that exist, each once. One that no deployment may serve is a warning.
2. A key's routes and zones exist, and no two keys share a secret.
3. A key that can reach a deployment off the premises has a floor: nobody forgets to say what it sends.
4. A budget is kept in one currency: for each currency of a reachable price, a rate into it is known (law 8).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from douane.config import schema
from douane.config.data import RateRow
from douane.config.labels import EVERY, Labels
from douane.config.problems import Path, Problems, choose, dotted, listed, quoted
from douane.core.digest import digest
from douane.core.label import PUBLIC, Label
from douane.core.models.catalogue import Deployment
from douane.core.money import micro
from douane.core.traffic.snapshot import Budget, Key, Limits, Objective, Rates, Route, Strategy
from douane.core.zone import Zone

_NO_SECRETS = frozenset(digest(text) for text in (b"", b"\n", b"\r\n"))
"""What comes out where a digest was made of nothing."""


@dataclass(frozen=True, slots=True)
class Site:
    """What keys must know of a deployment: its zone and the currency of its price. None is unknown, or no price."""

    deployment: str
    zone: Zone | None
    currency: str | None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What routes and keys are read against. The `absent` ones exist but cannot be read."""

    zones: Mapping[str, Zone]
    absent_zones: frozenset[str]
    sites: Mapping[str, Site]
    absent_deployments: frozenset[str]


@dataclass(frozen=True, slots=True)
class RateBook:
    """The exchange rates, and the shipped ones among them with their dates."""

    rates: Rates
    shipped: Mapping[tuple[str, str], str]


def sites_of(given: Mapping[str, schema.Deployment], zones: Mapping[str, Zone], problems: Problems) -> dict[str, Site]:
    """Return what keys must know of each deployment, also of one that has a problem elsewhere."""
    sites: dict[str, Site] = {}
    for name, wanted in given.items():
        path: Path = ("deployments", name)
        zone = None if problems.doubtful(*path, "zone") else zones.get(wanted.zone)
        priced = wanted.price is not None and not problems.doubtful(*path, "price", "currency")
        sites[name] = Site(name, zone, wanted.price.currency if priced and wanted.price is not None else None)
    return sites


def compile_rates(
    given: Mapping[str, Mapping[str, schema.Rate]], shipped: Mapping[tuple[str, str], RateRow], problems: Problems
) -> tuple[Rates, Mapping[tuple[str, str], str]]:
    """Return the exchange rates, and the dates of the shipped ones that nothing overrides.

    The source of all is every source, their date the oldest.
    """
    rates: dict[tuple[str, str], int] = {}
    rows: list[tuple[str, str]] = []
    for currency, row in given.items():
        for into, rate in row.items():
            path: Path = ("rates", currency, into)
            if currency == into:
                fact = f"`{dotted(path)}` is a rate of a currency into itself."
                problems.refuse(path, "A rate joins two currencies.", fact, "Remove it.")
                continue
            try:
                rates[(currency, into)] = micro(rate.rate)
            except ValueError:
                fact = f"`{dotted(path)}` has more than six decimals."
                problems.refuse(path, "Money is exact.", fact, "Round it up to six decimals.")
                continue
            rows.append((rate.source, rate.date))
    unused = {pair: row for pair, row in shipped.items() if pair not in rates}
    rates |= {pair: micro(rate) for pair, (rate, _, _) in unused.items()}
    rows += [(source, day) for _, source, day in unused.values()]
    sources = sorted({source for source, _ in rows})
    compiled = Rates(rates, "; ".join(sources), min((day for _, day in rows), default=""))
    return compiled, {pair: day for pair, (_, _, day) in unused.items()}


def compile_routes(given: Mapping[str, schema.Route], around: Surroundings, problems: Problems) -> dict[str, Route]:
    """Return the routes, each with the deployments that exist; each problem is recorded."""
    routes: dict[str, Route] = {}
    for name, wanted in given.items():
        path: Path = ("routes", name, "deployments")
        named = [one for place, one in enumerate(wanted.deployments) if _exists(one, (*path, place), around, problems)]
        twice = {one for one in named if named.count(one) > 1}
        if twice:
            fact = f"`{dotted(path)}` names {listed(sorted(twice))} more than once."
            problems.refuse(path, "A route names each deployment once.", fact, "Name it once.")
        latency = wanted.latency
        routes[name] = Route(
            name,
            tuple(named),
            Strategy(wanted.strategy),
            Objective(
                None if latency.ttft_ms is None else float(latency.ttft_ms),
                None if latency.tpot_ms is None else float(latency.tpot_ms),
            ),
            wanted.attempts,
            float(wanted.timeout_s),
        )
    return routes


def _exists(name: str, path: Path, around: Surroundings, problems: Problems) -> bool:
    known = {*around.sites, *around.absent_deployments}
    if name not in known:
        problems.refuse(
            path,
            "A route names deployments that exist.",
            f"`{dotted(path)}` names the deployment {quoted(name)}, which does not exist.",
            choose(name, known, f"Add a table `[deployments.{name}]`."),
        )
    return name in known


def warn_of_idle_routes(
    routes: Mapping[str, Route], deployments: Mapping[str, Deployment], *, allow_unchecked: bool, problems: Problems
) -> None:
    """Warn of each route that no deployment may serve at present, an engine that is yet to start may; and of none."""
    if not routes:
        problems.warn(
            "nothing_served",
            "A route is the model name that clients ask for.",
            "There is no route" + ("" if deployments else ", and no deployment") + ": nothing is served.",
            "Add `[routes.NAME]` with the names of its `deployments`; `douane init` writes an example.",
        )
    for name, route in routes.items():
        states = [deployments[one].assurance for one in route.deployments if one in deployments]
        if any(state.routable(allow_unchecked=allow_unchecked) or state == "verifying" for state in states):
            continue
        problems.warn(
            "route_not_routable",
            "Unverified weights are not routable.",
            f"No deployment of route {quoted(name)} may serve: {listed(sorted({state.value for state in states}))}.",
            "Verify the model of one of them, or add a deployment that is verified.",
        )


class KeyReader:
    """Reads the keys of one configuration."""

    def __init__(
        self,
        around: Surroundings,
        routes: Mapping[str, Route],
        absent_routes: frozenset[str],
        labels: Labels,
        book: RateBook,
        problems: Problems,
    ) -> None:
        self._around = around
        self._routes = routes
        self._absent_routes = absent_routes
        self._labels = labels
        self._book = book
        self._problems = problems
        self._by_digest: dict[str, str] = {}

    def read(self, name: str, wanted: schema.Key) -> Key | None:
        """Return one key, or None where it is not whole."""
        before = len(self._problems.found)
        path: Path = ("keys", name)
        self._secret(name, wanted, path)
        routes = self._route_names(wanted, path)
        self._zone_names(wanted, path)
        reachable = [] if self._problems.doubtful(*path, "zones") else self._reachable(routes, wanted.zones)
        floor = self._floor(wanted, path, reachable)
        budget = self._budget(wanted, path, reachable)
        expires_at = self._expiry(wanted, path)
        if len(self._problems.found) > before:
            return None
        self._warn_of_useless(name, routes, wanted.zones, floor)
        return Key(
            name,
            wanted.secret_sha256.lower(),
            wanted.owner or name,
            None if routes is None else frozenset(routes),
            None if wanted.zones is None else frozenset(wanted.zones),
            floor,
            Limits(wanted.limits.requests_per_minute, wanted.limits.tokens_per_minute, wanted.limits.concurrent),
            budget,
            expires_at,
            wanted.admin,
        )

    def _secret(self, name: str, wanted: schema.Key, path: Path) -> None:
        here: Path = (*path, "secret_sha256")
        if self._problems.doubtful(*here):
            return
        found = wanted.secret_sha256.lower()
        if found in _NO_SECRETS:
            fact = f"`{dotted(here)}` is the digest of nothing."
            fix = 'Digest the secret itself, without a line break: `printf %s "$SECRET" | sha256sum`.'
            self._problems.refuse(here, "A key has a secret.", fact, fix)
        other = self._by_digest.setdefault(found, name)
        if other != name:
            fact = f"`{dotted(here)}` is also that of key {quoted(other)}."
            fix = "Make a secret for each key: `douane keys create NAME`."
            self._problems.refuse(here, "No two keys share a secret.", fact, fix)

    def _route_names(self, wanted: schema.Key, path: Path) -> list[str] | None:
        """Return the names of the key's routes, None for every one."""
        here: Path = (*path, "routes")
        if wanted.routes is None:
            if not wanted.admin and not self._problems.doubtful(*path, "admin"):
                names = ", ".join(f'"{name}"' for name in sorted(self._routes)[:3])
                fix = f'Add `routes = [{names}]`, or `["*"]` for every one.'
                fact = f"`{dotted(here)}` is missing."
                self._problems.refuse(here, "A key uses only the routes it was given.", fact, fix)
            return []
        if wanted.routes == [EVERY]:
            return None
        for place, name in enumerate(wanted.routes):
            if name in self._routes or name in self._absent_routes:
                continue
            at: Path = (*here, place)
            known = {*self._routes, *self._absent_routes}
            fix = "Name the routes one by one." if name == EVERY else choose(name, known, f"Add `[routes.{name}]`.")
            fact = f"`{dotted(at)}` names the route {quoted(name)}, which does not exist."
            self._problems.refuse(at, "A key names routes that exist.", fact, fix)
        return wanted.routes

    def _zone_names(self, wanted: schema.Key, path: Path) -> None:
        known = {*self._around.zones, *self._around.absent_zones}
        for place, name in enumerate(wanted.zones or ()):
            if name not in known:
                at: Path = (*path, "zones", place)
                fact = f"`{dotted(at)}` names the zone {quoted(name)}, which does not exist."
                fix = choose(name, known, f"Add `[zones.{name}]`.")
                self._problems.refuse(at, "A key names zones that exist.", fact, fix)

    def _reachable(self, routes: list[str] | None, zones: list[str] | None) -> list[tuple[str, Site]]:
        """Return the deployments that the key can reach, each with its route, as far as their zones are known."""
        sites = self._around.sites
        names = self._routes if routes is None else [name for name in routes if name in self._routes]
        pairs = [(name, sites[one]) for name in names for one in self._routes[name].deployments if one in sites]
        return [(name, one) for name, one in pairs if one.zone and (zones is None or one.zone.name in zones)]

    def _floor(self, wanted: schema.Key, path: Path, reachable: list[tuple[str, Site]]) -> Label:
        here: Path = (*path, "floor")
        if wanted.floor is not None:
            return self._labels.label(here, wanted.floor.level, wanted.floor.compartments) or PUBLIC
        away = next((pair for pair in reachable if pair[1].zone and not pair[1].zone.premises), None)
        if away is not None:
            self._problems.refuse(
                here,
                "A key that can leave the premises has a floor.",
                f"`{dotted(here)}` is missing, and deployment {quoted(away[1].deployment)} of route {quoted(away[0])}"
                " is off the premises.",
                'Add the lowest label of whatever this key sends, such as `floor = "internal"`.',
            )
        return PUBLIC

    def _budget(self, wanted: schema.Key, path: Path, reachable: list[tuple[str, Site]]) -> Budget | None:
        given = wanted.budget
        if given is None:
            return None
        here: Path = (*path, "budget")
        known = not self._problems.doubtful(*here, "currency")
        for currency in sorted({one.currency for _, one in reachable if known and one.currency is not None}):
            pair = (currency, given.currency)
            if currency == given.currency or self._problems.doubtful("rates", *pair):
                continue
            if pair not in self._book.rates.micro:
                setting = f"rates.{currency}.{given.currency}"
                self._problems.refuse(
                    here,
                    "A budget is kept in one currency, at known rates.",
                    f"`{dotted(here)}` is in {given.currency}, and a price that it pays is in {currency}:"
                    f" `{setting}` is missing.",
                    f"Add `{setting} = {{ rate, source, date }}` at the top of the file, or keep the budget in"
                    f" {currency}.",
                )
            elif pair in self._book.shipped:
                self._problems.warn(
                    "shipped_rate",
                    "A budget is kept in one currency, at known rates.",
                    f"`{dotted(here)}` turns {currency} into {given.currency} at the shipped rate of"
                    f" {self._book.shipped[pair]}.",
                    f"Add `rates.{currency}.{given.currency} = {{ rate, source, date }}` at the top of the file.",
                )
        try:
            return Budget(micro(given.amount), given.currency, given.per)
        except ValueError:
            fact = f"`{dotted(here)}` has more than six decimals."
            self._problems.refuse(here, "Money is exact.", fact, "Round it to six decimals.")
            return None

    def _expiry(self, wanted: schema.Key, path: Path) -> int | None:
        if wanted.expires is None:
            return None
        here: Path = (*path, "expires")
        fix = "Write a date as `2027-01-01`, or a date-time as `2027-01-01T00:00:00Z`."
        try:
            moment = datetime.fromisoformat(wanted.expires)
        except ValueError:
            fact = f"`{dotted(here)}` is neither a date nor a date-time."
            self._problems.refuse(here, "A key ends at one moment.", fact, fix)
            return None
        if moment.tzinfo is None:
            if len(wanted.expires) > len("2027-01-01"):
                fact = f"`{dotted(here)}` is a date-time without its offset."
                self._problems.refuse(here, "A key ends at one moment.", fact, fix)
                return None
            moment = moment.replace(tzinfo=UTC)
        return int(moment.timestamp())

    def _warn_of_useless(self, name: str, routes: list[str] | None, zones: list[str] | None, floor: Label) -> None:
        for route in sorted(self._routes) if routes is None else routes:
            reachable = self._reachable([route], zones)
            if any(one.zone and one.zone.clearance.permits(floor) for _, one in reachable):
                continue
            self._problems.warn(
                "floor_not_cleared",
                "Content goes only to zones cleared for its label.",
                f"No deployment of route {quoted(route)} may take what key {quoted(name)} sends: floor `{floor}`.",
                f"Add a deployment in a zone cleared for `{floor}` to the route, or take the route from the key.",
            )
