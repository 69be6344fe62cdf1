"""How every asset of the warehouse is described: its key is its table's name, its columns are the table's."""

import hashlib
from collections.abc import Iterable
from functools import cache

import dagster as dg

from myi_pipelines.orchestration.names import CATALOG as CATALOG
from myi_pipelines.orchestration.names import EVENTS as EVENTS
from myi_pipelines.orchestration.names import LANDING as LANDING
from myi_pipelines.orchestration.names import OPERATIONS as OPERATIONS
from myi_pipelines.orchestration.names import SNAPSHOTS as SNAPSHOTS
from myi_pipelines.orchestration.names import STATS as STATS
from myi_pipelines.orchestration.partitions import MONTHS
from myi_pipelines.warehouse.database.statements import SQL_FOLDER
from myi_pipelines.warehouse.partitions import MONTH_TABLES
from myi_pipelines.warehouse.schema.tables import Table, tables
from myi_pipelines.warehouse.stats import TRACK_MONTHS

OWNERS = ["team:myi"]

LAYERS = {LANDING: "bronze", CATALOG: "silver", EVENTS: "silver", STATS: "gold", SNAPSHOTS: "gold"}
"""Kinds that Dagster's UI draws, by group."""
_SQL = {
    LANDING: ("landing",),
    CATALOG: ("catalog", "songs"),
    EVENTS: ("corrections", "events", "episode_events", "plain_months"),
    STATS: ("stats",),
    SNAPSHOTS: ("top_list_history",),
    OPERATIONS: ("archive", "partition_maintenance"),
}
"""The folders of ``sql/`` with the statements that make a group's tables."""
_PARTITIONED = frozenset((*(table.name for table in MONTH_TABLES), TRACK_MONTHS))


def table_spec(
    table: str,
    *,
    group: str,
    about: str,
    deps: Iterable[str | dg.AssetSpec] = (),
    kind: str = "table",
    freshness: dg.FreshnessPolicy | None = None,
) -> dg.AssetSpec:
    """The spec of a table's asset: partitioned by month where its rows are of one. ``about`` is Markdown that follows
    the table's own comment."""
    described = tables()[table]
    return dg.AssetSpec(
        key=table,
        group_name=group,
        description=f"{described.comment}\n\n{about}",
        deps=list(deps),
        kinds=kinds_of(group, kind),
        owners=OWNERS,
        code_version=code_version(group),
        freshness_policy=freshness,
        partitions_def=MONTHS if table in _PARTITIONED else None,
        metadata={
            "dagster/table_name": f"public.{table}",
            "dagster/column_schema": column_schema(described),
        },
    )


def kinds_of(group: str, kind: str = "table") -> set[str]:
    """What the asset of a table, view or other thing in PostgreSQL is, in Dagster's words."""
    return {"postgres", kind, *({LAYERS[group]} if group in LAYERS else ())}


@cache
def code_version(group: str) -> str:
    """Changes with any of the statements that make a group's tables: what was made before shows as to be made again."""
    digest = hashlib.sha256()
    for folder in _SQL[group]:
        for file in sorted((SQL_FOLDER / folder).iterdir(), key=lambda file: file.name):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def data_version(group: str) -> dg.DataVersion:
    """Of a group's tables: the version of the code that made them, so that a new play makes nothing that derives from
    them "Unsynced". What plays change is derived in the same run, or is in ``invalidated_user_months``."""
    return dg.DataVersion(code_version(group))


def column_schema(table: Table) -> dg.TableSchema:
    """A table's columns as Dagster's UI shows them."""
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
            for column in table.columns
        ]
    )
