"""What the warehouse's tables look like, read from the migrations, so that Dagster shows each table as Postgres has it.

Only the text under ``sql/migrations`` is read: the definitions load without a database. A test compares the outcome
with a real one.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

import dagster as dg

from myi_pipelines.warehouse.database import SQL_FOLDER

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
    added: dict[str, list[Column]] = {}
    types: dict[tuple[str, str], str] = {}
    for name, changes in _ALTER_TABLE.findall(text):
        types |= {(name, column): type_ for column, type_ in _RETYPED_COLUMN.findall(changes)}
        added.setdefault(name, []).extend(
            Column(column, type_, "NOT NULL" not in rest, False, comments.get(f"{name}.{column}"))
            for column, type_, rest in _ADDED_COLUMN.findall(changes)
        )
    columns = {
        name: [*_columns(name, body, comments), *added.get(name, ())] for name, body in _CREATE_TABLE.findall(text)
    }
    return {
        name: Table(
            name,
            comments.get(name, ""),
            tuple(column._replace(type=types.get((name, column.name), column.type)) for column in found),
        )
        for name, found in columns.items()
    }


def _columns(table: str, body: str, comments: Mapping[str, str]) -> tuple[Column, ...]:
    key = {name.strip() for names in _TABLE_KEY.findall(body) for name in names.split(",")}
    columns = []
    for name, type_, rest in _COLUMN.findall(body):
        in_key = name in key or "PRIMARY KEY" in rest
        is_nullable = not in_key and "NOT NULL" not in rest
        columns.append(Column(name, type_, is_nullable, in_key, comments.get(f"{table}.{name}")))
    return tuple(columns)
