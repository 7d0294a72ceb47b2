"""The API's description (OpenAPI 3.1): what the types say, and what every operation shares."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from web.accounts.tokens import TokenScope
from web.api.access import Need
from web.api.problems import PROBLEM_JSON, ProblemDocument

_ABOUT = """\
A token is made with `labelcast tokens add`, and sent as `Authorization: Bearer lc_…`. Each operation tells
the scope it needs.

Times are RFC 3339, in UTC. What is wrong comes as a problem (RFC 9457). Lists are paged: `next` in the body,
and a `Link` header, lead on. What can be changed has an `ETag`; `If-Match` keeps two programs from undoing
each other's changes. A POST with an `Idempotency-Key` is done once, however often it is sent.
"""
_WHY = {
    "401": "There is no token, or none that is good.",
    "403": "The token may not do this.",
    "404": "There is no such thing.",
    "409": "It cannot be done as things stand.",
    "412": "It has changed meanwhile (`If-Match`, `If-None-Match`).",
    "414": "The address is too long.",
    "413": "Too much was sent.",
    "415": "What was sent is no JSON.",
    "422": "The request makes no sense; `errors` tells where.",
    "429": "Asked too often; `Retry-After` tells how long to wait.",
    "503": "The database cannot be reached just now.",
}
_HEADERS = {
    "idempotency-key": {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "Any text of yours, new for each request: sent again with it, it is not done again.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]{1,255}$"},
    },
    "if-match": {
        "name": "If-Match",
        "in": "header",
        "required": False,
        "description": "The `ETag` that you know: it is changed only if it is that still.",
        "schema": {"type": "string"},
    },
}
_MATCHED = {"patch", "put", "delete"}


def described(app: FastAPI) -> dict[str, Any]:
    """The description, made once."""
    if app.openapi_schema is None:
        app.openapi_schema = _described(app)
    return app.openapi_schema


def _described(app: FastAPI) -> dict[str, Any]:
    routes = [route for route in app.routes if isinstance(route, APIRoute) and route.include_in_schema]
    schema = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=_ABOUT,
        routes=routes,
        # Wherever the site is: beside this description.
        servers=[{"url": "../api"}],
    )
    components = schema.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    problem = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= problem.pop("$defs", {}) | {"Problem": problem}
    content = {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    components["responses"] = {
        f"Problem{status}": {"description": why, "content": content} for status, why in _WHY.items()
    }
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    for route in routes:
        for method in route.methods or ():
            operation = schema["paths"][route.path_format][method.lower()]
            _complete(operation, method.lower(), _scope(route), content)
    return schema


def _complete(
    operation: dict[str, Any], method: str, scope: TokenScope | None, content: dict[str, Any]
) -> None:
    """What every operation shares: its security, its problems, its headers."""
    responses = operation["responses"]
    for status in _WHY:
        responses[status] = {"$ref": f"#/components/responses/Problem{status}"}
    responses["default"] = {"description": "What else may be wrong.", "content": content}
    if scope is None:
        return
    operation["security"] = [{"token": [str(scope)]}]
    told = operation.get("description", "")
    operation["description"] = f"{told}\n\nScope: `{scope}`.".strip()
    parameters = operation.setdefault("parameters", [])
    if method == "post":
        parameters.append(_HEADERS["idempotency-key"])
    if method in _MATCHED:
        parameters.append(_HEADERS["if-match"])


def _scope(route: APIRoute) -> TokenScope | None:
    """The scope that an operation needs; None where it looks at the token itself."""
    needs = [one.call for one in route.dependant.dependencies if isinstance(one.call, Need)]
    return needs[0].scope if needs else None
