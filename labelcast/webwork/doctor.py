"""What the doctor finds, as the publisher's pages show it."""

from datetime import UTC, datetime
from pathlib import Path

from labelcast.doctor import examine
from labelcast.doctor_dns import system_answers
from web.admin.work import Finding


def look(config: Path | None) -> list[Finding]:
    """Look everything over; it asks mail servers and the DNS, and so may take a while."""
    found = examine(config, now=lambda: datetime.now(UTC), answers=system_answers)
    return [Finding(one.what, one.health.value, one.said) for one in found]
