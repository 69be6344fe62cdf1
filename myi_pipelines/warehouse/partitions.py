"""Month partitions: their names, bounds and creation.

A month's partition is filled before it is attached where possible, so that indexes and foreign keys are built once
over the finished rows and readers of other months never wait.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from psycopg import sql

from myi_pipelines.errors import FailedError
from myi_pipelines.warehouse.database.connections import Connection, asynchronous_commit
from myi_pipelines.warehouse.database.locks import Lock, acquire, exclusive
from myi_pipelines.warehouse.database.statements import statement

FIRST_MONTH = date(2008, 10, 1)
"""The month in which Spotify opened: no play is older."""

ATTEMPTS_TO_SEE = 3
"""How many times a session looks up partitions that it should know."""

PREMADE_MONTHS = 3
"""Months ahead of now that exist already, in Postgres and in Dagster."""


class PartitionsUnknown(FailedError):
    """A session does not find partitions that are attached. Nothing was read or written."""


class MonthTable(NamedTuple):
    """A table with one partition a UTC month."""

    name: str
    is_timed: bool
    """Partitioned by an instant (timestamptz), not by the month's date."""
    storage: sql.SQL

    @property
    def column(self) -> str:
        """The column that tells the month."""
        return "played_at" if self.is_timed else "month"

    @property
    def settings(self) -> list[str]:
        """The storage settings of every partition, as Postgres lists them: ``fillfactor=90``."""
        return [setting.replace(" ", "") for setting in self.storage.as_string(None).split(",")]

    def partition(self, month: date) -> sql.Identifier:
        """The identifier of a month's partition, for example ``listening_events_y2025m12``."""
        return sql.Identifier(partition_name(self.name, month))


_UPDATED = sql.SQL("fillfactor = 90, autovacuum_vacuum_scale_factor = 0.01")
_PACKED = sql.SQL("fillfactor = 100, autovacuum_vacuum_scale_factor = 0.01")

IMPORTED_PLAYS = MonthTable("imported_plays", True, _PACKED)
POLLED_PLAYS = MonthTable("polled_plays", True, _PACKED)
LISTENING_EVENTS = MonthTable("listening_events", True, _UPDATED)
USER_TRACK_MONTHS = MonthTable("user_track_months", False, _PACKED)

MONTH_TABLES = (IMPORTED_PLAYS, POLLED_PLAYS, LISTENING_EVENTS, USER_TRACK_MONTHS)


class PartitionLoad(NamedTuple):
    """How new partitions of a table are filled and indexed before they are attached."""

    insert: Callable[..., sql.Composed]
    """Makes the INSERT of a month's rows for the identifier ``partition``: a statement's ``format``."""
    indexes: Sequence[sql.SQL]
    """See ``index_statements``."""


def partition_name(table: str, month: date) -> str:
    """``listening_events`` and December 2025 → ``listening_events_y2025m12``."""
    return f"{table}_y{month.year:04d}m{month.month:02d}"


def month_of(instant: datetime) -> date:
    """The UTC month that an aware instant falls into."""
    return instant.astimezone(UTC).date().replace(day=1)


def next_month(month: date) -> date:
    """The first day of the following month."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def around(month: date) -> list[date]:
    """The month before, the month itself and the one after it."""
    return [(month - timedelta(days=1)).replace(day=1), month, next_month(month)]


def with_neighbours(months: Iterable[date]) -> set[date]:
    """The months, and those before and after them."""
    return {near for month in months for near in around(month)}


def starts_at(month: date) -> datetime:
    """The month's first instant, UTC."""
    return datetime(month.year, month.month, 1, tzinfo=UTC)


def months_between(first: date, last: date) -> list[date]:
    """The months from one to another, both included."""
    months = []
    month = first.replace(day=1)
    while month <= last:
        months.append(month)
        month = next_month(month)
    return months


