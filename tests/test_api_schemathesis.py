"""Schemathesis asks the API whatever its description allows, and what it forbids, and finds nothing wrong.

``LABELCAST_TEST_API_EXAMPLES`` has it try more.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from limits import parse

from database import open_database
from tests.api_blog import ApiBlog
from web.api.access import Rates

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is missing")
checks = pytest.importorskip("schemathesis.specs.openapi.checks", reason="schemathesis is another")

EXAMPLES = int(os.environ.get("LABELCAST_TEST_API_EXAMPLES", "3"))
# Of an address that is longer nothing is looked at.
LONGEST = 8000
# What a rule, a slug, an address or a date must be like no schema can say: some that fit are refused.
LEFT_OUT = [checks.positive_data_acceptance]


@pytest.fixture(scope="module")
def api(_migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiBlog]:
    """A blog with something of each kind in it."""
    path = tmp_path_factory.mktemp("api") / "labelcast.db"
    shutil.copyfile(_migrated_file, path)
    database = open_database(f"sqlite:///{path}")
    often = Rates(per_token=parse("1000000/second"), bad_per_network=parse("1000000/second"))
    blog = ApiBlog(database, rates=often)
    for number in range(3):
        told = {"id": f"tag:blog.example,2026:{number}", "url": f"https://blog.example/{number}"}
        blog.do("POST", "/posts", {**told, "title": f"Post {number}", "labels": ["MEK", "Iran"]})
    blog.do("POST", "/feeds", {"slug": "news", "rule": "MEK"})
    blog.do("POST", "/digests", {"slug": "weekly", "rule": "all"})
    blog.do("POST", "/subscribers", {"email": "ada@example.org", "digest": "weekly", "confirmed": True})
    yield blog
    database.dispose()


@pytest.fixture(scope="module")
def described(api: ApiBlog) -> Any:
    """What the API says it offers."""
    return schemathesis.openapi.from_asgi("/api/openapi.json", api.client.app)


@pytest.mark.parametrize("mode", ["positive", "negative"])
def test_whatever_is_asked_is_answered_as_described(described: Any, api: ApiBlog, mode: str) -> None:
    asked = schemathesis.GenerationMode(mode)
    operations = [found.ok() for found in described.get_all_operations()]
    assert len(operations) > 35
    for operation in operations:
        _ask(operation.as_strategy(generation_mode=asked), api)


def _ask(cases: st.SearchStrategy[Any], api: ApiBlog) -> None:
    """Ask as often as is wanted, and have every check look at the answer."""

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
        derandomize=EXAMPLES < 10,
    )
    @given(cases)
    def ask(case: Any) -> None:
        # 414 comes before anything is looked at.
        told = urlencode(case.query or {}, doseq=True) + quote(str(case.path_parameters))
        assume(len(told) < LONGEST)
        # An empty list in an address is nothing: what is sent then is right.
        assume(all(value not in ([], {}) for value in (case.query or {}).values()))
        headers = {"Authorization": f"Bearer {api.secret}"}
        case.call_and_validate(headers=headers, excluded_checks=LEFT_OUT)

    try:
        ask()
    except Unsatisfiable:
        # Whatever is asked of an operation that takes nothing is as it should be.
        return
