"""How every asset of the warehouse is described: its key is its table's name, its columns are the table's."""

from collections.abc import Iterable

import dagster as dg

from myi_pipelines.orchestration.partitions import MONTHS
from myi_pipelines.warehouse.schema.tables import Table, tables

OWNERS = ["team:myi"]

LANDING = "landing"
CATALOG = "catalog"
EVENTS = "events"
STATS = "stats"
SNAPSHOTS = "snapshots"
OPERATIONS = "operations"


def table_spec(
    table: str,
    *,
    group: str,
    about: str,
    deps: Iterable[str | dg.AssetSpec] = (),
    kinds: Iterable[str] = ("postgres", "sql"),
    is_partitioned: bool = True,
) -> dg.AssetSpec:
    """The spec of a table's asset. ``about`` is Markdown that follows the table's own comment."""
    described = tables()[table]
    return dg.AssetSpec(
        key=table,
        group_name=group,
        description=f"{described.comment}\n\n{about}",
        deps=list(deps),
        kinds=set(kinds),
        owners=OWNERS,
        partitions_def=MONTHS if is_partitioned else None,
        metadata={
            "dagster/table_name": f"public.{table}",
            "dagster/column_schema": column_schema(described),
        },
    )


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
