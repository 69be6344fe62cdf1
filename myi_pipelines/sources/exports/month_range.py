"""Find the months that a history can contain by scanning its bytes, without decoding any row.

For callers that need the months before the rows are read. The range may be too wide, but is never too narrow.
"""

import re
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from typing import Final

from myi_pipelines.sources.exports.plays import EARLIEST
from myi_pipelines.sources.exports.zip_members import Stream

_CHUNK_BYTES: Final = 256 * 1024
_OVERLAP_BYTES: Final = 256
_BEFORE: Final = timedelta(days=31)
"""An offline play can end up to 30 days before its `ts`, and a `ts` may have an offset from UTC."""
_AFTER: Final = timedelta(days=1)


def days_in(stream: Stream, pattern: re.Pattern[bytes]) -> set[bytes]:
    """The days in a file, as `2023-01-30`: those of all its rows, which `pattern` finds, and perhaps others."""
    days: set[bytes] = set()
    overlap = b""
    while piece := stream.read(_CHUNK_BYTES):
        text = overlap + piece
        days.update(pattern.findall(text))
        overlap = text[-_OVERLAP_BYTES:]
    return days


def months_around(days: set[bytes]) -> tuple[date, date] | None:
    """The first and the last month of the plays that rows with these days can be. None when no day is possible."""
    tomorrow = datetime.now(UTC).date() + _AFTER
    first, last = str(EARLIEST.date() - _AFTER).encode(), str(tomorrow + _AFTER).encode()
    possible = [day for day in days if first <= day <= last]
    if not possible:
        return None
    earliest = max(_day(min(possible)) - _BEFORE, EARLIEST.date())
    latest = max(min(_day(max(possible)) + _AFTER, tomorrow), EARLIEST.date())
    return earliest.replace(day=1), latest.replace(day=1)


def _day(text: bytes) -> date:
    """A date. A day that its month does not have becomes the nearest day of that month."""
    year, month, day = map(int, text.split(b"-"))
    return date(year, month, min(max(day, 1), monthrange(year, month)[1]))
