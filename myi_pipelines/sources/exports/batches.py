"""Batches of rows: the plays, and the count of all other rows by reason, with a note for the first few of each.

Contains what both formats share. What the keys of a row mean is in `extended_history` and `account_data`.
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
    NOT_COUNTED,
    Batch,
    Play,
)
from myi_pipelines.text import counted

NOTES_PER_KIND: Final = 5

UNREADABLE: Final = frozenset({BAD_TIMESTAMP, MALFORMED})
"""Why a row is none that MYI can read. Reading one, and saying why, takes ten times as long as reading a play."""

_CLEANED: Final = "cleaned"
_IN_WORDS: Final = NOT_COUNTED | {_CLEANED: "with a text that was cleaned"}
_NOT_UTF8: Final = (
    "is not in UTF-8, perhaps in Latin-1, and its letters beyond ASCII were lost: convert it "
    "(`iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW`), undo this import (`myi undo-import JOB`) and import the new file"
)
_KINDS_WITH_NOTES: Final = frozenset({BAD_TIMESTAMP, FUTURE, MALFORMED, _CLEANED})
_NOTE_TEXT_LIMIT: Final = 60
_MINUTE_PRECISION: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}Z?")
_DIGITS: Final = re.compile(r"[0-9]{1,12}")


class Member(NamedTuple):
    """The JSON file that rows come from."""

    label: str
    """The name that notes show."""
    is_video: bool
    """Whether the name says that the file lists videos. The rows do not say it."""


class BadRow(Exception):
    """A row is not a play. The readers raise it and catch it; it never leaves them."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class BatchBuilder:
    """Collect plays, counts and notes until `close_batch`. Limits the notes of each kind over the whole upload."""

    def __init__(self) -> None:
        self.unreadable_rows = 0
        """Of all batches."""
        self._plays_before = 0
        self._note_counts: Counter[str] = Counter()
        self._noted_encodings: set[str] = set()
        self._start_batch([])

    def _start_batch(self, notes: list[str]) -> None:
        self.plays: list[Play] = []
        self._rejected: Counter[str] = Counter()
        self._cleaned = 0
        self._notes = notes

    @property
    def rows(self) -> int:
        """Rows added since the last batch."""
        return len(self.plays) + self._rejected.total()

    @property
    def all_plays(self) -> int:
        """How many plays there are in all batches."""
        return self._plays_before + len(self.plays)

    def note(self, line: str) -> None:
        self._notes.append(line)

    def reject(self, bad: BadRow, member: Member, row: int) -> None:
        """Count row number `row` of a member by the reason why it is not a play."""
        self._rejected[bad.reason] += 1
        self.unreadable_rows += bad.reason in UNREADABLE
        self._note_row(bad.reason, member, row, bad.detail)

    def clean(self, member: Member, row: int) -> None:
        """Count a play with a text that needed cleaning."""
        self._cleaned += 1
        self._note_row(_CLEANED, member, row, "a text that cannot be kept as it is was cleaned")

    def note_encoding(self, member: Member) -> None:
        """Note, once for each member, that its texts are not in UTF-8."""
        if member.label not in self._noted_encodings:
            self._noted_encodings.add(member.label)
            self.note(f"{member.label}: {_NOT_UTF8}")

    def note_further_rows(self, label: str) -> None:
        """After the last row: note how many rows of each kind have no note of their own."""
        for kind, rows in self._note_counts.items():
            if (more := rows - NOTES_PER_KIND) > 0:
                self.note(f"{label}: {counted(more, 'more row')}: {_IN_WORDS[kind]}")

    def close_batch(self, bytes_read: int) -> Batch:
        """Return everything added since the last batch, and start the next batch."""
        batch = Batch(self.plays, self.rows, bytes_read, self._rejected, self._cleaned, self._notes)
        self._plays_before += len(self.plays)
        self._start_batch([])
        return batch

    def _note_row(self, kind: str, member: Member, row: int, detail: str) -> None:
        if kind not in _KINDS_WITH_NOTES:
            return
        self._note_counts[kind] += 1
        if self._note_counts[kind] <= NOTES_PER_KIND:
            self._notes.append(f"{member.label}: row {row:,}: {detail}")


def plays_end() -> datetime:
    """The first instant that is too late for any play: the end of tomorrow, in UTC."""
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=2)


def whole_ms(key: str, value: object) -> int:
    """The length of a play, from the value of `key`. Raises BadRow."""
    if isinstance(value, str) and _DIGITS.fullmatch(value):  # as tools write it that save a history again
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadRow(MALFORMED, f"{key} is {note_text(value)} (expected a whole number)")
    if not 0 <= value <= MAX_MS_PLAYED:
        raise BadRow(MALFORMED, f"{key} is {note_text(value)} (expected 0 to {MAX_MS_PLAYED:,})")
    return value


def utc_instant(key: str, value: object, end: datetime) -> datetime:
    """A time, from the value of `key`. Spotify writes UTC; any other offset is converted to it. Raises BadRow."""
    instant = value if isinstance(value, datetime) else parsed_instant(key, value)
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    if not EARLIEST <= instant < end:
        reason = BAD_TIMESTAMP if instant < EARLIEST else FUTURE
        raise BadRow(reason, f"{key} is {note_text(value)} (expected {EARLIEST:%Y-%m-%d} to tomorrow)")
    return instant.astimezone(UTC)


def parsed_instant(key: str, value: object) -> datetime:
    """The time that the text of `key` stands for, of any year; one without an offset is in UTC. Raises BadRow."""
    if isinstance(value, str):
        text = value.removesuffix(" UTC")
        try:
            is_minute = _MINUTE_PRECISION.fullmatch(text) is not None
            instant = datetime.fromisoformat(text) if is_minute else msgspec.convert(text, datetime)
            return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
        except ValueError:
            pass
    raise BadRow(BAD_TIMESTAMP, f"{key} is {note_text(value)} (expected a time such as 2023-01-30T19:46:52Z)")


def note_text(value: object) -> str:
    """A value of a row as text for a note: one short line of ASCII.

    >>> note_text("abc"), note_text(None)
    ('"abc"', 'missing or null')
    """
    if value is None:
        return "missing or null"
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    text = str(value) if isinstance(value, datetime) else json.dumps(value)
    return text if len(text) <= _NOTE_TEXT_LIMIT else f"{text[:_NOTE_TEXT_LIMIT]}…"
