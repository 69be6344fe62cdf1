"""Which rows belong to which user: every table with rows of users, found in the database's own catalog; a user's rows
counted, read for an export, and deleted. Files, in uploads, exports or the archive, are for the modules above."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from psycopg import sql

from myi_pipelines.warehouse import shadow_partitions
from myi_pipelines.warehouse.database.connections import Connection, fetch_scalar
from myi_pipelines.warehouse.database.locks import Lock, acquire, exclusive, shared
from myi_pipelines.warehouse.database.statements import statement
from myi_pipelines.warehouse.partitions import MONTH_TABLES, ensure_partitions_visible

CATALOG = ("tracks", "track_artists", "track_aliases", "songs", "artists", "albums", "export_tracks", "play_contexts")
"""The tables that rows of a user refer to."""

OF_AN_EMPTY_USER = {"users", "user_settings", "user_versions", "import_jobs"}
"""The tables that a user has rows in without any play, of imports those that failed."""

ROWS_AT_ONCE = 20_000


class PersonalTable(NamedTuple):
    """A table with rows of users, and the column that says to which user each belongs."""

    schema: str
    name: str
    owner: str
    is_keyed: bool
    """A foreign key to ``users`` guarantees that each row has an owner."""

    @property
    def identifier(self) -> sql.Identifier:
        """The table's qualified name."""
        return sql.Identifier(self.schema, self.name)

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.is_shadow else self.name

    @property
    def is_shadow(self) -> bool:
        """A month under construction, whose rows its partition has too."""
        return self.schema == shadow_partitions.SCHEMA


class ExportedRows(NamedTuple):
    """The result of one query of an export, batch by batch."""

    columns: list[str]
    types: list[int]
    """Of each column, the type's number in the database."""
    batches: Iterator[list[tuple[Any, ...]]]


def personal_tables(conn: Connection) -> list[PersonalTable]:
    """Every table with rows of users, ``users`` first."""
    schema = str(fetch_scalar(conn, "SELECT current_schema()"))
    found = [PersonalTable(*table) for table in conn.execute(statement("personal_data/tables"))]
    return [PersonalTable(schema, "users", "id", True), *found]


def count_rows(conn: Connection, user_id: int) -> dict[str, int]:
    """How many rows of a user each table holds, also where it is none."""
    counts: dict[str, int] = {}
    for table in personal_tables(conn):
        query = sql.SQL("SELECT count(*) FROM {} WHERE {} = %s").format(table.identifier, sql.Identifier(table.owner))
        counts[str(table)] = counts.get(str(table), 0) + int(fetch_scalar(conn, query, [user_id]))
    return counts


def rows_without_owner(conn: Connection) -> list[tuple[str, int, int]]:
    """Rows of users who do not exist: the table, the user's id and how many."""
    found = []
    for table in personal_tables(conn):
        if not table.is_keyed:
            owner = sql.Identifier(table.owner)
            query = statement("personal_data/rows_without_owner").format(table=table.identifier, owner=owner)
            found += [(str(table), int(user_id), int(rows)) for user_id, rows in conn.execute(query)]
    return found


def forget_user(conn: Connection, user_id: int) -> tuple[dict[str, int], dict[str, int]]:
    """Delete every row of a user in one transaction; return how many each table held before and holds after it.

    The catalog stays: names of tracks belong to no user. Waits for sessions that write this user's rows.
    """
    with conn.transaction():
        acquire(conn, exclusive(Lock.CATALOG))  # no session builds a shadow partition with this user's rows in it
        acquire(conn, shared(Lock.ARCHIVE))
        acquire(conn, exclusive(Lock.USER, user_id))
        for month_table in MONTH_TABLES:
            ensure_partitions_visible(conn, month_table)
        before = count_rows(conn, user_id)
        conn.execute("DELETE FROM users WHERE id = %s", [user_id])
        conn.execute(statement("users/settle_shared_names"))
        for table in personal_tables(conn):  # those without a foreign key
            query = sql.SQL("DELETE FROM {} WHERE {} = %s").format(table.identifier, sql.Identifier(table.owner))
            conn.execute(query, [user_id])
    return before, count_rows(conn, user_id)


