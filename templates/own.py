"""Templates of a publisher's own: where they are found, and what they cannot do.

They run in Jinja's sandbox: they reach the data they are handed and nothing else. And their steps are
counted, so that a loop that never ends costs a moment and not the service. That is against slips: a template
made to fill the memory can still do it.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from jinja2 import (
    BaseLoader,
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    PrefixLoader,
    TemplateError,
    TemplateNotFound,
    nodes,
)
from jinja2.exceptions import SecurityError
from jinja2.loaders import split_template_path
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

# Turns of loops, calls and files taken in, for one rendering: a mail of 500 posts takes a few thousand.
STEPS = 100_000
# The longest text or list that a multiplication may make, and the highest power.
LONGEST = 1_000_000
HIGHEST = 64

_left: ContextVar[list[int] | None] = ContextVar("steps left", default=None)


class OwnFiles(FileSystemLoader):
    """A publisher's folder; only what belongs to mail is looked for in it: pages stay as they are.

    What is there and cannot be read is an error and not passed over: mail in another design than the
    publisher's would go out.
    """

    def __init__(self, folder: Path) -> None:
        # Editors on Windows begin a file with a mark of its encoding.
        super().__init__(folder, encoding="utf-8-sig")
        self._folder = folder

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        """As ``BaseLoader.get_source``; a file that cannot be read is told by its name."""
        if not template.startswith("email/"):
            raise TemplateNotFound(template)
        if not self._folder.is_dir():
            raise TemplateError(f"{self._folder}: there is no such folder; mail.templates names it")
        path = self._folder.joinpath(*split_template_path(template))
        try:
            if path.is_symlink() or path.exists():
                self._look_at(path)
            return super().get_source(environment, template)
        except TemplateNotFound:
            raise
        except UnicodeDecodeError as error:
            raise TemplateError(f"{path}: this file is not UTF-8: save it as such") from error
        except OSError as error:
            raise TemplateError(f"{path}: {error.strerror}") from error

    def _look_at(self, path: Path) -> None:
        if not path.is_file():
            raise TemplateError(f"{path}: this is no file, or a link that leads to none")
        # A template could show what else the service may read: its settings, with the secret.
        if not path.resolve().is_relative_to(self._folder.resolve()):
            raise TemplateError(f"{path}: this leads out of {self._folder}: put the file itself there")


def own_loader(folder: Path, shipped: BaseLoader) -> BaseLoader:
    """The publisher's files before those shipped here, which are also there under ``shipped/``.

    So ``email/digest/body.html`` may extend ``shipped/email/digest/body.html`` and change a block of it.
    """
    return ChoiceLoader([OwnFiles(folder), shipped, PrefixLoader({"shipped": shipped})])


@contextmanager
def bounded(steps: int = STEPS) -> Iterator[None]:
    """Whatever is rendered inside in a ``Sandbox`` may take so many steps together."""
    token = _left.set([steps])
    try:
        yield
    finally:
        _left.reset(token)


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's sandbox with bounds: on steps (``bounded``), on ``range``, on what ``*`` and ``**`` make."""

    intercepted_binops = frozenset({"*", "**"})

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.filters["_counted"] = _counted
        # Makes as much text as it is asked for, in one step.
        del self.globals["lipsum"]

    def call(self, context: Context, called: Any, /, *arguments: Any, **named: Any) -> Any:
        """As the sandbox does; a call is a step."""
        _spend()
        return super().call(context, called, *arguments, **named)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """As the sandbox does; refuses what would fill the memory."""
        if operator == "**" and isinstance(right, int | float) and abs(right) > HIGHEST:
            raise SecurityError(f"a power of {right} is too high: {HIGHEST} is the highest")
        if operator == "*":
            for one, other in ((left, right), (right, left)):
                if isinstance(one, int) and hasattr(other, "__len__") and one * len(other) > LONGEST:
                    raise SecurityError(f"{one} times this is too long: {LONGEST} characters at most")
        return super().call_binop(context, operator, left, right)

    def get_template(self, *arguments: Any, **named: Any) -> Any:
        """As any environment does; taking in a file is a step."""
        _spend()
        return super().get_template(*arguments, **named)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        # Each loop goes over what counts its turns.
        tree = super()._parse(source, name, filename)
        for loop in tree.find_all(nodes.For):
            counted = nodes.Filter(loop.iter, "_counted", [], [], None, None, lineno=loop.lineno)
            loop.iter = counted.set_environment(self)
        return tree


def _spend() -> None:
    left = _left.get()
    if left is None:
        return
    left[0] -= 1
    if left[0] < 0:
        raise SecurityError(
            f"this takes more than {STEPS:,} steps (turns of loops, calls, files): does a loop never end?"
        )


def _counted(iterable: Iterable[Any]) -> Iterator[Any]:
    for one in iterable:
        _spend()
        yield one
