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

from myi_pipelines.orchestration.partitions import key_of, months_of

Metadata = Mapping[str, Any]


def report_months(
    context: AssetExecutionContext, asset: str, *, by_month: Mapping[date, Metadata], summary: Metadata
) -> None:
    """Attach each month's own metadata to its partition and the run's summary to the newest."""
    months = months_of(context)
    said = {month: dict(by_month.get(month, {})) for month in months}
    said[months[-1]].update(summary)
    for month, metadata in said.items():
        if metadata:
            context.add_asset_metadata(metadata, asset_key=asset, partition_key=key_of(month))


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
