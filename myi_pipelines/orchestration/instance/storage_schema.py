"""Brings Dagster's own tables to the schema of the installed version. What is in them is Dagster's business."""

import os
import warnings
from typing import TYPE_CHECKING

import psycopg

from myi_pipelines.orchestration.names import POOLS
from myi_pipelines.runtime.dagster_home import dagster_environment, prepare_dagster_home
from myi_pipelines.runtime.servers import servers_of
from myi_pipelines.settings import Settings
from myi_pipelines.warehouse.database.locks import Lock, exclusive, holding

if TYPE_CHECKING:
    from dagster import DagsterInstance


def migrate_dagster(settings: Settings) -> None:
    """Make DAGSTER_HOME, and make or upgrade Dagster's tables.

    Safe at any time and from several processes at once: an advisory lock lets one of them work while the others wait.
    Raises what ``prepare_dagster_home`` raises.
    """
    prepare_dagster_home(settings)
    os.environ.update(dagster_environment(settings))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Dagster's own, about what is beta in it
        from dagster import DagsterInstance
    with (
        psycopg.connect(servers_of(settings).dagster_url, autocommit=True, application_name="myi migrate") as conn,
        holding(conn, exclusive(Lock.MIGRATE_DAGSTER)),
        DagsterInstance.get() as instance,
    ):
        instance.upgrade()
        instance.reindex()
        _limit_pools(instance)


def _limit_pools(instance: "DagsterInstance") -> None:
    """Limit the pools that nobody has limited: where the instance is not configured by our ``dagster.yaml``, as by the
    Helm chart, Dagster knows no default limit and lets any number of runs into them."""
    limited = {pool.name for pool in instance.event_log_storage.get_pool_limits() if not pool.from_default}
    for name in POOLS:
        if name not in limited:
            instance.event_log_storage.set_concurrency_slots(name, 1)
