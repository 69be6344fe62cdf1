"""Writes ``sql/schema.sql`` and ``sql/schema.json`` from a database that the migrations made: ``make schema``.

Both describe the schema as it is now, the first for people, the second for the package, which reads it without a
database. Tests compare both with what the migrations make.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import psycopg

from myi_pipelines.operations.postgres_programs import find_program, run_program
from myi_pipelines.runtime import embedded
from myi_pipelines.warehouse.database.connections import connect
from myi_pipelines.warehouse.database.statements import SQL_FOLDER
from myi_pipelines.warehouse.schema.migrations import migrate
from myi_pipelines.warehouse.schema.tables import Table, tables_in

SCHEMA_SQL = SQL_FOLDER / "schema.sql"
SCHEMA_JSON = SQL_FOLDER / "schema.json"

HEADER = """\
-- The schema of the warehouse as it is now. `make schema` writes this file from a database that the migrations in
-- sql/migrations made: do not edit it, add a migration.
"""
LEFT_OUT = ("*yoyo*", "*_y[0-9][0-9][0-9][0-9]m[0-9][0-9]")
"""Tables, as patterns: yoyo's own, and month partitions."""
NOISE = re.compile(r"(--.*|SET .*;|SELECT pg_catalog\.set_config\(.*;|\\(un)?restrict .*)\n")
"""Lines of pg_dump that say nothing of the schema, or that differ from run to run."""


def schema_sql(url: str) -> str:
    """A database's schema as pg_dump prints it, without what differs between servers, owners and runs."""
    with connect(url) as conn:
        program = find_program("pg_dump", conn.info.server_version)
    excluded = [f"--exclude-table={pattern}" for pattern in LEFT_OUT]
    printed = run_program(program, ["--schema-only", "--no-owner", "--no-privileges", *excluded], url)
    statements = "".join(line for line in printed.splitlines(keepends=True) if not NOISE.fullmatch(line))
    return "\n".join([HEADER, re.sub(r"\n{3,}", "\n\n", statements).strip(), ""])


def schema_json(tables: Iterable[Table]) -> str:
    """Tables as JSON, one column a line."""
    described = []
    for table in tables:
        columns = ",\n".join(f"      {json.dumps(asdict(column))}" for column in table.columns)
        about = f'    "name": {json.dumps(table.name)},\n    "comment": {json.dumps(table.comment)}'
        described.append(f'  {{\n{about},\n    "columns": [\n{columns}\n    ]\n  }}')
    return "[\n{}\n]\n".format(",\n".join(described))


def main() -> None:
    """Write both files."""
    with tempfile.TemporaryDirectory() as folder, embedded.throwaway(Path(folder)) as servers:
        with psycopg.connect(servers.postgres.url("postgres"), autocommit=True) as admin:
            admin.execute("CREATE DATABASE migrated")
        url = servers.postgres.url("migrated")
        migrate(url)
        SCHEMA_SQL.write_text(schema_sql(url), encoding="utf-8")
        with connect(url) as conn:
            SCHEMA_JSON.write_text(schema_json(tables_in(conn)), encoding="utf-8")


if __name__ == "__main__":
    main()
