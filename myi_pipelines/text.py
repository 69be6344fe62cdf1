"""How sizes, times and counts are written for people: one form for each, in the terminal, in messages and in Dagster.

Standard library only, and no import from the rest of the package: every other module may use it.
"""

import re
from datetime import UTC, datetime, timedelta

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What moves a terminal's cursor, ends a line or turns its direction, and lone surrogates."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""

_SIZES = (("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024))
_AGES = (("d", 86_400), ("h", 3_600), ("min", 60))


def size(count: int) -> str:
    """A number of bytes.

    >>> size(900), size(1536), size(2 * 1024**2), size(1500 * 1024**3)
    ('900 bytes', '1.5 KiB', '2.0 MiB', '1,500.0 GiB')
    """
    for unit, in_bytes in _SIZES:
        if count >= in_bytes:
            return f"{count / in_bytes:,.1f} {unit}"
    return counted(count, "byte")


def age(length: timedelta) -> str:
    """How long ago something was, or how long it has waited, in the unit that a person would choose.

    >>> [age(timedelta(seconds=number)) for number in (-5, 42, 119, 120, 7_199, 7_200, 172_800)]
    ['0 s', '42 s', '119 s', '2 min', '119 min', '2 h', '2 d']
    """
    seconds = max(0, int(length.total_seconds()))
    for unit, in_seconds in _AGES:
        if seconds >= 2 * in_seconds:
            return f"{seconds // in_seconds} {unit}"
    return f"{seconds} s"


def duration(seconds: float) -> str:
    """How long some work took.

    >>> duration(0.04), duration(75.25)
    ('0.0 s', '75.2 s')
    """
    return f"{seconds:,.1f} s"


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun.

    >>> counted(1, "file"), counted(1200, "file"), counted(0, "history", "histories")
    ('1 file', '1,200 files', '0 histories')
    """
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def minute_utc(moment: datetime) -> str:
    """A moment in UTC, to the minute: for messages that people in several time zones read.

    >>> minute_utc(datetime(2024, 2, 29, 23, 5, 7, tzinfo=UTC))
    '2024-02-29 23:05 UTC'
    """
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def one_line(text: str) -> str:
    """A text without its line breaks and repeated spaces.

    >>> one_line(" a\\n  b ")
    'a b'
    """
    return " ".join(text.split())


def shortened(text: str, length: int) -> str:
    """A text in one line of at most ``length`` characters.

    >>> shortened("one two three", 8), shortened("one two", 8)
    ('one two…', 'one two')
    """
    line = one_line(text)
    return line if len(line) <= length else f"{line[: length - 1]}…"


def printable(text: str) -> str:
    """A text for one line of a terminal or a log: names from files and from Spotify may hold escape sequences.

    >>> printable("a" + chr(27) + "[2J" + chr(10) + "b") == "a�[2J�b"
    True
    """
    return text if text.isprintable() else _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def csv_cell(text: str) -> str:
    """A text for a cell of a CSV file. One that a spreadsheet would take for a formula gets an apostrophe before it.

    >>> csv_cell("=1+1"), csv_cell("1+1")
    ("'=1+1", '1+1')
    """
    return f"'{text}" if text.startswith(_FORMULA) else text


def plain_cell(cell: str) -> str:
    """The text that got an apostrophe before it because it is a formula, or a formula with apostrophes before it.

    >>> plain_cell("'=1+1"), plain_cell("''=1+1"), plain_cell("'n'")
    ('=1+1', "'=1+1", "'n'")
    """
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(_FORMULA) else cell
