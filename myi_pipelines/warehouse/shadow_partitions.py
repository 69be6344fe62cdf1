"""A month built aside: a table that is filled, indexed and checked while people read the partition that it replaces.

Whoever builds one holds the catalog's lock meanwhile, so that there is one at a time and a table that somebody else
finds under that lock is left over. What is written into the table is the caller's business.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import NamedTuple

from psycopg import sql

from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.database.locks import TablesInUse, lock_tables
from myi_pipelines.warehouse.database.parallel import map_on_connections
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.partitions import (
    MonthTable,
    attachment,
    bounds_of,
    create_like,
    existing_months,
    index_statements,
    partition_name,
    referenced_by,
)

SCHEMA = "shadow"
_IN_MONTH = sql.Identifier("in_month")

SECONDS_TO_EXCHANGE = 30.0
SECONDS_FOR_OLD_READERS = 10.0


class ShadowPartition(NamedTuple):
    """A month's table under construction. Its indexes and constraints have the names of a partition's already."""

    table: MonthTable
    month: date

    @property
    def identifier(self) -> sql.Identifier:
        """Its qualified name."""
        return sql.Identifier(SCHEMA, partition_name(self.table.name, self.month))


def create(conn: Connection, shadow: ShadowPartition) -> None:
    """Make the empty table, which takes rows of its month only: attaching it need not look."""
    lower, upper = bounds_of(shadow.table, shadow.month)
    check = sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} CHECK ({column} >= {lower} AND {column} < {upper})").format(
        shadow.identifier, _IN_MONTH, column=sql.Identifier(shadow.table.column), lower=lower, upper=upper
    )
    with conn.transaction():
        conn.execute(create_like(shadow.table, shadow.identifier))
        conn.execute(check)


def finish(conns: Sequence[Connection], shadow: ShadowPartition) -> None:
    """Index the filled table, on several connections at once.

    To be called outside a transaction, when those that filled the table have ended.
    """
    conn = conns[0]
    names = {
        "partition": shadow.identifier,
        "key": sql.Identifier(f"{partition_name(shadow.table.name, shadow.month)}_pkey"),
    }
    row = conn.execute(statement("shadow_partitions/primary_key"), [shadow.table.name]).fetchone()
    assert row is not None
    create_key, make_key = (sql.SQL(one).format(**names) for one in row)
    _, *others = index_statements(conn, shadow.table)

    def index(mine: Connection, create: sql.Composed) -> None:
        with mine.transaction():
            # Of a smaller table, workers cost more than they bring: the other connections are at work as well.
            mine.execute("SET LOCAL min_parallel_table_scan_size = '64MB'")
            mine.execute(create)

    for _ in map_on_connections(conns, [*(one.format(**names) for one in others), create_key], index):
        pass
    conn.execute(make_key)


@contextmanager
def exchange_partition(conn: Connection, shadow: ShadowPartition) -> Iterator[None]:
    """Within the block the finished table is the month's partition and the old one is gone, in a transaction with it.

    Readers wait from when the locks are there until the block has ended, so it is to be short. To be entered outside
    a transaction, when the one that built the table has ended.
    Raises TablesInUse when other sessions leave no gap, and ``psycopg.errors.ForeignKeyViolation`` when somebody or
    something that a row refers to was deleted meanwhile.
    """
    _wait_for_old_readers(conn)
    referenced = _add_references(conn, shadow)
    with conn.transaction():
        parent, partition = sql.Identifier(shadow.table.name), shadow.table.partition(shadow.month)
        is_known = shadow.month in existing_months(conn, shadow.table)
        lock_tables(conn, [parent, *([partition] if is_known else []), *referenced], within=SECONDS_TO_EXCHANGE)
        if is_known:
            conn.execute(sql.SQL("ALTER TABLE {} DETACH PARTITION {}").format(parent, partition))
            conn.execute(sql.SQL("DROP TABLE {}").format(partition))
        conn.execute(sql.SQL("ALTER TABLE {} SET SCHEMA public").format(shadow.identifier))
        conn.execute(attachment(shadow.table, shadow.month))
        conn.execute(sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(partition, _IN_MONTH))
        yield


def orphans(conn: Connection) -> list[str]:
    """Names of the tables that lie aside; left over, if the catalog's lock is held."""
    return [name for (name,) in conn.execute(statement("shadow_partitions/list"))]


def drop_orphans(conn: Connection) -> bool:
    """Drop the tables that somebody left aside. False when one stays, because other sessions leave no gap.

    To be called under the catalog's lock, and outside a transaction or in one that has locked no table yet: a table
    that refers to others is dropped under their locks.
    """
    for name in orphans(conn):
        shadow = sql.Identifier(SCHEMA, name)
        try:
            with conn.transaction():
                lock_tables(conn, [shadow, *referenced_by(conn, shadow)], within=SECONDS_TO_EXCHANGE)
                conn.execute(sql.SQL("DROP TABLE {}").format(shadow))
        except TablesInUse:
            return False
    return True


def _wait_for_old_readers(conn: Connection) -> None:
    """Wait until nobody reads as of a moment before the table was there: to them its rows would not exist."""
    old = set(conn.execute(statement("shadow_partitions/old_snapshots")))
    deadline = time.monotonic() + SECONDS_FOR_OLD_READERS
    while old:
        if time.monotonic() > deadline:
            raise TablesInUse(f"{len(old)} sessions have been reading for too long")
        time.sleep(0.01)
        old &= set(conn.execute(statement("shadow_partitions/old_snapshots")))


def _add_references(conn: Connection, shadow: ShadowPartition) -> list[sql.Identifier]:
    """Give the table its foreign keys, so that attaching need not check them; return the tables that they refer to."""
    names = {"parent": shadow.table.name, "partition": shadow.identifier.as_string(conn)}
    keys = conn.execute(statement("shadow_partitions/reference_statements"), names).fetchall()
    referenced = [sql.Identifier(table) for _, _, table in keys]
    with conn.transaction():
        lock_tables(conn, referenced, within=SECONDS_TO_EXCHANGE, mode=sql.SQL("SHARE ROW EXCLUSIVE"))
        for add, _, _ in keys:
            conn.execute(add)
    for _, validate, _ in keys:
        conn.execute(validate)
    return referenced
