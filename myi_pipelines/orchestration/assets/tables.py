"""What the warehouse's tables look like, read from the migrations, so that Dagster shows each table as Postgres has it.

Only the text under ``sql/migrations`` is read: the definitions load without a database. A test compares the outcome
with a real one.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

import dagster as dg

from myi_pipelines.warehouse.database.statements import SQL_FOLDER

_CREATE_TABLE = re.compile(r"^CREATE TABLE (\w+) \(\n(.*?)^\)", re.MULTILINE | re.DOTALL)
_COLUMN = re.compile(r"^    ([a-z]\w*)\s+([a-z]\w*(?:\[\])?)(.*(?:\n {8}.*)*)", re.MULTILINE)
_ALTER_TABLE = re.compile(r"^ALTER TABLE (\w+)(.*?);", re.MULTILINE | re.DOTALL)
_ADDED_COLUMN = re.compile(r"ADD COLUMN ([a-z]\w*)\s+([a-z]\w*(?:\[\])?)([^\n]*)")
_RETYPED_COLUMN = re.compile(r"ALTER COLUMN ([a-z]\w*) TYPE ([a-z]\w*(?:\[\])?)")
_TABLE_KEY = re.compile(r"^    PRIMARY KEY \(([^)]*)\)", re.MULTILINE)
_COMMENT = re.compile(r"^COMMENT ON (?:TABLE|COLUMN) ([\w.]+) IS '((?:[^']|'')*)'", re.MULTILINE)


class Column(NamedTuple):
    """A column of a table."""

    name: str
    type: str
    is_nullable: bool
    in_primary_key: bool
    comment: str | None


class Table(NamedTuple):
    """A table of the warehouse."""

    name: str
    comment: str
    columns: tuple[Column, ...]

    @property
    def schema(self) -> dg.TableSchema:
        """The columns as Dagster's UI shows them."""
        return dg.TableSchema(
            columns=[
                dg.TableColumn(
                    name=column.name,
                    type=column.type,
                    description=column.comment,
                    constraints=dg.TableColumnConstraints(
                        nullable=column.is_nullable, other=["primary key"] if column.in_primary_key else []
                    ),
                )
                for column in self.columns
            ]
        )


@cache
def tables() -> Mapping[str, Table]:
    """Every table that the migrations create, by name."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted((SQL_FOLDER / "migrations").glob("*.sql")))
    comments = {target: comment.replace("''", "'") for target, comment in _COMMENT.findall(text)}
    changes: dict[str, str] = {}
    for name, change in _ALTER_TABLE.findall(text):
        changes[name] = f"{changes.get(name, '')}{change}\n"
    found: dict[str, Table] = {}
    for name, body in _CREATE_TABLE.findall(text):
        changed = changes.get(name, "")
        columns = [*_columns(name, body, comments), *_added(name, changed, comments)]
        found[name] = Table(name, comments.get(name, ""), tuple(_altered(column, name, changed) for column in columns))
    return found


def _columns(table: str, body: str, comments: Mapping[str, str]) -> tuple[Column, ...]:
    key = {name.strip() for names in _TABLE_KEY.findall(body) for name in names.split(",")}
    columns = []
    for name, type_, rest in _COLUMN.findall(body):
        in_key = name in key or "PRIMARY KEY" in rest
        is_nullable = not in_key and "NOT NULL" not in rest
        columns.append(Column(name, type_, is_nullable, in_key, comments.get(f"{table}.{name}")))
    return tuple(columns)


def _added(table: str, changes: str, comments: Mapping[str, str]) -> Iterator[Column]:
    """The columns that migrations added to a table."""
    for name, type_, rest in _ADDED_COLUMN.findall(changes):
        yield Column(name, type_, "NOT NULL" not in rest, False, comments.get(f"{table}.{name}"))


def _altered(column: Column, table: str, changes: str) -> Column:
    """A column as migrations left it."""
    types = dict(_RETYPED_COLUMN.findall(changes))
    return column._replace(
        type=types.get(column.name, column.type),
        is_nullable=column.is_nullable or f"ALTER COLUMN {column.name} DROP NOT NULL" in changes,
        in_primary_key=column.in_primary_key and f"DROP CONSTRAINT {table}_pkey" not in changes,
    )