def existing_months(conn: Connection, table: MonthTable, among: Iterable[date] | None = None) -> set[date]:
    """The months (of all, or among some) for which a table has a partition attached."""
    names = None if among is None else [partition_name(table.name, month) for month in among]
    rows = conn.execute(statement("partitions/attached"), {"table": table.name, "names": names})
    return {date(int(name[-7:-3]), int(name[-2:]), 1) for (name,) in rows}


def ensure_months(conn: Connection, months: Iterable[date]) -> list[str]:
    """Create the partitions that the given months lack in any month-partitioned table; return their names.

    Safe at any time and from several processes: one transaction and one lock a partition.
    """
    wanted = sorted(set(months))
    created: list[str] = []
    for table in MONTH_TABLES:
        present = existing_months(conn, table, wanted)
        for month in wanted:
            if month not in present:
                with conn.transaction():
                    if attach_month(conn, table, month) is not None:
                        created.append(partition_name(table.name, month))
    return created


def ensure_partitions(conn: Connection, table: MonthTable, months: Iterable[date]) -> None:
    """Create the partitions that one table lacks, in one transaction (the caller's, if there is one)."""
    wanted = set(months)
    missing = sorted(wanted - existing_months(conn, table, wanted))
    if missing:
        with conn.transaction():
            asynchronous_commit(conn)
            for month in missing:
                attach_month(conn, table, month)


def attach_month(
    conn: Connection,
    table: MonthTable,
    month: date,
    partition_load: PartitionLoad | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> int | None:
    """Create a month's partition, fill and index it where it is told how, and attach it.

    Returns the number of rows, or None when the partition exists already.

    Part of the caller's transaction, which must not have written to a table that this one references, nor hold the
    share of the catalog's links: attaching takes SHARE UPDATE EXCLUSIVE on the parent, so that readers and writers of
    the other months go on, and SHARE ROW EXCLUSIVE on the tables that it references.
    """
    name = partition_name(table.name, month)
    acquire(conn, exclusive(Lock.PARTITION, name))
    if conn.execute("SELECT to_regclass(%s)", [name]).fetchone() != (None,):
        return None
    partition = table.partition(month)
    create = create_like(table, partition)
    if partition_load is None:
        conn.execute(_one_after_another(create, attachment(table, month)))
        return 0
    conn.execute(create)
    rows = conn.execute(partition_load.insert(partition=partition), parameters).rowcount
    indexes = [index.format(partition=partition) for index in partition_load.indexes]
    conn.execute(_one_after_another(*indexes, attachment(table, month)))
    return rows


def ensure_partitions_visible(conn: Connection, table: MonthTable, months: Collection[date] | None = None) -> None:
    """Make sure that this session knows the partitions, attached by now, of the months from the first to the last.

    A session that looks partitions up in the very moment in which another one attaches one may never hear of it:
    attaching does not wait for readers, and the news of it may arrive before the old list has been kept, without any
    error. (Seen with PostgreSQL 18.6, in 16 of 1,118 attachments.) Whoever derives anything from a table, or says what
    is in it, calls this first. The planner is asked which partitions it knows.
    """
    for _ in range(ATTEMPTS_TO_SEE):
        if _knows(conn, table, months):
            return
        invalidate_partition_cache(conn, table)
    raise _unknown(table)


@contextmanager
def snapshot(
    conn: Connection, tables: Sequence[MonthTable] = MONTH_TABLES, months: Collection[date] | None = None
) -> Iterator[None]:
    """A transaction that sees everything as it is at one instant, all rows of the tables from the first to the last
    month (None: of every month) among it. Not to be called inside a transaction.

    The isolation level alone does not see to that: a month that leaves, or is swapped, after the snapshot was taken is
    missed by the first statement that reads the table after it. So the tables are locked before, in ACCESS SHARE mode:
    nothing is detached from them until the end, while others read, write and attach. Raises PartitionsUnknown.
    """
    locked = sql.SQL(", ").join(sql.SQL("ONLY {}").format(sql.Identifier(table.name)) for table in tables)
    for _ in range(ATTEMPTS_TO_SEE):
        with conn.transaction():
            conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            conn.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(locked))
            unknown = [table for table in tables if not _knows(conn, table, months)]
            if not unknown:
                yield
                return
        for table in unknown:
            invalidate_partition_cache(conn, table)
    raise _unknown(*unknown)


