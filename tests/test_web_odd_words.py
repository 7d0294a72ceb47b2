"""Whatever strangers write into readers' forms and addresses, on either database: it is answered."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.feeds_blog import FeedsBlog
from tests.mailed_digests import link
from tests.test_web_preferences_own import HERE, opened

# No text of PostgreSQL holds it.
NUL = "\0"
FORMS: tuple[dict[str, Any], ...] = (
    {"subscribe": NUL, "email": f"a{NUL}@example.org"},
    {"email": "a@example.org", "digest": NUL},
    {"email": "a@example.org", "digest": "daily", "label": NUL},
    {"do": "save", "which": "some", "label": NUL, "timezone": NUL, "language": NUL, "cadence": NUL},
    {"do": "save", "paused_until": "9999-12-31", "timezone": "America/Los_Angeles"},
    {"do": "save", "paused_until": "0001-01-01", "timezone": "Asia/Tokyo"},
)
PLACES = (HERE, f"{HERE}/address", link("confirm", 1), "/subscribe", "/subscribe/links")
ADDRESSES = (
    *(
        f"{page}?{asked}=%00"
        for page in ("/", "/subscribe", "/digests/weekly")
        for asked in ("label", "digest")
    ),
    *(
        "/digests/%00",
        "/digests/%00.atom",
        "/digests/%00/1",
        "/digests/weekly/%00",
        "/digests/daily?before=%00",
    ),
    *("/digests/weekly/999999999999999999", "/preferences/%00", "/labels/%00", "/feeds/%00.atom"),
)


@pytest.fixture
def client(feed_blog: FeedsBlog) -> TestClient:
    return opened(feed_blog).client


def test_every_form_is_answered(client: TestClient) -> None:
    answers = [client.post(place, data=form).status_code for place in PLACES for form in FORMS]
    assert set(answers) <= {200, 404, 422}


def test_every_address_is_answered(client: TestClient) -> None:
    assert {client.get(address).status_code for address in ADDRESSES} <= {200, 404}
