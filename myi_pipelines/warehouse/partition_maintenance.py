"""Maintenance of month partitions: make future ones, set changed settings again, drop orphaned shadow partitions.

It is safe at any time, from any machine, several times and with a wrong clock: it never drops an attached partition.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from psycopg import errors, sql
from psycopg.rows import class_row

from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.locks import Lock, exclusive, trying
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.partitions import MONTH_TABLES, MonthTable, ensure_months, invalidate_partition_cache
from myi_pipelines.warehouse.shadow_partitions import drop_orphans, orphans


class Maintained(NamedTuple):
    """What was done, as names of partitions and tables."""

    created: list[str]
    reset: list[str]
    """Partitions whose storage settings had changed."""
    dropped: list[str]
    """Shadow partitions that a rebuild left when it died."""


class Drift(NamedTuple):
    """A partition whose storage settings are not those that its table prescribes."""

    partition: str
    found: list[str]
    wanted: list[str]

    def __str__(self) -> str:
        return f"{self.partition} has {', '.join(self.found) or 'no settings'}, expected {', '.join(self.wanted)}"


class Partition(NamedTuple):
    """A partition of the event log."""

    name: str
    range: str
    rows: int
    bytes: int
    index_bytes: int
    oldest: datetime | None
    newest: datetime | None
    dead_rows: int


def maintain(conn: Connection, months: Sequence[date]) -> Maintained | None:
    """Make the partitions that some months lack, and correct everything else.

    Returns None, without doing anything, while another session maintains the partitions.
    """
    with trying(conn, exclusive(Lock.MAINTENANCE)) as is_locked:
        if not is_locked:
            return None
        created = ensure_months(conn, months)
        for table in MONTH_TABLES:
            invalidate_partition_cache(conn, table)
        return Maintained(created, _reset_settings(conn), _drop_orphaned_shadows(conn))


def drifts(conn: Connection) -> list[Drift]:
    """Partitions whose storage settings are not those that their tables prescribe."""
    return [drift for table in MONTH_TABLES for drift in _drifts(conn, table)]


def partition_report(conn: Connection) -> list[Partition]:
    """What is in each partition of the event log, oldest first. Reads all of it."""
    with conn.cursor(row_factory=class_row(Partition)) as cursor:
        return cursor.execute(statement("partition_maintenance/report")).fetchall()


def _drifts(conn: Connection, table: MonthTable) -> list[Drift]:
    wanted = table.settings
    rows = conn.execute(statement("partition_maintenance/storage"), {"table": table.name, "settings": wanted})
    return [Drift(name, found, wanted) for name, found in rows]


def _reset_settings(conn: Connection) -> list[str]:
    """Readers and writers continue. A partition that another session is altering waits for the next maintenance."""
    reset = []
    for table in MONTH_TABLES:
        for drift in _drifts(conn, table):
            partition = sql.Identifier(drift.partition)
            found = {setting.partition("=")[0] for setting in drift.found}
            alter = [sql.SQL("SET ({})").format(table.storage)]
            if found:
                names = sql.SQL(", ").join(sql.Identifier(name) for name in sorted(found))
                alter.insert(0, sql.SQL("RESET ({})").format(names))
            try:
                with conn.transaction():
                    conn.execute("SET LOCAL lock_timeout = '1s'")
                    conn.execute(sql.SQL("ALTER TABLE {} {}").format(partition, sql.SQL(", ").join(alter)))
            except errors.LockNotAvailable:
                continue
            reset.append(drift.partition)
    return reset


def _drop_orphaned_shadows(conn: Connection) -> list[str]:
    """A session that builds a shadow partition holds the catalog's lock: while it is free, all of them are orphans."""
    with trying(conn, exclusive(Lock.CATALOG)) as is_locked:
        if not is_locked:
            return []
        before = orphans(conn)
        drop_orphans(conn)
        return sorted(set(before) - set(orphans(conn)))
