"""Sharding by user stays a migration: which keys prevent it, and the statements of docs/operations/scale.md."""

import re
from pathlib import Path

from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.schema.keeper import KEPT_TABLES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "operations" / "scale.md"
WITHOUT_LISTENER = """
SELECT index.relname::text
FROM pg_index
JOIN pg_class AS index ON index.oid = indexrelid
JOIN pg_class AS owner ON owner.oid = indrelid AND NOT owner.relispartition
JOIN pg_attribute AS listener ON listener.attrelid = owner.oid AND listener.attname = 'user_id'
WHERE indisunique AND owner.relnamespace = 'public'::regnamespace AND listener.attnum <> ALL (indkey::int2[])
  AND owner.relname <> ALL (%s)
ORDER BY 1
"""


def without_listener(conn: Connection) -> list[str]:
    """Unique keys of tables that would be distributed. Those of the pages' sign-in are reference tables."""
    return [name for (name,) in conn.execute(WITHOUT_LISTENER, [list(KEPT_TABLES)])]


def test_every_unique_key_of_a_listeners_table_holds_the_listener_but_for_those_that_the_docs_name(
    conn: Connection,
) -> None:
    assert without_listener(conn) == ["import_jobs_pkey", "listening_events_pkey"]


def test_the_migration_of_the_docs_lets_a_month_be_made_of_parts_by_listener(conn: Connection) -> None:
    conn.execute(
        "CREATE TABLE listening_events_y2030m12 PARTITION OF listening_events"
        " FOR VALUES FROM ('2030-12-01 00:00+00') TO ('2031-01-01 00:00+00')"
    )
    page = PAGE.read_text(encoding="utf-8")
    for block in re.findall(r"```sql\n(.*?)```", page, re.DOTALL):
        conn.execute(block.encode())
    [import_jobs] = re.findall(r"`(ALTER TABLE import_jobs .*?)`", page)
    conn.execute(import_jobs.encode())
    assert without_listener(conn) == []
    conn.execute("INSERT INTO users (name) SELECT 'listener ' || n FROM generate_series(1, 40) AS n")
    conn.execute("INSERT INTO tracks (spotify_id) VALUES ('a track')")
    conn.execute("""
        INSERT INTO listening_events (user_id, track_id, played_at, ms_played, source, is_estimated, is_skip)
        SELECT users.id, tracks.id, instant, 60000, 'IMPORT', false, false
        FROM users
        CROSS JOIN tracks
        CROSS JOIN unnest(ARRAY[timestamptz '2030-12-31 23:00Z', '2031-01-01 01:00Z']) AS instant
    """)
    counts = conn.execute(
        "SELECT tableoid::regclass::text, count(*) FROM listening_events GROUP BY 1 ORDER BY 1"
    ).fetchall()
    whole, *parts = counts
    assert whole == ("listening_events_y2030m12", 40)
    assert [name for name, _ in parts] == ["listening_events_y2031m01_h0", "listening_events_y2031m01_h1"]
    assert sum(rows for _, rows in parts) == 40
