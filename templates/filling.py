"""A mail's template filled in; whatever goes wrong is told in one line with the template's file and line."""

import dataclasses
import re
import traceback
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from jinja2 import Environment, StrictUndefined, TemplateError, TemplateNotFound, TemplateSyntaxError
from jinja2.runtime import Undefined
from jinja2.utils import missing

from templates.own import bounded

_TEMPLATES = (".html", ".txt", ".css")
_BODY = re.compile(r"email/([^/]+)/body\.txt")
# What a template's code may run into beside Jinja's own errors: adding a word to a number, endless recursion.
_SLIPS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RecursionError,
    SyntaxError,
    TypeError,
    ValueError,
)


class TemplateFault(ValueError):
    """A template that is absent, does not parse, or fails; the message is one line and tells where."""


class Strict(StrictUndefined):
    """An unknown name is an error, which tells the nearest name that is known."""

    @property
    def _undefined_message(self) -> str:
        said = super()._undefined_message
        if self._undefined_obj is missing or isinstance(self._undefined_obj, Undefined):
            return said
        thing = self._undefined_obj
        if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
            said = f"{type(thing).__name__.removesuffix('View').lower()!r} has no {self._undefined_name!r}"
            return said + nearest(str(self._undefined_name), (one.name for one in dataclasses.fields(thing)))
        return said


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint at the known name most like this one, to put after an error; empty where none is like it."""
    found = get_close_matches(name, list(known), n=1)
    return f"; did you mean {found[0]!r}?" if found else ""


def email_files(environment: Environment) -> list[str]:
    """The files of all mail templates."""
    return [name for name in environment.list_templates(("txt", "html", "css")) if name.startswith("email/")]


def email_templates(environment: Environment) -> tuple[str, ...]:
    """The names of the mail templates there are: those with a text."""
    found = (_BODY.fullmatch(file) for file in email_files(environment))
    return tuple(sorted(one[1] for one in found if one))


def has_file(environment: Environment, name: str) -> bool:
    """Whether there is such a template file."""
    loader = environment.loader
    if loader is None:
        return False
    try:
        loader.get_source(environment, name)
    except TemplateNotFound:
        return False
    except TemplateError as error:
        raise TemplateFault(_one_line(str(error))) from error
    return True


def check(environment: Environment, name: str) -> None:
    """Whether the template is there and parses; raises ``TemplateFault`` else. Nothing is rendered."""
    try:
        environment.get_template(name)
    except (TemplateError, OSError, *_SLIPS) as error:
        raise TemplateFault(_describe(error, name, {}, environment)) from error


def fill(environment: Environment, name: str, context: Mapping[str, Any]) -> str:
    """The template of that name with these values put in, within bounds. Raises ``TemplateFault``."""
    try:
        with bounded():
            return environment.get_template(name).render(context)
    except (TemplateError, OSError, *_SLIPS) as error:
        raise TemplateFault(_describe(error, name, context, environment)) from error


def _describe(error: BaseException, name: str, context: Mapping[str, Any], environment: Environment) -> str:
    said = _one_line(str(error)) or type(error).__name__
    if isinstance(error, TemplateSyntaxError):
        return f"{error.filename or error.name}, line {error.lineno}: {_one_line(error.message or said)}"
    where = _place(error)
    if isinstance(error, TemplateNotFound):
        known = ", ".join(email_templates(environment))
        said = f"there is no template {error.name}; there are {known}, and what a folder of yours adds"
        return f"{where}: {said}" if where else said
    if isinstance(error, SyntaxError) or (isinstance(error, RecursionError) and not where):
        # Python could not take what the template was made into.
        said = "this is nested too deeply"
    elif isinstance(error, RecursionError):
        said = "this calls itself without end"
    elif type(error) is KeyError:
        said = f"no value is given for {said}"
    elif isinstance(error, MemoryError):
        said = "this takes more memory than there is"
    elif found := re.fullmatch(r"'(\w+)' is undefined", said):
        # What is imported knows the mail's names only if it is told to.
        unknown = found[1] not in context
        said += nearest(found[1], context) if unknown else " here: import this file `with context`"
    if not where and isinstance(error, TemplateError) and "/" in said:
        return said
    return f"{where or name}: {said}"


def _place(error: BaseException) -> str:
    """The innermost template that was being rendered, and its line."""
    frames = traceback.extract_tb(error.__traceback__)
    inner = [frame for frame in frames if frame.filename.endswith(_TEMPLATES)]
    return f"{inner[-1].filename}, line {inner[-1].lineno}" if inner else ""


def _one_line(text: str) -> str:
    return " ".join(text.split())
