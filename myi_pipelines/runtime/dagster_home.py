"""DAGSTER_HOME below MYI_HOME and the environment of every process that Dagster runs in. Imports no Dagster."""

import psycopg
from psycopg import sql

from myi_pipelines.errors import ConfigurationError
from myi_pipelines.runtime.database_urls import with_schema
from myi_pipelines.runtime.servers import DAGSTER_SCHEMA, servers_of
from myi_pipelines.settings import PREFIX, Settings, SettingsError


class HomeNotWritable(ConfigurationError):
    """MYI_HOME cannot be used."""


def dagster_environment(settings: Settings) -> dict[str, str]:
    """The variables that make a ``dagster`` process ours: its home, its storage, every setting of MYI spelled out."""
    servers = servers_of(settings)
    return settings.as_environment() | {
        "DAGSTER_HOME": str(settings.dagster_home),
        "MYI_DATABASE_URL": servers.database_url,
        "MYI_DAGSTER_DATABASE_URL": servers.dagster_url,
        "MYI_REDIS_URL": servers.redis_url,
    }


def prepare_dagster_home(settings: Settings) -> None:
    """Make DAGSTER_HOME, and the schema of Dagster's tables where they share a database with the warehouse's.

    The instance's configuration is a link to the file of MYI_DAGSTER_YAML, so that the two cannot differ.
    Raises SettingsError when that file is missing, HomeNotWritable, and ``psycopg.OperationalError`` when the user's
    own database cannot be reached.
    """
    target, link = settings.dagster_yaml, settings.dagster_home / "dagster.yaml"
    if not target.is_file():  # Dagster would silently keep its tables in SQLite.
        raise SettingsError(f'{PREFIX}DAGSTER_YAML="{target}": expected a file')
    try:
        settings.dagster_home.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not link.is_symlink() or link.readlink() != target:
            link.unlink(missing_ok=True)
            link.symlink_to(target)
    except FileExistsError:  # Another process made the same link.
        pass
    except OSError as error:
        raise HomeNotWritable(f"{error.filename}: {error.strerror}; set MYI_HOME to a folder of your own") from None
    servers = servers_of(settings)
    if servers.dagster_url == with_schema(servers.database_url, DAGSTER_SCHEMA):
        _create_schema(servers.database_url)


def _create_schema(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        there = conn.execute("SELECT FROM pg_namespace WHERE nspname = %s", [DAGSTER_SCHEMA]).fetchone()
        if there is None:
            conn.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(DAGSTER_SCHEMA)))
