"""A shadow partition: a table that is filled, indexed and checked while people read the partition that it replaces.

The session that builds one holds the catalog's lock. So there is one shadow partition at a time, and a table that
another session finds under that lock is an orphan. The caller decides what is written into the table.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import NamedTuple

from psycopg import sql

from myi_pipelines.warehouse.database.connections import Connection, fetch_row
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
    """A month's table under construction. Its indexes and constraints already have the names of a partition's."""

    table: MonthTable
    month: date

    @property
    def identifier(self) -> sql.Identifier:
        """Its qualified name."""
        return sql.Identifier(SCHEMA, partition_name(self.table.name, self.month))


def create(conn: Connection, shadow: ShadowPartition) -> None:
    """Create the empty table. A constraint admits rows of its month only, so attaching need not check the rows."""
    lower, upper = bounds_of(shadow.month)
    check = sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} CHECK (played_at >= {lower} AND played_at < {upper})").format(
        shadow.identifier, _IN_MONTH, lower=lower, upper=upper
    )
    with conn.transaction():
        conn.execute(create_like(shadow.table, shadow.identifier))
        conn.execute(check)


def finish(conns: Sequence[Connection], shadow: ShadowPartition) -> None:
    """Index the filled table, on several connections at once.

    Call it outside a transaction, when the transactions that filled the table have ended.
    """
    conn = conns[0]
    names = {
        "partition": shadow.identifier,
        "key": sql.Identifier(f"{partition_name(shadow.table.name, shadow.month)}_pkey"),
    }
    key_statements = fetch_row(conn, statement("shadow_partitions/primary_key"), [shadow.table.name])
    create_key, make_key = (sql.SQL(text).format(**names) for text in key_statements)
    _, *others = index_statements(conn, shadow.table)

    def build(conn: Connection, create: sql.Composed) -> None:
        with conn.transaction():
            # The other connections work, too, so for a smaller table parallel workers cost more time than they save.
            conn.execute("SET LOCAL min_parallel_table_scan_size = '64MB'")
            conn.execute(create)

    for _ in map_on_connections(conns, [*(index.format(**names) for index in others), create_key], build):
        pass
    conn.execute(make_key)


@contextmanager
def exchange_partition(conn: Connection, shadow: ShadowPartition) -> Iterator[None]:
    """Replace the month's partition by the finished table, in one transaction with the block.

    Readers wait from the moment the locks are taken until the block ends, so keep the block short. Enter it outside a
    transaction, when the transaction that built the table has ended.
    Raises TablesInUse when other sessions leave no gap, and ``psycopg.errors.ForeignKeyViolation`` when a user or a
    track that a row refers to was deleted in the meantime.
    """
    _wait_for_old_readers(conn)
    referenced = _add_references(conn, shadow)
    with conn.transaction():
        parent, partition = sql.Identifier(shadow.table.name), shadow.table.partition(shadow.month)
        has_partition = shadow.month in existing_months(conn, shadow.table)
        lock_tables(conn, [parent, *([partition] if has_partition else []), *referenced], within=SECONDS_TO_EXCHANGE)
        if has_partition:
            conn.execute(sql.SQL("ALTER TABLE {} DETACH PARTITION {}").format(parent, partition))
            conn.execute(sql.SQL("DROP TABLE {}").format(partition))
        conn.execute(sql.SQL("ALTER TABLE {} SET SCHEMA public").format(shadow.identifier))
        conn.execute(attachment(shadow.table, shadow.month))
        conn.execute(sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(partition, _IN_MONTH))
        yield


def orphans(conn: Connection) -> list[str]:
    """Names of all shadow partitions. They are orphans if the caller holds the catalog's lock and builds none."""
    return [name for (name,) in conn.execute(statement("shadow_partitions/list"))]


def drop_orphans(conn: Connection) -> bool:
    """Drop orphaned shadow partitions. False when one stays because other sessions leave no gap.

    Call it under the catalog's lock, and outside a transaction or in one that has locked no table yet: to drop a table,
    the locks of the tables that it refers to are needed, too.
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
    """Wait for sessions whose snapshot is older than the table: in such a snapshot its rows do not exist."""
    old = set(conn.execute(statement("shadow_partitions/old_snapshots")))
    deadline = time.monotonic() + SECONDS_FOR_OLD_READERS
    while old:
        if time.monotonic() > deadline:
            raise TablesInUse(f"{len(old)} sessions have been reading for too long")
        time.sleep(0.01)
        old &= set(conn.execute(statement("shadow_partitions/old_snapshots")))


def _add_references(conn: Connection, shadow: ShadowPartition) -> list[sql.Identifier]:
    """Add the foreign keys, so that attaching need not check them; return the tables that they refer to."""
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
