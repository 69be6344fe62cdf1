"""What looks odd in the plays of an import and is no fault of any row. It is said in the notes of the job; no more."""

from collections.abc import Collection
from datetime import date, timedelta
from typing import NamedTuple

from myi_pipelines.warehouse.database.connections import Connection, fetch_row, fetch_scalar
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.partitions import next_month, starts_at

TWO_ACCOUNTS = "these files tell of two accounts"
ONE_LISTENER = (
    "a user should have the plays of one listener: `myi undo-import JOB` takes an import back, then import each one's "
    "files under a name of their own"
)

SHORTEST = timedelta(seconds=30)
"""Shorter plays do not count, nor those that overlap for less: crossfades, times that are cut to seconds and clocks
that differ make overlaps of some seconds."""

FEWEST_SIMULTANEOUS = 3
LEAST_SHARE = 0.02
"""Of the plays of the side that has fewer. An account plays one thing at a time; in real exports about 1 % of the rows
share their time with another one all the same. Of two people who each listen for half an hour of their 16 waking hours,
3 % of the plays fall together by chance, of an hour 6 %."""
TIMES_THE_USUAL = 3
"""So many times more than among the plays that were there before, for some accounts are used in two places at once."""

_DAY_MS = 86_400_000
MONTHS_AT_MOST = 12
DAYS_SHOWN = 3


class _Simultaneous(NamedTuple):
    added: int
    known_before: int
    simultaneous: int
    simultaneous_before: int


def crowded_days(conn: Connection) -> str | None:
    """A line about days with more than 24 hours of plays in the upload that is landing; None if there is none."""
    days = conn.execute(statement("odd_plays/crowded_days"), {"day_ms": _DAY_MS}).fetchall()
    if not days:
        return None
    shown = [f"{day:%Y-%m-%d} ({hours:,.1f} h)" for day, hours in days[:DAYS_SHOWN]]
    more = f" and {len(days) - DAYS_SHOWN:,} more" if len(days) > DAYS_SHOWN else ""
    return (
        f"more than 24 hours of plays in one day (UTC): {', '.join(shown)}{more}; "
        "they are of two people, or of devices that were offline"
    )


def second_listener(conn: Connection, user_id: int, job_id: int, months: Collection[date]) -> str | None:
    """A line if an import added plays to some months that one listener cannot have heard together with those before.

    The newest of the months decide. To be called in the transaction that has added the plays.
    """
    if not fetch_scalar(conn, statement("odd_plays/has_other_imports"), {"user_id": user_id, "job_id": job_id}):
        return None
    total = _Simultaneous(0, 0, 0, 0)
    found: list[date] = []
    for month in sorted(months, reverse=True)[:MONTHS_AT_MOST]:
        bounds = {"starts_at": starts_at(month), "ends_at": starts_at(next_month(month))}
        parameters = {"user_id": user_id, "job_id": job_id, "shortest": SHORTEST, **bounds}
        here = _Simultaneous(*fetch_row(conn, statement("odd_plays/simultaneous"), parameters))
        total = _Simultaneous(*map(sum, zip(total, here, strict=True)))
        if here.simultaneous:
            found.append(month)
    compared = min(total.added, total.known_before)
    if total.simultaneous < max(FEWEST_SIMULTANEOUS, LEAST_SHARE * compared):
        return None
    usual = total.simultaneous_before / total.known_before
    if total.simultaneous / compared < TIMES_THE_USUAL * usual:
        return None
    when = f"in {found[0]:%Y-%m}" if len(found) == 1 else f"from {found[-1]:%Y-%m} to {found[0]:%Y-%m}"
    return (
        f"these files seem to tell of two accounts: {total.simultaneous:,} times {when} a track was played during "
        f"another that was imported before; {ONE_LISTENER}"
    )
