"""Launches runs as tasks of Celery workers, through the Redis of the settings, as ``deploy/celery/dagster.yaml`` asks.

Needs dagster-celery, which only requirements-celery.lock installs: nothing else imports this module.
"""

from collections.abc import Mapping
from typing import Any, Self

from dagster_celery.launcher import CeleryRunLauncher

from myi_pipelines.orchestration.instance.dagster_internals import ConfigurableClassData
from myi_pipelines.runtime.database_urls import celery_url
from myi_pipelines.runtime.servers import servers_of
from myi_pipelines.settings import load_settings


class SettingsCeleryRunLauncher(CeleryRunLauncher):
    """CeleryRunLauncher whose broker and result backend are the Redis of MYI's settings, password included."""

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        """Raises SettingsError."""
        redis = celery_url(servers_of(load_settings()).redis_url)
        return cls(inst_data=inst_data, **{**config_value, "broker": redis, "backend": redis})
