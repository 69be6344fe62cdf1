"""Brings Dagster's own tables to the schema of the installed version. What is in them is Dagster's business."""

import os
import warnings

import psycopg

from myi_pipelines.runtime.dagster_home import dagster_environment, prepare_dagster_home
from myi_pipelines.runtime.servers import servers_of
from myi_pipelines.settings import Settings
from myi_pipelines.warehouse.database.locks import Lock, exclusive, holding


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
