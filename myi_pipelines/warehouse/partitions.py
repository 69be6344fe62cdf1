"""Month partitions: their names, bounds and creation.

Where possible, a month's partition is filled before it is attached. Then indexes and foreign keys are built once, over
the finished rows, and readers of other months never wait.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from psycopg import sql

from myi_pipelines.errors import FailedError
from myi_pipelines.warehouse.database.connections import Connection, asynchronous_commit, fetch_scalar
from myi_pipelines.warehouse.database.locks import Lock, acquire, exclusive
from myi_pipelines.warehouse.database.statements import statement

FIRST_MONTH = date(2002, 10, 1)
"""No play is older: the oldest are those of Last.fm, which opened in the autumn of 2002, six years before Spotify."""

VISIBILITY_ATTEMPTS = 3
"""How many times a session looks up partitions that it should know."""

PREMADE_MONTHS = 3
"""Months ahead of now whose partitions are made in advance, in Postgres and in Dagster."""


class PartitionsUnknown(FailedError):
    """A session does not see partitions that are attached. Nothing was read or written."""


class MonthTable(NamedTuple):
    """A table of plays with one partition a UTC month, in which they ended (``played_at``)."""

    name: str
    storage: sql.SQL

    @property
    def settings(self) -> list[str]:
        """The storage settings of every partition, as Postgres lists them: ``fillfactor=90``."""
        return [setting.replace(" ", "") for setting in self.storage.as_string(None).split(",")]

    def partition(self, month: date) -> sql.Identifier:
        """The identifier of a month's partition, for example ``listening_events_y2025m12``."""
        return sql.Identifier(partition_name(self.name, month))


_UPDATED = sql.SQL("fillfactor = 90, autovacuum_vacuum_scale_factor = 0.01")
_PACKED = sql.SQL("fillfactor = 100, autovacuum_vacuum_scale_factor = 0.01")

IMPORTED_PLAYS = MonthTable("imported_plays", _PACKED)
POLLED_PLAYS = MonthTable("polled_plays", _PACKED)
LISTENING_EVENTS = MonthTable("listening_events", _UPDATED)

MONTH_TABLES = (IMPORTED_PLAYS, POLLED_PLAYS, LISTENING_EVENTS)
"""They are archived and rebuilt month by month. Statistics are not partitioned: a question about a user reads many
months of few rows, which one index finds sooner."""


class PartitionLoad(NamedTuple):
    """How a new partition of a table is filled and indexed before it is attached."""

    insert: Callable[..., sql.Composed]
    """Returns the INSERT of a month's rows into the identifier ``partition``: the ``format`` of a statement."""
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

    Safe at any time and from several processes: each partition has its own transaction and lock.
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


def attach_month(
    conn: Connection,
    table: MonthTable,
    month: date,
    partition_load: PartitionLoad | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> int | None:
    """Create a month's partition, fill and index it if a ``partition_load`` is given, and attach it.

    Returns the number of rows, or None when the partition exists already.

    Part of the caller's transaction. Before, the transaction must neither have written to a table that this one
    references nor have taken ``Lock.CATALOG_LINKS``. Attaching takes SHARE UPDATE EXCLUSIVE on the parent, so readers
    and writers of other months continue, and SHARE ROW EXCLUSIVE on the tables that it references.
    """
    name = partition_name(table.name, month)
    acquire(conn, exclusive(Lock.PARTITION, name))
    if conn.execute("SELECT to_regclass(%s)", [name]).fetchone() != (None,):
        return None
    partition = table.partition(month)
    create = create_like(table, partition)
    if partition_load is None:
        conn.execute(_in_one_round_trip(create, attachment(table, month)))
        return 0
    conn.execute(create)
    rows = conn.execute(partition_load.insert(partition=partition), parameters).rowcount
    indexes = [index.format(partition=partition) for index in partition_load.indexes]
    conn.execute(_in_one_round_trip(*indexes, attachment(table, month)))
    return rows


def ensure_partitions_visible(conn: Connection, table: MonthTable, months: Collection[date] | None = None) -> None:
    """Make sure that this session knows all attached partitions of the months from the first to the last.

    A session that looks partitions up at the moment in which another session attaches one may never learn of it.
    Attaching does not wait for readers, and the notice of it may arrive before the session stores its old list. There
    is no error. (Seen with PostgreSQL 18.6, in 16 of 1,118 attachments.) So each function that derives anything from a
    table, or reports what is in it, calls this first. It asks the planner which partitions it knows.
    """
    for _ in range(VISIBILITY_ATTEMPTS):
        if _knows_all(conn, table, months):
            return
        invalidate_partition_cache(conn, table)
    raise _unknown(table)


@contextmanager
def snapshot(
    conn: Connection, tables: Sequence[MonthTable] = MONTH_TABLES, months: Collection[date] | None = None
) -> Iterator[None]:
    """A transaction that sees one instant, with all rows of the tables from the first to the last month.

    Without ``months`` it sees every month. Do not call it inside a transaction. Raises PartitionsUnknown.

    The isolation level alone is not enough: if a month is archived or exchanged after the snapshot was taken, the first
    statement that reads the table afterwards misses it. So the tables are first locked in ACCESS SHARE mode. Until the
    end nothing is detached from them, while other sessions read, write and attach.
    """
    for _ in range(VISIBILITY_ATTEMPTS):
        with conn.transaction():
            conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            keep_attached(conn, tables)
            unknown = [table for table in tables if not _knows_all(conn, table, months)]
            if not unknown:
                yield
                return
        for table in unknown:
            invalidate_partition_cache(conn, table)
    raise _unknown(*unknown)


def keep_attached(conn: Connection, tables: Sequence[MonthTable]) -> None:
    """Let nothing be detached from the tables until the end of the transaction, of which this is the first statement.

    It takes no snapshot. One that is taken afterwards sees each month in the tables or, as its rows say, in the
    archive, whatever commits meanwhile.
    """
    names = sql.SQL(", ").join(sql.SQL("ONLY {}").format(sql.Identifier(table.name)) for table in tables)
    conn.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(names))