def remove_if_empty(conn: Connection, user_id: int) -> bool:
    """Delete a user of whom there is nothing but settings and failed imports; return whether the user was one."""
    with conn.transaction():
        conn.execute("SELECT FROM users WHERE id = %s FOR UPDATE", [user_id])  # no row that refers to it can come now
        for month_table in MONTH_TABLES:
            ensure_partitions_visible(conn, month_table)
        others = {table for table, rows in count_rows(conn, user_id).items() if rows} - OF_AN_EMPTY_USER
        if others or fetch_scalar(conn, statement("personal_data/has_other_jobs"), [user_id]):
            return False
        conn.execute("DELETE FROM users WHERE id = %s", [user_id])
    return True


def begin_export(conn: Connection, user_id: int, archived: Iterable[tuple[str, Iterable[tuple[Any, ...]]]]) -> None:
    """Prepare to read all rows of a user as they are at one instant. Part of the caller's transaction, which must be a
    ``snapshot``; ``prepare_export`` was called before that transaction.

    ``archived`` yields tables with the user's rows in the archive, in the order of the table's columns.
    """
    for table, rows in archived:
        with conn.cursor() as cursor:
            target = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(f"returning_{table}"))
            with cursor.copy(target) as copy:
                for row in rows:
                    copy.write_row(row)
    for name in ("referenced_tracks", "referenced_artists"):
        conn.execute(statement(f"personal_data/{name}"), {"user_id": user_id})


def prepare_export(conn: Connection) -> None:
    """Create the empty temporary tables that ``begin_export`` fills; called before its transaction."""
    conn.execute(statement("archive/workspace"))
    conn.execute(statement("personal_data/workspace"))


def read_table(conn: Connection, table: PersonalTable, user_id: int) -> ExportedRows:
    """A user's rows of a table, those in the archive too; without the encrypted columns."""
    found = conn.execute(statement("personal_data/columns"), [table.identifier.as_string(conn)])
    columns = sql.SQL(", ").join(sql.Identifier(name) for (name,) in found)
    query = sql.SQL("SELECT {} FROM {} WHERE {} = %(user_id)s").format(
        columns, table.identifier, sql.Identifier(table.owner)
    )
    if not table.is_shadow and table.name in {archived.name for archived in MONTH_TABLES}:
        query += sql.SQL(" UNION ALL SELECT {} FROM {}").format(columns, sql.Identifier(f"returning_{table.name}"))
    return _read(conn, query, {"user_id": user_id})


def read_plays(conn: Connection, user_id: int) -> ExportedRows:
    """A user's plays with names, oldest first."""
    return _read(conn, statement("personal_data/plays"), {"user_id": user_id})


def read_listens(conn: Connection, user_id: int) -> ExportedRows:
    """A user's plays as other services know plays, in the order in which they began."""
    return _read(conn, statement("personal_data/listens"), {"user_id": user_id})


def read_history(conn: Connection, user_id: int) -> ExportedRows:
    """A user's plays as they landed, from every source, with names and how they were heard, oldest first."""
    return _read(conn, statement("personal_data/history"), {"user_id": user_id})


def read_episodes(conn: Connection, user_id: int) -> ExportedRows:
    """A user's plays that are not music, with names, oldest first."""
    return _read(conn, statement("personal_data/episodes"), {"user_id": user_id})


def read_catalog(conn: Connection, table: str, user_id: int) -> ExportedRows:
    """The rows of a table of ``CATALOG`` that a user's rows refer to."""
    return _read(conn, statement(f"personal_data/catalog_{table}"), {"user_id": user_id})


def _read(conn: Connection, query: sql.SQL | sql.Composed, parameters: Mapping[str, Any]) -> ExportedRows:
    cursor = conn.cursor(name="personal_export")
    cursor.execute(query, parameters)
    assert cursor.description is not None

    def batches() -> Iterator[list[tuple[Any, ...]]]:
        with cursor:
            while rows := cursor.fetchmany(ROWS_AT_ONCE):
                yield rows

    return ExportedRows(
        [column.name for column in cursor.description], [column.type_code for column in cursor.description], batches()
    )
