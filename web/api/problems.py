"""What is wrong, told to a program (RFC 9457): in one line, with the place in the request."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from pydantic import BaseModel
from starlette.responses import Response

from web.security import PRIVATE

PROBLEM_JSON = "application/problem+json"


class Fault(BaseModel):
    """One thing that is wrong in a request: where (a JSON pointer, ``#/title``, or ``?limit``), and what."""

    pointer: str
    detail: str


class ProblemDocument(BaseModel):
    """Why something was not done."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[Fault] | None = None


class Problem(Exception):
    """Something cannot be answered as asked; its words are one line for a person."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """The problem as an answer."""
        document = ProblemDocument(
            title=HTTPStatus(self.status).phrase,
            status=self.status,
            detail=" ".join(self.detail.split()),
            errors=list(self.errors) or None,
        )
        body = document.model_dump_json(exclude_none=True).encode()
        return Response(body, self.status, {**PRIVATE, **self.headers}, PROBLEM_JSON)


def wrong(pointer: str, detail: str) -> Problem:
    """A part of a request that makes no sense (422)."""
    return Problem(422, detail, errors=[Fault(pointer=pointer, detail=detail)])


def missing(what: str) -> Problem:
    """There is no such thing (404)."""
    return Problem(404, what)