def _unknown(*tables: MonthTable) -> PartitionsUnknown:
    names = ", ".join(table.name for table in tables)
    return PartitionsUnknown(f"the database does not find all partitions of {names}; run it again")


def _knows_all(conn: Connection, table: MonthTable, months: Collection[date] | None) -> bool:
    """Whether a statement of this session would read every partition from the first to the last month."""
    attached = existing_months(conn, table, months_between(min(months), max(months)) if months else months)
    names = {partition_name(table.name, month) for month in attached}
    return not names or names <= _known_partitions(conn, table, attached)


def _known_partitions(conn: Connection, table: MonthTable, months: Collection[date]) -> set[str]:
    """The partitions from the first to the last month that a statement of this session would read."""
    parts = {
        "table": sql.Identifier(table.name),
        "first": bounds_of(min(months))[0],
        "end": bounds_of(max(months))[1],
    }
    explain = sql.SQL("EXPLAIN (FORMAT JSON) SELECT FROM {table} WHERE played_at >= {first} AND played_at < {end}")
    [explained] = fetch_scalar(conn, explain.format(**parts))
    return set(_relations_in(explained["Plan"]))


def _relations_in(plan: Mapping[str, Any]) -> Iterator[str]:
    if "Relation Name" in plan:
        yield plan["Relation Name"]
    for part in plan.get("Plans", ()):
        yield from _relations_in(part)


def invalidate_partition_cache(conn: Connection, table: MonthTable) -> None:
    """Make every session look up the table's partitions again: see ``ensure_partitions_visible``.

    Any change to what PostgreSQL caches of the table sends a new notice to all sessions. It also reaches those that
    read without calling ``ensure_partitions_visible``.
    """
    with conn.transaction():
        asynchronous_commit(conn)
        conn.execute(
            sql.SQL("ALTER TABLE ONLY {} ALTER COLUMN user_id SET STATISTICS -1").format(sql.Identifier(table.name))
        )


def create_like(table: MonthTable, name: sql.Identifier) -> sql.Composed:
    """The statement that creates an empty table, without indexes and foreign keys, that can become a partition."""
    create = sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING COMMENTS) WITH ({})")
    return create.format(name, sql.Identifier(table.name), table.storage)


def index_statements(conn: Connection, table: MonthTable) -> list[sql.SQL]:
    """The statements that create the indexes of a future ``{partition}``, the primary key first.

    Attaching would create them, too, but while it locks the parent against other partitions.
    """
    return [sql.SQL(index) for (index,) in conn.execute(statement("partitions/index_statements"), [table.name])]


def attachment(table: MonthTable, month: date) -> sql.Composed:
    """The statement that attaches the table with a partition's name as the month's partition."""
    lower, upper = bounds_of(month)
    return sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(
        sql.Identifier(table.name), table.partition(month), lower, upper
    )


def referenced_by(conn: Connection, table: sql.Identifier) -> list[sql.Identifier]:
    """The tables that a table's foreign keys refer to. To drop the table, their locks are needed, too."""
    rows = conn.execute(statement("partitions/referenced"), [table.as_string(conn)])
    return [sql.Identifier(name) for (name,) in rows]


def _in_one_round_trip(*statements: sql.Composed) -> sql.Composed:
    """Several statements without parameters as one."""
    return sql.SQL("; ").join(statements)


def bounds_of(month: date) -> tuple[sql.Literal, sql.Literal]:
    """The first instant of a month and the first one after it."""
    return sql.Literal(starts_at(month)), sql.Literal(starts_at(next_month(month)))
