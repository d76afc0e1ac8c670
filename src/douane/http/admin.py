"""The admin API, `/admin/v1`: reload, status, keys, blocks, conversations. It checks who asks what; others do it.

Rules enforced:
1. Nothing under `/admin/` is answered, not even that a path does not exist, before the caller is known as an admin.
2. A browser's request from another site is refused, whatever credentials it carries.
3. Bodies are checked whole, errors speak Douane's envelope, and answers are never cached.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, Router

from douane.errors import DouaneError, ForbiddenRoute, InvalidRequest, MethodNotAllowed, Unauthenticated
from douane.http.admin_bodies import Block, Erasure, NewKey, read
from douane.http.app import no_such_path
from douane.http.mount import ASGIApp, Receive, Send
from douane.http.response import Headers, error_page

Answer = Mapping[str, Any]
Authorise = Callable[[Headers], bool]

_PREFIX: Final = "/admin/"
_SAME_SITE: Final = (b"same-origin", b"none")


@dataclass(frozen=True, slots=True)
class AdminActions:
    """What the admin API delegates to. Each may raise a DouaneError, NotFound for a name that is not there."""

    reload: Callable[[], Awaitable[Answer]]
    status: Callable[[], Awaitable[Answer]]
    list_keys: Callable[[], Awaitable[Sequence[Answer]]]
    create_key: Callable[[NewKey], Awaitable[Answer]]
    revoke_key: Callable[[str], Awaitable[Answer]]
    block: Callable[[str, str], Awaitable[Answer]]
    unblock: Callable[[str], Awaitable[Answer]]
    erase_values: Callable[[str | None, str | None], Awaitable[Answer]]
    forget_conversations: Callable[[str], Awaitable[Answer]]


def admin_app(
    actions: AdminActions, authorise: Authorise, request_id: Callable[[], str], others: Sequence[BaseRoute] = ()
) -> ASGIApp:
    """Return the ASGI application of the admin API, with `others` (the console) beside it.

    `authorise` gets a request's headers, names in lower case, and tells whether they are an admin's.
    """
    api = _Api(actions)
    routes: list[BaseRoute] = [
        Route("/admin/v1/reload", api.reload, methods=["POST"]),
        Route("/admin/v1/status", api.status, methods=["GET"]),
        Route("/admin/v1/keys", api.keys, methods=["GET", "POST"]),
        Route("/admin/v1/keys/{name}", api.revoke_key, methods=["DELETE"]),
        Route("/admin/v1/deployments/{name}/block", api.block, methods=["POST", "DELETE"]),
        Route("/admin/v1/vault/erase", api.erase_values, methods=["POST"]),
        Route("/admin/v1/conversations", api.conversations, methods=["DELETE"]),
        *others,
    ]

    async def refuse(request: Request, error: Exception) -> Response:
        return _refusal(_translated(error), request.url.path, request_id(), error)

    # Not a whole Starlette: its own answer to a fault is plain text; faults go to the application's boundary instead.
    handlers = {DouaneError: refuse, HTTPException: refuse}
    return _Gate(ExceptionMiddleware(Router(routes), handlers=handlers), authorise, request_id)


class _Api:
    def __init__(self, actions: AdminActions) -> None:
        self._actions = actions

    async def reload(self, _request: Request) -> Response:
        return _json(200, await self._actions.reload())

    async def status(self, _request: Request) -> Response:
        return _json(200, await self._actions.status())

    async def keys(self, request: Request) -> Response:
        if request.method == "POST":
            return _json(201, await self._actions.create_key(read(NewKey, await request.body())))
        return _json(200, {"keys": list(await self._actions.list_keys())})

    async def revoke_key(self, request: Request) -> Response:
        return _json(200, await self._actions.revoke_key(request.path_params["name"]))

    async def block(self, request: Request) -> Response:
        name = request.path_params["name"]
        if request.method == "DELETE":
            return _json(200, await self._actions.unblock(name))
        return _json(200, await self._actions.block(name, read(Block, await request.body()).reason))

    async def erase_values(self, request: Request) -> Response:
        wanted = read(Erasure, await request.body())
        return _json(200, await self._actions.erase_values(wanted.owner, wanted.subject))

    async def conversations(self, request: Request) -> Response:
        owners = request.query_params.getlist("owner")
        if len(owners) != 1 or not owners[0] or len(request.query_params) != 1:
            raise InvalidRequest(
                "The query does not name one owner.",
                "Send `?owner=NAME`, the owner of keys; `GET /admin/v1/keys` shows those of the store.",
                rule="Whose conversations are forgotten is said.",
                param="owner",
            )
        return _json(200, await self._actions.forget_conversations(owners[0]))


class _Gate:
    """Lets admins through to `/admin/`, and everybody to the rest."""

    def __init__(self, app: ASGIApp, authorise: Authorise, request_id: Callable[[], str]) -> None:
        self._app = app
        self._authorise = authorise
        self._request_id = request_id

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (error := self._objection(scope["path"], scope["headers"])) is not None:
            response = _refusal(error, scope["path"], self._request_id(), error)
            await response(scope, receive, send)
        else:
            scope["app"] = self._app  # where it is missing, Starlette's routes answer their errors themselves, in text
            await self._app(scope, receive, send)

    def _objection(self, path: str, headers: Headers) -> DouaneError | None:
        if not path.startswith(_PREFIX):
            return None
        site = next((value for name, value in headers if name == b"sec-fetch-site"), b"none")
        if site not in _SAME_SITE:
            return ForbiddenRoute(
                "A browser sent this request on behalf of another site.",
                "Call the admin API from its own console or from a program.",
                rule="The admin API is not for other sites.",
            )
        if not self._authorise(headers):
            return Unauthenticated(
                "The admin API needs the key of an admin.",
                "Send `Authorization: Bearer` with a key made by `douane keys create --admin`.",
                rule="Only admins administer.",
            )
        return None


def _translated(error: Exception) -> DouaneError:
    if isinstance(error, DouaneError):
        return error
    status = error.status_code if isinstance(error, HTTPException) else 400
    if status == 404:
        return no_such_path()
    if status == 405:
        return MethodNotAllowed(
            "This path does not take that method.",
            "The Allow field lists those it takes.",
            rule="Each path has its methods.",
        )
    return InvalidRequest("The request could not be read.", "Send a request as the API reference has it.")


def _refusal(error: DouaneError, path: str, request_id: str, cause: Exception) -> Response:
    allowed = cause.headers.get("Allow") if isinstance(cause, HTTPException) and cause.headers else None
    extra: list[tuple[bytes, bytes]] = [(b"allow", allowed.encode("ascii"))] if allowed else []
    if isinstance(error, Unauthenticated):
        extra.append((b"www-authenticate", b"Bearer"))
    page = error_page(error, request_id, path, extra=extra)
    response = Response(page.body, page.status)
    response.raw_headers = list(page.headers)
    return response


def _json(status: int, value: Answer) -> Response:
    return Response(orjson.dumps(value), status, headers={"cache-control": "no-store"}, media_type="application/json")
