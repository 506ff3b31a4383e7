"""The REST interface: a table of operations made into HTTP under /api/v1.

Knows no operation: parameters, roles, paging and errors follow from each declaration. Results
are encoded by cmdb.query.encode, as everywhere.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from cmdb.people import Directory, Identity
from cmdb.query.encode import to_json
from cmdb.query.written import to_bytes
from cmdb.web.problem import (
    Problem,
    Refused,
    Translation,
    install_problems,
    problem_response,
)
from cmdb.web.visit import Cookie, check_same_site, check_token
from collector import trail
from collector.api_params import REVISION, Binding, bind
from collector.api_schema import Schemas
from collector.operation import Context, Operation

PREFIX = "/api/v1"
SAFE = frozenset({"GET", "HEAD"})
LINES_TYPE = "application/x-ndjson"
_WHO = "stocktake.who"
"""Where the scope of a request has who asks."""


@dataclass(frozen=True)
class ApiServices:
    """What the interface needs of the world."""

    directory: Directory
    context: Callable[[Identity], AbstractContextManager[Context]]
    """What one call works with; left when the answer is complete."""
    translations: tuple[Translation, ...] = ()
    """Errors of lower layers that callers are told, with their status."""
    https: bool = False
    version: str = "0"


def build_app(operations: Sequence[Operation], services: ApiServices) -> FastAPI:
    """The application with every operation, and nothing else: the console adds its pages.

    Raises:
        TypeError: an operation is declared wrongly.
    """
    app = FastAPI(
        title="Stocktake",
        version=services.version,
        summary="What you run, what depends on it, and what you are licensed to run",
        docs_url=None,  # Its pages load scripts from elsewhere.
        redoc_url=None,
        openapi_url=f"{PREFIX}/openapi.json",
        swagger_ui_oauth2_redirect_url=None,
    )
    names = [operation.name for operation in operations]
    if len(set(names)) < len(names):
        raise TypeError(f"two operations have one name: {sorted(names)}")
    app.add_middleware(_KnownFirst, services=services)
    schemas = Schemas()
    for operation in operations:
        _add(app, operation, services, schemas)
    _describe(app, schemas)
    install_problems(app, None, services.translations)
    return app


class _KnownFirst:
    """Turns away who is not known before a byte of the body is read and parsed."""

    def __init__(self, app: ASGIApp, services: ApiServices) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._is_operation(scope["path"]):
            try:
                # The endpoint reads it there: who asks is looked up once.
                scope[_WHO] = await self._who(Request(scope))
            except Refused as refused:
                problem = refused.problem
                if problem.status == HTTPStatus.UNAUTHORIZED:
                    problem = replace(problem, headers=(("www-authenticate", "Bearer"),))
                answer = problem_response(problem, scope["path"])
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _who(self, request: Request) -> Identity:
        # To another thread and back takes longer than this comparison, above all on a busy machine.
        local = self._services.directory.by_local_token(_bearer(request))
        if local is not None:
            return local
        return await run_in_threadpool(_identify, request, self._services)

    @staticmethod
    def _is_operation(path: str) -> bool:
        return path.startswith(PREFIX) and path != f"{PREFIX}/openapi.json"


def _add(app: FastAPI, operation: Operation, services: ApiServices, schemas: Schemas) -> None:
    binding = bind(operation.params, operation.path, operation.method)
    media_type = LINES_TYPE if operation.stream else "application/json"
    app.add_api_route(
        PREFIX + operation.path,
        _endpoint(operation, services, binding),
        methods=[operation.method],
        name=operation.name,
        operation_id=operation.name,
        summary=operation.summary,
        response_model=None,
        responses={
            200: {"content": {media_type: {"schema": schemas.of(operation.result)}}},
            "default": {
                "description": "Problem",
                "content": {"application/problem+json": {"schema": schemas.problem()}},
            },
        },
        openapi_extra={"x-role": operation.role, "security": [{"bearer": []}, {"session": []}]},
    )


def _endpoint(
    operation: Operation, services: ApiServices, binding: Binding
) -> Callable[..., Response]:
    def endpoint(request: Request, **values: object) -> Response:
        who: Identity = request.scope[_WHO]
        who.require(operation.role)
        try:
            binding.refuse_others(operation.method, request.query_params)
            params = binding.make(values)
        except ValueError as error:
            raise Refused(Problem(422, str(error))) from error
        if operation.stream:
            return _stream(operation, services, who, params)
        with services.context(who) as context:
            result = operation.call(context, params)
        if trail.wrote(operation, params):
            told = trail.details(params, result)
            services.directory.audit(who.account, operation.name, request.url.path, **told)
        return _answer(request, result)

    own = [
        inspect.Parameter("request", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Request)
    ]
    endpoint.__signature__ = inspect.Signature([*own, *binding.parameters])  # type: ignore[attr-defined]
    endpoint.__doc__ = operation.summary
    return endpoint


def _identify(request: Request, services: ApiServices) -> Identity:
    """Who is asking: by bearer token, or by the console's session with its proof of origin."""
    if request.headers.get("authorization", "").strip():
        secret = _bearer(request)
        who = services.directory.by_token(secret) if secret else None
        if who is None:
            raise Refused(Problem(401, "The token is not known, or has expired or been revoked."))
        return who
    session = Cookie(services.https).read(request)
    who = services.directory.by_session(session) if session else None
    if who is None:
        raise Refused(Problem(401, "Bring a token: Authorization: Bearer ..., or sign in."))
    check_same_site(request)
    check_token(request, who)
    return who


def _bearer(request: Request) -> str:
    """The token that is brought; empty where it is none."""
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""


def _answer(request: Request, result: object) -> Response:
    headers: dict[str, str] = {}
    revision = getattr(result, REVISION, None)
    if isinstance(revision, int):
        headers["etag"] = f'"{revision}"'
        known = request.headers.get("if-none-match", "")
        if request.method in SAFE and headers["etag"] in (
            each.strip() for each in known.split(",")
        ):
            return Response(status_code=304, headers=headers)
    cursor = getattr(result, "cursor", None)
    if isinstance(cursor, str):
        following = request.url.include_query_params(after=cursor)
        target = following.path + (f"?{following.query}" if following.query else "")
        headers["link"] = f'<{target}>; rel="next"'
    return Response(to_bytes(result), media_type="application/json", headers=headers)


def _stream(operation: Operation, services: ApiServices, who: Identity, params: object) -> Response:
    """JSON Lines as they come; what fails before the first line is an ordinary problem."""
    with ExitStack() as stack:
        context = stack.enter_context(services.context(who))
        lines = iter(operation.call(context, params))
        first = list(_take_one(lines))
        held = stack.pop_all()

    def body() -> Iterator[bytes]:
        with held:
            for lot in (first, lines):
                for line in lot:
                    yield json.dumps(to_json(line), ensure_ascii=False).encode() + b"\n"

    return StreamingResponse(body(), media_type=LINES_TYPE)


def _take_one(lines: Iterator[object]) -> Iterable[object]:
    for line in lines:
        yield line
        return


def _describe(app: FastAPI, schemas: Schemas) -> None:
    """Puts the schemas of results and the ways in into the reference."""
    make = app.openapi

    def openapi() -> dict[str, Any]:
        described = make()
        components = described.setdefault("components", {})
        own: Mapping[str, Any] = schemas.definitions
        components["schemas"] = {**components.get("schemas", {}), **own}
        components["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer"},
            "session": {"type": "apiKey", "in": "cookie", "name": "stocktake"},
        }
        return described

    app.openapi = openapi  # type: ignore[method-assign]
