"""The admin API's actions on a wired house. Whatever waits for the disk runs in a thread."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from douane.bootstrap import House
from douane.control import keys as key_verbs
from douane.control import vault_erase
from douane.core.traffic.keys import SECRET_BYTES
from douane.errors import NotFound
from douane.http.admin import AdminActions, admin_app
from douane.http.admin_bodies import NewKey
from douane.http.app import fresh_request_id
from douane.http.mount import ASGIApp
from douane.http.response import Headers


def admin_of(house: House) -> ASGIApp:
    """Return the admin application of a house."""
    doings = _Doings(house)
    actions = AdminActions(
        reload=doings.reload,
        status=doings.status,
        list_keys=doings.list_keys,
        create_key=doings.create_key,
        revoke_key=doings.revoke_key,
        block=doings.block,
        unblock=doings.unblock,
        erase_values=doings.erase_values,
        forget_conversations=doings.forget_conversations,
    )
    return admin_app(actions, doings.authorise, fresh_request_id)


class _Doings:
    def __init__(self, house: House) -> None:
        self._house = house

    def authorise(self, headers: Headers) -> bool:
        secrets_given = {
            value.partition(b" ")[2].strip() if name == b"authorization" else value
            for name, value in headers
            if name in (b"authorization", b"x-api-key")
        }
        if len(secrets_given) != 1:
            return False
        key = self._house.keys.find(sha256(secrets_given.pop()).hexdigest())
        now_s = self._house.clock.now_us() // 1_000_000
        return (
            key is not None
            and key.admin
            and key.digest not in self._house.keys.revocations().keys
            and (key.expires_at is None or now_s < key.expires_at)
        )

    async def reload(self) -> Mapping[str, Any]:
        return {"version": await self._house.reload()}

    async def status(self) -> Mapping[str, Any]:
        house = self._house
        snapshot = house.snapshots.current()
        blocked = await asyncio.to_thread(house.key_book.blocked)
        conditions = house.conditions.all()
        failure = house.readiness()
        return {
            "ready": failure is None,
            "problem": None if failure is None else failure.problem,
            "configuration": {"source": house.configuration.source, "version": snapshot.version},
            "routes": sorted(snapshot.routes),
            "deployments": [
                {
                    "name": d.name,
                    "zone": d.zone,
                    "model": d.model,
                    "assurance": str(d.assurance),
                    "model_digest": d.model_digest,
                    "blocked": blocked.get(d.name),
                    "ready": conditions[d.name].ready if d.name in conditions else True,
                    "failures": conditions[d.name].circuit.failures if d.name in conditions else 0,
                }
                for d in snapshot.deployments.values()
            ],
        }

    async def list_keys(self) -> list[Mapping[str, Any]]:
        return list(await asyncio.to_thread(key_verbs.listing, self._house.key_book, self._house.clock))

    async def create_key(self, wanted: NewKey) -> Mapping[str, Any]:
        every_route = wanted.routes is None or "*" in wanted.routes
        order = key_verbs.Wanted(
            name=wanted.name,
            owner=wanted.owner,
            routes=None if every_route else tuple(wanted.routes or ()),
            zones=None if wanted.zones is None else tuple(wanted.zones),
            floor="internal" if wanted.floor is None else wanted.floor.level,
            compartments=() if wanted.floor is None else tuple(wanted.floor.compartments),
            requests_per_minute=wanted.limits.requests_per_minute,
            tokens_per_minute=wanted.limits.tokens_per_minute,
            concurrent=wanted.limits.concurrent,
            budget=None if wanted.budget is None else str(wanted.budget.amount),
            currency=None if wanted.budget is None else wanted.budget.currency,
            per="month" if wanted.budget is None else wanted.budget.per,
            expires=None if wanted.expires is None else wanted.expires.isoformat(),
            admin=wanted.admin,
        )
        chance = secrets.token_bytes(SECRET_BYTES)
        secret = await asyncio.to_thread(key_verbs.create, self._house.key_book, self._house.clock, chance, order)
        await self._house.keys_changed()
        return {"name": wanted.name, "secret": secret}

    async def revoke_key(self, name: str) -> Mapping[str, Any]:
        await asyncio.to_thread(key_verbs.revoke, self._house.key_book, self._house.clock, name)
        await self._house.keys_changed()
        return {"name": name, "state": "revoked"}

    async def block(self, name: str, why: str) -> Mapping[str, Any]:
        if name not in self._house.snapshots.current().deployments:
            raise _no_deployment()
        await asyncio.to_thread(self._house.key_book.block, name, self._house.clock.now_us(), why)
        await self._house.keys_changed()
        return {"deployment": name, "blocked": why}

    async def unblock(self, name: str) -> Mapping[str, Any]:
        if not await asyncio.to_thread(self._house.key_book.unblock, name):
            raise _no_deployment()
        await self._house.keys_changed()
        return {"deployment": name, "blocked": None}

    async def erase_values(self, owner: str | None, subject: str | None) -> Mapping[str, Any]:
        return await vault_erase.erase(self._house.vault, owner, subject)

    async def forget_conversations(self, owner: str) -> Mapping[str, Any]:
        count = await self._house.conversations.forget(owner)
        self._house.telemetry.note("conversations_forgotten", count=count)
        return {"owner": owner, "forgotten": count}


def _no_deployment() -> NotFound:
    return NotFound(
        "There is no such deployment, or it is not blocked.",
        "`GET /admin/v1/status` lists the deployments.",
        rule="Only what exists is blocked or unblocked.",
    )
