"""Dagster's instance of these settings, for commands that read it or change it. Importing Dagster takes seconds: this
module imports it only when an instance is opened."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from myi_pipelines.runtime.dagster_home import dagster_environment, prepare_dagster_home
from myi_pipelines.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance


@contextmanager
def local_instance(settings: Settings) -> "Iterator[DagsterInstance]":
    """The instance on the storage of the settings. Its variables stay in this process's environment.

    Raises what ``prepare_dagster_home`` raises.
    """
    prepare_dagster_home(settings)
    os.environ.update(dagster_environment(settings))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Dagster's own, about what is beta in it
        from dagster import DagsterInstance
    with DagsterInstance.get() as instance:
        yield instance
