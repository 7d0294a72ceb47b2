"""The kinds of values in what programs send, each with its check; strict, so that nothing is guessed."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer
from pydantic.json_schema import WithJsonSchema

from posts.importers.dates import NoDate, parse_iso

LARGEST_NUMBER = 2**63 - 1


class Asked(BaseModel):
    """What a program sends: what is not known is refused, so that a slip of a name is seen."""

    model_config = ConfigDict(extra="forbid", strict=True)


def _storable(value: str) -> str:
    if "\x00" in value:
        raise ValueError("holds a null character")
    return value


def one_line(value: str) -> str:
    """A text of one line; raises ``ValueError``."""
    if any(ord(character) < 32 or ord(character) == 127 for character in value):
        raise ValueError("holds a line break or another control character")
    return value


def _moment(value: Any) -> datetime:
    if not isinstance(value, str):
        raise ValueError("is no string with an instant like 2026-11-23T14:00:00Z")  # noqa: TRY004
    try:
        moment, named_zone = parse_iso(value)
    except NoDate as error:
        raise ValueError(str(error)) from error
    if not named_zone:
        raise ValueError("names no timezone: write an instant like 2026-11-23T14:00:00Z")
    return moment


def told(moment: datetime) -> str:
    """An instant as it is written (RFC 3339, in UTC)."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


_INSTANT = WithJsonSchema({"type": "string", "format": "date-time"})
# Taken, and told.
Moment = Annotated[datetime, BeforeValidator(_moment), _INSTANT]
Instant = Annotated[datetime, PlainSerializer(told), _INSTANT]

Text = Annotated[str, AfterValidator(_storable)]
Line = Annotated[str, Field(max_length=1000), AfterValidator(one_line)]
Short = Annotated[str, Field(max_length=200), AfterValidator(one_line)]
Address = Annotated[str, Field(min_length=3, max_length=320), AfterValidator(one_line)]
Url = Annotated[str, Field(max_length=4096), AfterValidator(one_line)]

Number = Annotated[int, Path(ge=1, le=LARGEST_NUMBER, description="Its number.")]
Slug = Annotated[str, Path(min_length=1, max_length=500, description="Its slug.")]
_RULE = "Only posts under this rule of labels: `MEK and not sports`."
RuleText = Annotated[str | None, Query(max_length=2000, description=_RULE)]
