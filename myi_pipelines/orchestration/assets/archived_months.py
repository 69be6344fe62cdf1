"""The archive as an asset: months past the retention are written to Parquet files and verified, then dropped."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg
from dagster import AssetExecutionContext
from pydantic import Field

from myi_pipelines.orchestration.assets.metadata import markdown_table, table_size
from myi_pipelines.orchestration.assets.specs import OPERATIONS, data_version, table_spec
from myi_pipelines.orchestration.names import ARCHIVE_POOL
from myi_pipelines.orchestration.resources.archive_store import Archive
from myi_pipelines.orchestration.resources.warehouse import Warehouse
from myi_pipelines.warehouse.archive import first_kept_month

LEFT = "months_could_leave"
LINES_SHOWN = 12

ARCHIVED_MONTHS_SPEC = table_spec(
    "archived_months",
    group=OPERATIONS,
    deps=["imported_plays", "polled_plays", "listening_events"],
    kind="parquet",
    about=(
        "Plays and events of months past `MYI_RETENTION_MONTHS` go to `MYI_ARCHIVE_URL`: one folder a month, checksums "
        "in its manifest, compared with the tables row for row before those are dropped. Statistics stay. "
        "Materializing `listening_events` of an archived month brings it back as it was; so does whatever changes it."
    ),
)


class ArchiveConfig(dg.Config):
    """Which months are archived."""

    keep_months: int | None = Field(
        default=None, ge=1, description="Whole months before the current one that stay; the settings' own when empty."
    )


@dg.multi_asset(
    name="archived_months",
    pool=ARCHIVE_POOL,
    specs=[ARCHIVED_MONTHS_SPEC],
    check_specs=[
        dg.AssetCheckSpec(
            LEFT,
            asset="archived_months",
            description="Every month past the retention that the run tried was archived and verified.",
        )
    ],
)
def archived_months(
    context: AssetExecutionContext, config: ArchiveConfig, warehouse: Warehouse, archive: Archive
) -> Iterator[dg.MaterializeResult[None]]:
    from myi_pipelines.operations.archiving import archive_months

    began = time.monotonic()
    keep = archive.retention_months if config.keep_months is None else config.keep_months
    results = []
    with warehouse.connection() as conn:
        if keep:
            now = datetime.now(UTC)
            for one in archive_months(conn, archive.store(), before=first_kept_month(now, keep), now=now):
                context.log.info(f"{one.month:%Y-%m}: {one.error or f'{one.rows:,} rows in {one.bytes:,} bytes'}")
                results.append(one)
        else:
            context.log.info("MYI_RETENTION_MONTHS is 0: everything stays")
        size = table_size(conn, "archived_months")
    problems = [one for one in results if one.error is not None]
    lines = [
        (f"{one.month:%Y-%m}", one.rows, one.bytes, one.error or "") for one in [*problems, *results][:LINES_SHOWN]
    ]
    yield dg.MaterializeResult(
        data_version=data_version(OPERATIONS),
        asset_key="archived_months",
        metadata={
            **size,
            "run_months": len(results) - len(problems),
            "run_failed_months": len(problems),
            "run_rows": sum(one.rows for one in results),
            "run_bytes": sum(one.bytes for one in results),
            "run_seconds": round(time.monotonic() - began, 2),
            **({"months": markdown_table(("month", "rows", "bytes", "problem"), lines)} if lines else {}),
        },
        check_results=[
            dg.AssetCheckResult(
                check_name=LEFT,
                passed=not problems,
                severity=dg.AssetCheckSeverity.WARN,
                description="; ".join(one.error or "" for one in problems[:3])
                or "Every month that was due was archived.",
                metadata={"failed_months": len(problems)},
            )
        ],
    )
