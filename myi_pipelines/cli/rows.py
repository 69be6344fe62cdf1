"""Printing the rows of a query as a table, CSV or JSON."""

import csv
import json
import sys
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from myi_pipelines.cli.app import output

Rows = Sequence[Sequence[Any]]


def write_table(columns: Sequence[str], rows: Rows) -> None:
    """A table for people."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="dim")
    for index, column in enumerate(columns):
        numbers = any(
            isinstance(row[index], (int, float, Decimal)) and not isinstance(row[index], bool) for row in rows
        )
        table.add_column(Text(column), justify="right" if numbers else "left")
    for row in rows:
        table.add_row(*(Text("–", style="dim") if value is None else Text(_shown(value)) for value in row))
    console = output()
    console.print(table)
    if console.is_terminal:
        console.print(f"({len(rows):,} row{'' if len(rows) == 1 else 's'})", style="dim", highlight=False)


def write_csv(columns: Sequence[str], rows: Rows) -> None:
    """RFC 4180, with a header."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(["" if value is None else _shown(value) for value in row] for row in rows)


def write_json(columns: Sequence[str], rows: Rows) -> None:
    """A list with one object for each row."""
    objects = [dict(zip(columns, row, strict=True)) for row in rows]
    json.dump(objects, sys.stdout, ensure_ascii=False, indent=2, default=_plain)
    sys.stdout.write("\n")


def _shown(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, default=_plain)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
