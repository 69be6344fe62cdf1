"""Takes over a warehouse of version 0.1, whose 18 migrations became the one baseline.

The warehouse is changed in place, in one transaction with yoyo's record of what is applied: a process that is killed
meanwhile leaves the warehouse as it was. Later migrations are not known here.
"""

from __future__ import annotations

from typing import Any

from yoyo.migrations import Migration, get_migration_hash, read_sql_migration

from myi_pipelines.errors import ConfigurationError
from myi_pipelines.warehouse.database.statements import SQL_FOLDER

BASELINE = "0001_baseline"
VERSION_0_1 = (
    "0001_accounts",
    "0002_landing",
    "0003_catalog",
    "0004_listening_events",
    "0005_stats",
    "0006_snapshots",
    "0007_operations",
    "0008_linked_accounts",
    "0009_polling",
    "0010_metadata",
    "0011_archive",
    "0012_asides",
    "0013_narrow_rows",
    "0014_year_top_tracks",
    "0015_fewer_checks",
    "0016_questions",
    "0017_two_in_one",
    "0018_stops_that_differ",
)
"""The migrations of version 0.1."""
SHADOW_OF_0_1 = "asides"
"""What the schema of shadow partitions was called."""


class UnreleasedWarehouse(ConfigurationError):
    """The warehouse has some of version 0.1's migrations and not all of them."""


def take_over(backend: Any) -> bool:
    """Bring a warehouse of version 0.1 to the baseline; False when it is none.

    Raises UnreleasedWarehouse, and ``psycopg.Error`` when the database refuses a statement; nothing has changed then.
    """
    applied = set(backend.get_applied_migration_hashes())
    found = [one for one in VERSION_0_1 if get_migration_hash(one) in applied]
    if not found:
        return False
    if len(found) < len(VERSION_0_1):
        raise UnreleasedWarehouse(
            f"the warehouse has {len(found)} of the {len(VERSION_0_1)} migrations of version 0.1: "
            "run `myi migrate` with the last commit of version 0.1, then again with this version"
        )
    baseline = SQL_FOLDER / "migrations" / f"{BASELINE}.sql"
    with backend.transaction():
        cursor = backend.cursor()
        cursor.execute((SQL_FOLDER / "schema" / "take_over_0_1.sql").read_bytes())
        _, _, statements = read_sql_migration(str(baseline))
        for comment in statements:
            if comment.startswith("COMMENT ON "):
                cursor.execute(comment)
        for old in VERSION_0_1:
            backend.unmark_one(Migration(old, "", ""))
        backend.mark_one(Migration(BASELINE, str(baseline), ""))
    return True
