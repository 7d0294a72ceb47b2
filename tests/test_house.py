"""The house: a room imports from lower floors only, and there is no room that this list lacks."""

import ast
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from labelcast.doctor import ROOMS

FLOORS = {
    "database": 0,
    "templates": 0,
    "scheduler": 0,
    "posts": 1,
    "subscribers": 1,
    "outbox": 1,
    "feeds": 2,
    "digests": 2,
    "web": 3,
    "labelcast": 4,
}


def _files(room: str) -> list[Path]:
    spec = find_spec(room)
    assert spec is not None
    assert spec.origin is not None
    origin = Path(spec.origin)
    return sorted(origin.parent.rglob("*.py")) if origin.name == "__init__.py" else [origin]


def _imports(source: str) -> Iterator[tuple[int, str]]:
    """Each import's line and top-level name, wherever it stands; a relative one stays in its room."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.split(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.lineno, node.module.split(".")[0]
        elif (
            isinstance(node, ast.Call) and node.args and _called(node.func) in {"import_module", "__import__"}
        ):
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield node.lineno, first.value.split(".")[0]


def _called(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def faults(room: str, source: str, where: str = "") -> list[str]:
    """The imports of a room's file that go up or sideways."""
    return [
        f"{where}:{line}: {room} (floor {FLOORS[room]}) imports {other} (floor {FLOORS[other]})"
        for line, other in _imports(source)
        if other in FLOORS and other != room and FLOORS[other] >= FLOORS[room]
    ]


@pytest.mark.parametrize("room", FLOORS)
def test_a_room_imports_from_lower_floors_only(room: str) -> None:
    files = _files(room)
    assert files
    found = [fault for file in files for fault in faults(room, file.read_text(encoding="utf-8"), str(file))]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "line",
    [
        "import web",
        "from feeds.build import FeedBuilder",
        "from subscribers import store",
        "def f() -> None:\n    from digests import store",
        "import_module('labelcast.settings')",
        "importlib.import_module('outbox')",
    ],
)
def test_an_upward_or_sideways_import_is_found(line: str) -> None:
    assert faults("posts", line)


@pytest.mark.parametrize(
    "line", ["import database", "from posts.model import Post", "from . import model", "import os"]
)
def test_a_downward_import_is_none_of_these(line: str) -> None:
    assert not faults("posts", line)


def test_every_room_of_the_checkout_has_a_floor(checkout: Path) -> None:
    outside = {"tests", "benchmarks", "docs", "build", "dist"}
    there = {path.name for path in checkout.iterdir() if path.is_dir() and any(path.rglob("*.py"))}
    there |= {path.stem for path in checkout.glob("*.py")}
    assert {name for name in there if not name.startswith(".")} - outside == set(FLOORS)


def test_the_wheel_holds_every_room(checkout: Path) -> None:
    project = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]
    assert {name.removesuffix(".py") for name in included} == set(FLOORS)


def test_the_doctor_looks_at_every_room() -> None:
    assert set(ROOMS) == set(FLOORS)


def test_tests_are_no_package(checkout: Path) -> None:
    assert not list((checkout / "tests").rglob("__init__.py"))
