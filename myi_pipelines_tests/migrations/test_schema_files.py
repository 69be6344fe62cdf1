"""The schema's files say what the migrations make, and the database explains itself."""

import re

from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.schema.tables import tables, tables_in
from myi_pipelines_tests.migrations.schema_files import SCHEMA_JSON, SCHEMA_SQL, schema_json, schema_sql

UNCOMMENTED = """
SELECT kind || ' ' || name
FROM (SELECT 'function' AS kind, proname::text AS name, obj_description(oid, 'pg_proc') AS comment
      FROM pg_proc WHERE pronamespace = 'public'::regnamespace
      UNION ALL
      SELECT 'type', typname::text, obj_description(oid, 'pg_type')
      FROM pg_type WHERE typnamespace = 'public'::regnamespace AND typtype = 'e'
      UNION ALL
      SELECT 'relation', relname::text, obj_description(oid, 'pg_class')
      FROM pg_class
      WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v') AND relname !~ '^_?yoyo'
      UNION ALL
      SELECT 'column', relname || '.' || attname, col_description(c.oid, attnum)
      FROM pg_class AS c JOIN pg_attribute ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped
      WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v') AND relname !~ '^_?yoyo') AS named
WHERE comment IS NULL
ORDER BY 1
"""


def test_the_migrations_make_the_schema_of_schema_sql(database_url: str) -> None:
    assert schema_sql(database_url) == SCHEMA_SQL.read_text(encoding="utf-8"), "run `make schema`"


def test_the_migrations_make_the_tables_of_schema_json(conn: Connection) -> None:
    assert schema_json(tables_in(conn)) == SCHEMA_JSON.read_text(encoding="utf-8"), "run `make schema`"


def test_everything_has_a_comment(conn: Connection) -> None:
    assert conn.execute(UNCOMMENTED.encode()).fetchall() == []


def test_a_table_s_comment_begins_with_its_grain() -> None:
    assert [name for name, table in tables().items() if not re.match(r"One row per \w", table.comment)] == []
