"""The API's description for programs (``openapi.json``) and for people (``docs``), open to all."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import RedirectResponse, Response

from feeds.built import etag_of
from web.api.description import described
from web.responding import Representation, respond

_CACHING = "no-cache"


@dataclass(frozen=True, slots=True)
class Field:
    """A part of a request, as the page tells it."""

    name: str
    kind: str
    is_needed: bool
    about: str


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation, as the page tells it."""

    method: str
    path: str
    summary: str
    scope: str
    parameters: tuple[Field, ...]
    body: tuple[Field, ...]
    answers: tuple[tuple[str, str], ...]


def documentation(app: FastAPI, page: Callable[[Request, Mapping[str, Any]], Response]) -> APIRouter:
    """The routes of what tells about the API; ``page`` renders what people read."""
    router = APIRouter(include_in_schema=False)

    @router.get("/openapi.json")
    def description(request: Request) -> Response:
        body = json.dumps(described(app), ensure_ascii=False, separators=(",", ":")).encode()
        return respond(request, Representation(body, "application/json", etag_of(body), _CACHING))

    @router.get("/docs")
    def docs(request: Request) -> Response:
        schema = described(app)
        groups: dict[str, list[Operation]] = {}
        for path, operations in schema["paths"].items():
            for method, operation in operations.items():
                told = _operation(schema, path, method, operation)
                groups.setdefault(operation.get("tags", ["api"])[0], []).append(told)
        return page(request, {"groups": groups, "about": schema["info"]["description"]})

    @router.get("/")
    def begin() -> Response:
        return RedirectResponse("docs", 307)

    return router


def _operation(schema: Mapping[str, Any], path: str, method: str, told: Mapping[str, Any]) -> Operation:
    security = told.get("security") or [{}]
    scopes: list[str] = next(iter(security[0].values()), [])
    done = {status: one for status, one in told["responses"].items() if status.startswith("2")}
    answers = [(status, _content_name(one)) for status, one in sorted(done.items())]
    return Operation(
        method=method.upper(),
        path=f"/api{path}",
        summary=told.get("description", "").split("\n\nScope:")[0],
        scope=", ".join(scopes),
        parameters=tuple(_parameters(told.get("parameters", ()))),
        body=tuple(_body(schema, told.get("requestBody", {}))),
        answers=tuple(answers),
    )


def _parameters(told: Any) -> Iterator[Field]:
    for one in told:
        yield Field(
            name=one["name"],
            kind=f"{one['in']}: {_kind(one['schema'])}",
            is_needed=bool(one.get("required")),
            about=one.get("description", ""),
        )


def _body(schema: Mapping[str, Any], told: Mapping[str, Any]) -> Iterator[Field]:
    for one in told.get("content", {}).values():
        name = one["schema"].get("$ref", "").rpartition("/")[2]
        its = schema["components"]["schemas"].get(name, {})
        needed = its.get("required", ())
        for field, kind in its.get("properties", {}).items():
            yield Field(field, _kind(kind), field in needed, kind.get("description", ""))


def _content_name(told: Mapping[str, Any]) -> str:
    schemas = [one.get("schema", {}) for one in told.get("content", {}).values()]
    return next((_kind(one) for one in schemas if one), "nothing")


def _kind(schema: Mapping[str, Any]) -> str:
    """The kind of a value, in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2].removesuffix("Document")
    if "enum" in schema or "const" in schema:
        return ", ".join(map(str, schema.get("enum", [schema.get("const")])))
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_kind(one) for one in schema["anyOf"]))
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type") or "anything")
