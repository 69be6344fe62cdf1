"""The simulated clock, and how the API writes times."""

from __future__ import annotations

import time
from calendar import monthrange
from datetime import UTC, datetime, timedelta


class Clock:
    """Stands still, or runs ``speed`` times as fast as real time. Callers can set it in both cases. With
    ``never_ahead`` it slows down to real speed once it reaches the real time."""

    def __init__(self, start: datetime, speed: float = 0.0, *, never_ahead: bool = False) -> None:
        self.speed = speed
        self.never_ahead = never_ahead
        self.set(start)

    def now(self) -> datetime:
        moment = self._start + timedelta(seconds=(time.monotonic() - self._anchor) * self.speed)
        return min(moment, datetime.now(UTC)) if self.never_ahead else moment

    def set(self, moment: datetime) -> None:
        self._start = moment.astimezone(UTC)
        self._anchor = time.monotonic()

    def advance(self, step: timedelta) -> None:
        self.set(self.now() + step)


def iso_ms(moment: datetime) -> str:
    """The time as Spotify writes it: UTC, milliseconds, a Z.

    >>> iso_ms(datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC))
    '2026-01-02T03:04:05.678Z'
    """
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def unix_ms(moment: datetime) -> int:
    """Whole milliseconds since 1970, exact.

    >>> unix_ms(datetime(1970, 1, 1, 0, 0, 1, 2_000, UTC))
    1002
    """
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def months_later(moment: datetime, months: int) -> datetime:
    """The same day and time some months later, or the month's last day where it has no such day.

    >>> months_later(datetime(2025, 8, 31, tzinfo=UTC), 6).date().isoformat()
    '2026-02-28'
    """
    year, index = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    return moment.replace(year=year, month=index + 1, day=min(moment.day, monthrange(year, index + 1)[1]))
