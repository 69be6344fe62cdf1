"""What became of the rows that an import landed, as the warehouse is now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Final

from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.partitions import FIRST_MONTH, next_month, starts_at

OUTCOMES: Final = {
    "added": "listening events that are new",
    "known_less_exactly": "plays known before, from polls or account data, exact now",
    "told_better": "plays of account data that another source has more exactly",
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


def outcomes_of_jobs(
    conn: Connection, user_id: int, job_ids: Sequence[int], min_play_ms: int, months: Sequence[date] = ()
) -> dict[int, Mapping[str, int]]:
    """By import job: outcome → rows. With ``months``, those of the plays that the jobs landed, fewer are looked at.

    Jobs of other users, and rows that version 0.1 landed, are left out.
    """
    first, last = (min(months), max(months)) if months else (FIRST_MONTH, LAST_MONTH)
    found: dict[int, dict[str, int]] = {}
    if not job_ids:
        return {}
    asked = {
        "job_ids": list(job_ids),
        "user_ids": [user_id],
        "min_play_ms": min_play_ms,
        "starts_at": starts_at(first),
        "ends_at": starts_at(next_month(last)),
    }
    with conn.transaction():
        # Of months that were just filled the planner expects too few rows, and would compare each with each.
        conn.execute("SET LOCAL enable_nestloop = off")
        rows = conn.execute(statement("import_outcomes/of_jobs"), asked).fetchall()
    for job_id, outcome, count in rows:
        found.setdefault(job_id, {})[outcome] = count
    return {job_id: together([counts]) for job_id, counts in found.items()}


def together(outcomes: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """The outcomes of several jobs added up, in the order in which people read them."""
    total: Counter[str] = Counter()
    for counts in outcomes:
        total.update(counts)
    return {outcome: total[outcome] for outcome in OUTCOMES if total[outcome]}
