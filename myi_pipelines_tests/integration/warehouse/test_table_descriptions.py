"""What Dagster shows of the tables is what Postgres has."""

from dataclasses import astuple

from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.schema.tables import tables

SHORT_TYPES = {"timestamp with time zone": "timestamptz"}


def test_columns_are_those_of_the_database(conn: Connection) -> None:
    found: dict[str, list[tuple[str, str, bool, bool, str | None]]] = {}
    for table, *column in conn.execute(
        """
        SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull,
               coalesce(a.attnum = ANY (i.indkey), false), col_description(c.oid, a.attnum)
        FROM pg_class AS c
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN pg_index AS i ON i.indrelid = c.oid AND i.indisprimary
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition
          AND c.relname NOT LIKE '%yoyo%'
        ORDER BY c.relname, a.attnum
        """
    ):
        column[1] = SHORT_TYPES.get(column[1], column[1])
        found.setdefault(table, []).append(tuple(column))
    assert {name: [astuple(column) for column in table.columns] for name, table in tables().items()} == found


def test_comments_are_those_of_the_database(conn: Connection) -> None:
    for name, table in tables().items():
        assert conn.execute("SELECT obj_description(%s::regclass)", [name]).fetchone() == (table.comment or None,)
