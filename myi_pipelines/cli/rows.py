"""Printing the rows of a query as a table, CSV or JSON."""

import csv
import json
import sys
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, TextIO

from myi_pipelines.cli.app import output
from myi_pipelines.text import csv_cell, printable

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
        table.add_column(Text(printable(column)), justify="right" if numbers else "left")
    for row in rows:
        table.add_row(*(Text("–", style="dim") if value is None else Text(printable(_shown(value))) for value in row))
    console = output()
    console.print(table)
    if console.is_terminal:
        console.print(f"({len(rows):,} row{'' if len(rows) == 1 else 's'})", style="dim", highlight=False)


def write_csv(columns: Sequence[str], rows: Rows) -> None:
    """RFC 4180, with a header; no text is a formula to a spreadsheet."""
    writer = csv.writer(_stdout(), lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(["" if value is None else _cell(value) for value in row] for row in rows)


def write_json(columns: Sequence[str], rows: Rows) -> None:
    """A list with one object for each row."""
    objects = [dict(zip(columns, row, strict=True)) for row in rows]
    json.dump(objects, _stdout(), ensure_ascii=False, indent=2, default=_plain)
    sys.stdout.write("\n")


def _stdout() -> "TextIO | _Terminal":
    return _Terminal(sys.stdout) if sys.stdout.isatty() else sys.stdout


class _Terminal:
    """A terminal that is written to line by line, and whose cursor nothing moves."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.write("\n".join(map(printable, text.split("\n"))))


def _cell(value: Any) -> str:
    return csv_cell(value) if isinstance(value, str) else _shown(value)


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
