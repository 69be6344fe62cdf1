"""Printing the rows of a query as a table, CSV or JSON."""

import csv
import json
import math
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
    """A list with one object for each row. Of columns with equal names the second is called ``name_2``, and so on."""
    names = _different(columns)
    objects = [dict(zip(names, map(_plain, row), strict=True)) for row in rows]
    json.dump(objects, _stdout(), ensure_ascii=False, indent=2, allow_nan=False)
    sys.stdout.write("\n")


def _stdout() -> "TextIO | _Terminal":
    return _Terminal(sys.stdout) if sys.stdout.isatty() else sys.stdout


class _Terminal:
    """A terminal that is written to line by line, and whose cursor nothing moves."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.write("\n".join(map(printable, text.split("\n"))))


def _different(columns: Sequence[str]) -> list[str]:
    """Names of which no two are equal, and those that only one column has are as they were."""
    names: list[str] = []
    for column in columns:
        name, number = column, 1
        while name in names or (number > 1 and name in columns):
            number += 1
            name = f"{column}_{number}"
        names.append(name)
    return names


def _cell(value: Any) -> str:
    return csv_cell(value) if type(value) is str else _shown(value)  # what the server writes is no formula


def _shown(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return json.dumps(_plain(value), ensure_ascii=False)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _plain(value: Any) -> Any:
    """What JSON has for a value. A number that is none is a text, as PostgreSQL's own JSON has it."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, (float, Decimal)) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
