"""What became of the rows that an import landed, as the warehouse is now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final

from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.parallel import map_on_connections
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.partitions import FIRST_MONTH, months_between, next_month, starts_at

OUTCOMES: Final = {
    "added": "listening events that are new",
    "known_less_exactly": "plays known before, from polls or account data, exact now",
    "replaced": "plays of account data that another source has more exactly",
    "known_otherwise": "submitted or polled plays that an export, a poll or a submission tells, too",
    "same_play": "the same play as another row: exported twice, or under other names or ids",
    "hidden": "plays that a correction hides",
    "too_short": "too short to count",
    "episode": "podcast episodes, which have statistics of their own",
    "chapter": "chapters of audiobooks, which have statistics of their own",
    "video": "videos, which have statistics of their own",
    "unidentified": "plays of something that Spotify does not name",
}
"""Outcome → what it means, in the order in which people read them. Together they are the rows that were landed."""

LAST_MONTH: Final = date(2100, 1, 1)

MONTHS_FOR_ONE: Final = 12
"""So many months are counted on one connection, which takes some ten milliseconds."""

LONGEST_PLAY: Final = timedelta(days=1)


def outcomes_of_jobs(
    conn: Connection,
    user_id: int,
    job_ids: Sequence[int],
    min_play_ms: int,
    months: Sequence[date] = (),
    helpers: Sequence[Connection] = (),
) -> dict[int, Mapping[str, int]]:
    """By import job: outcome → rows. With ``months``, those of the plays that the jobs landed, fewer are looked at, and
    ``helpers`` are further connections that count some of them.

    The jobs are taken for one import: what was known before it was known before the first of them. Jobs of other users,
    and rows that version 0.1 landed, are left out.
    """
    if not job_ids:
        return {}
    asked = {"job_ids": list(job_ids), "user_ids": [user_id], "min_play_ms": min_play_ms}

    def count(conn: Connection, span: tuple[date, date]) -> list[tuple[Any, ...]]:
        starts, ends = starts_at(span[0]), starts_at(next_month(span[1]))
        bounds = {"starts_at": starts, "ends_at": ends}
        bounds |= {"near_start": starts - LONGEST_PLAY, "near_end": ends + LONGEST_PLAY}
        with conn.transaction():
            # Of months that were just filled the planner expects too few rows, and would compare each with each, or
            # sort all of them to merge them with the few rows of account data.
            conn.execute("SET LOCAL enable_nestloop = off")
            conn.execute("SET LOCAL enable_mergejoin = off")
            return conn.execute(statement("import_outcomes/of_jobs"), asked | bounds).fetchall()

    found: dict[int, Counter[str]] = {}
    for _, rows in map_on_connections([conn, *helpers], _spans(months, 1 + len(helpers)), count):
        for job_id, outcome, row_count in rows:
            found.setdefault(job_id, Counter())[outcome] += row_count
    return {job_id: together([counts]) for job_id, counts in found.items()}


def _spans(months: Sequence[date], at_once: int) -> list[tuple[date, date]]:
    """The first and last months of as many parts of the time from the first to the last of some months, or of all."""
    if not months:
        return [(FIRST_MONTH, LAST_MONTH)]
    counted = months_between(min(months), max(months))
    size = max(MONTHS_FOR_ONE, -(-len(counted) // at_once))
    return [(part[0], part[-1]) for part in (counted[first : first + size] for first in range(0, len(counted), size))]


def together(outcomes: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """The outcomes of several jobs added up, in the order in which people read them."""
    total: Counter[str] = Counter()
    for counts in outcomes:
        total.update(counts)
    return {outcome: total[outcome] for outcome in OUTCOMES if total[outcome]}
