"""What the rows of an upload come to: plays, and every other row counted by reason, the first few with a note.

The shared part of reading a row, in whichever format; what a row's keys mean is in `extended` and `account`.
"""

import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import msgspec

from myi_pipelines.sources.exports.plays import (
    BAD_TIMESTAMP,
    EARLIEST,
    FUTURE,
    MALFORMED,
    MAX_MS_PLAYED,
    UNIDENTIFIED,
    Batch,
    Play,
)

NOTES_OF_A_KIND: Final = 5

_CLEANED: Final = "cleaned"
_NOTED: Final = frozenset({BAD_TIMESTAMP, FUTURE, MALFORMED, UNIDENTIFIED, _CLEANED})
_SHOWN: Final = 60
_TO_THE_MINUTE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}")


class Member(NamedTuple):
    """The JSON file that rows come from."""

    label: str
    """Its name as notes show it."""
    is_video: bool
    """Whether its name says that it lists videos; nothing in a row does."""


class BadRow(Exception):
    """A row is not a play. Raised and caught within the readers."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class BatchBuilder:
    """The plays and counts since the last `close_batch`, and which notes the whole upload has had."""

    def __init__(self) -> None:
        self._noted: Counter[str] = Counter()
        self._start_batch([])

    def _start_batch(self, notes: list[str]) -> None:
        self.plays: list[Play] = []
        self._rejected: Counter[str] = Counter()
        self._cleaned = 0
        self._notes = notes

    @property
    def rows(self) -> int:
        """Rows entered since the last batch."""
        return len(self.plays) + self._rejected.total()

    def note(self, line: str) -> None:
        self._notes.append(line)

    def reject(self, bad: BadRow, member: Member, row: int) -> None:
        """Count row number `row` of a member by the reason why it is no play."""
        self._rejected[bad.reason] += 1
        self._note_row(bad.reason, member, row, bad.detail)

    def clean(self, member: Member, row: int) -> None:
        """Count a play with a text that had to be cleaned."""
        self._cleaned += 1
        self._note_row(_CLEANED, member, row, "a text that cannot be kept as it is was cleaned")

    def close_batch(self, bytes_read: int) -> Batch:
        """Hand over what has been entered, and start anew."""
        batch = Batch(self.plays, self.rows, bytes_read, self._rejected, self._cleaned, self._notes)
        self._start_batch([])
        return batch

    def _note_row(self, kind: str, member: Member, row: int, detail: str) -> None:
        if kind in _NOTED and self._noted[kind] < NOTES_OF_A_KIND:
            self._noted[kind] += 1
            self._notes.append(f"{member.label}: row {row:,}: {detail}")


def plays_end() -> datetime:
    """The first instant at which nothing can have been played yet: the end of tomorrow, in UTC."""
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=2)


def whole_ms(key: str, value: object) -> int:
    """A play's length from the value of `key`. Raises BadRow."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadRow(MALFORMED, f"{key} is {shown(value)} (expected a whole number)")
    if not 0 <= value <= MAX_MS_PLAYED:
        raise BadRow(MALFORMED, f"{key} is {shown(value)} (expected 0 to {MAX_MS_PLAYED:,})")
    return value


def utc_instant(key: str, value: object, end: datetime) -> datetime:
    """A time from the value of `key`. Spotify gives it in UTC; another offset is converted. Raises BadRow."""
    instant = value if isinstance(value, datetime) else _parsed(key, value)
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    if not EARLIEST <= instant < end:
        reason = BAD_TIMESTAMP if instant < EARLIEST else FUTURE
        raise BadRow(reason, f"{key} is {shown(value)} (expected {EARLIEST:%Y-%m-%d} to tomorrow)")
    return instant.astimezone(UTC)


def _parsed(key: str, value: object) -> datetime:
    if isinstance(value, str):
        text = value.removesuffix(" UTC")
        try:
            return datetime.fromisoformat(text) if _TO_THE_MINUTE.fullmatch(text) else msgspec.convert(text, datetime)
        except ValueError:
            pass
    raise BadRow(BAD_TIMESTAMP, f"{key} is {shown(value)} (expected a time such as 2023-01-30T19:46:52Z)")


def shown(value: object) -> str:
    """A value of a row as a note shows it: on one line, short, in ASCII.

    >>> shown("abc"), shown(None)
    ('"abc"', 'missing or null')
    """
    if value is None:
        return "missing or null"
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    text = str(value) if isinstance(value, datetime) else json.dumps(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
