"""What a materialization shows: numbers on every month, and the run's summary, tables and charts once.

Dagster copies an asset's metadata into the event of each of its partitions. So what is said of a whole run goes onto
its newest month only, which is also the one that the UI shows first.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import dagster as dg
import psycopg
from dagster import AssetExecutionContext

from myi_pipelines.orchestration.partitions import key_of
from myi_pipelines.warehouse import reporting
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.reporting import MonthTableSize

Metadata = Mapping[str, Any]

ROWS, BYTES, ROWS_OF_MONTH = "dagster/row_count", "dagster/size_bytes", "dagster/partition_row_count"
"""Names that Dagster's UI looks for."""
BYTES_OF_MONTH = "partition_bytes"


def table_size(conn: Connection, table: str, *, stored_in: str | None = None) -> Metadata:
    """Rows and bytes of a table, or of a view whose rows are stored elsewhere."""
    return {ROWS: reporting.row_count(conn, table), BYTES: reporting.table_bytes(conn, stored_in or table)}


def report_months(
    context: AssetExecutionContext,
    table: str,
    size: MonthTableSize,
    *,
    by_month: Mapping[date, Metadata],
    summary: Metadata,
) -> None:
    """Attach each month's size and own metadata to its partition, and the table's and the run's to the newest."""
    newest = max(size.months)
    for month, (rows, size_bytes) in size.months.items():
        metadata = {ROWS_OF_MONTH: rows, **by_month.get(month, {})}
        if size_bytes is not None:
            metadata[BYTES_OF_MONTH] = size_bytes
        if month == newest:
            metadata |= {ROWS: size.rows, BYTES: size.bytes, **summary}
        context.add_asset_metadata(metadata, asset_key=table, partition_key=key_of(month))


def per_second(count: int, seconds: float) -> int:
    """A rate in whole numbers."""
    return round(count / seconds) if seconds > 0 else 0


def markdown_list(lines: Iterable[str]) -> dg.MarkdownMetadataValue:
    """Lines as a Markdown list, with what Markdown would swallow made plain."""
    return dg.MetadataValue.md("\n".join(f"- {_plain(line)}" for line in lines))


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> dg.MarkdownMetadataValue:
    """A small Markdown table; numbers are set with thousands separators."""
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    lines += [f"| {' | '.join(_cell(value) for value in row)} |" for row in rows]
    return dg.MetadataValue.md("\n".join(lines))


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int | float) else _plain(str(value))


def _plain(text: str) -> str:
    for sign in "\\`*_[]<>|":
        text = text.replace(sign, f"\\{sign}")
    return text.replace("\n", " ")


def reason_of(error: psycopg.Error) -> str:
    """Why the server refused something, in its own first line."""
    return error.diag.message_primary or type(error).__name__