def _unknown(*tables: MonthTable) -> PartitionsUnknown:
    names = ", ".join(table.name for table in tables)
    return PartitionsUnknown(f"the database does not find all partitions of {names}; run it again")


def _knows(conn: Connection, table: MonthTable, months: Collection[date] | None) -> bool:
    """Whether a statement of this session would read every partition from the first to the last month."""
    attached = existing_months(conn, table, months_between(min(months), max(months)) if months else months)
    return not attached or {partition_name(table.name, month) for month in attached} <= _known(conn, table, attached)


def _known(conn: Connection, table: MonthTable, months: Collection[date]) -> set[str]:
    """The partitions from the first to the last month that a statement of this session would read."""
    asked = {
        "table": sql.Identifier(table.name),
        "column": sql.Identifier(table.column),
        "first": bounds_of(table, min(months))[0],
        "end": bounds_of(table, max(months))[1],
    }
    explain = sql.SQL("EXPLAIN (FORMAT JSON) SELECT FROM {table} WHERE {column} >= {first} AND {column} < {end}")
    row = conn.execute(explain.format(**asked)).fetchone()
    assert row is not None
    [explained] = row[0]
    return set(_relations_in(explained["Plan"]))


def _relations_in(plan: Mapping[str, Any]) -> Iterator[str]:
    if "Relation Name" in plan:
        yield plan["Relation Name"]
    for part in plan.get("Plans", ()):
        yield from _relations_in(part)


def invalidate_partition_cache(conn: Connection, table: MonthTable) -> None:
    """Have every session look up the table's partitions again: see ``ensure_partitions_visible``.

    Changing anything that PostgreSQL remembers of the table sends the news of its partitions once more, to those who
    read and do not ask.
    """
    with conn.transaction():
        asynchronous_commit(conn)
        conn.execute(
            sql.SQL("ALTER TABLE ONLY {} ALTER COLUMN user_id SET STATISTICS -1").format(sql.Identifier(table.name))
        )


def create_like(table: MonthTable, name: sql.Identifier) -> sql.Composed:
    """The statement that makes an empty table which may become a partition, without indexes and foreign keys."""
    create = sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING COMMENTS) WITH ({})")
    return create.format(name, sql.Identifier(table.name), table.storage)


def index_statements(conn: Connection, table: MonthTable) -> list[sql.SQL]:
    """The statements, that of the primary key first, that make the indexes of a ``{partition}``-to-be.

    Attaching would make them too, but with the parent locked against other partitions.
    """
    return [sql.SQL(one) for (one,) in conn.execute(statement("partitions/index_statements"), [table.name])]


def attachment(table: MonthTable, month: date) -> sql.Composed:
    """The statement that makes the table which bears a partition's name the month's partition."""
    lower, upper = bounds_of(table, month)
    return sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(
        sql.Identifier(table.name), table.partition(month), lower, upper
    )


def referenced_by(conn: Connection, table: sql.Identifier) -> list[sql.Identifier]:
    """The tables that a table's foreign keys refer to. Whoever drops it needs their locks too."""
    rows = conn.execute(statement("partitions/referenced"), [table.as_string(conn)])
    return [sql.Identifier(name) for (name,) in rows]


def _one_after_another(*statements: sql.Composed) -> sql.Composed:
    """Statements without parameters, on one way to the server."""
    return sql.SQL("; ").join(statements)


def bounds_of(table: MonthTable, month: date) -> tuple[sql.Literal, sql.Literal]:
    """The first value of a month and the first one after it."""
    first, end = (starts_at(one) if table.is_timed else one for one in (month, next_month(month)))
    return sql.Literal(first), sql.Literal(end)
