"""``myi services``, ``myi migrate``, ``myi url`` and ``myi env``: the servers, their schemas, and where other programs
find them."""

import shlex
from typing import Annotated, Literal

import typer

from myi_pipelines.cli.app import app, complain, output, read_settings, ready_servers, warehouse_connection

services = typer.Typer(
    help="The embedded PostgreSQL and Redis: start, stop, look. Servers of your own (MYI_DATABASE_URL, MYI_REDIS_URL) "
    "are never started or stopped.",
    no_args_is_help=True,
)
app.add_typer(services, name="services", rich_help_panel="Servers")


@services.command()
def start() -> None:
    """Start the embedded servers that do not run yet, and leave them running."""
    from myi_pipelines.runtime.servers import start_servers

    settings = read_settings()
    started = start_servers(settings)
    _show(f"started {' and '.join(started)}" if started else "nothing to start")
    status()


@services.command()
def stop(
    force: Annotated[bool, typer.Option("--force", help="Also while `myi up` needs them.")] = False,
) -> None:
    """Stop the embedded servers. Their data stays."""
    from myi_pipelines.runtime.servers import stop_servers
    from myi_pipelines.runtime.stack_state import owner_of

    settings = read_settings()
    owner = owner_of(settings)
    if owner is not None and not force:
        complain(f"`myi up` is running (pid {owner}) and needs the servers: stop it first, or use --force")
        raise typer.Exit(1)
    stopped = stop_servers(settings)
    _show(f"stopped {' and '.join(stopped)}" if stopped else "nothing was running")


@services.command()
def status() -> None:
    """Show each server: whether it runs, its version, and its URL."""
    from rich.table import Table

    from myi_pipelines.operations.monitoring.probes import probe_postgres, probe_redis
    from myi_pipelines.runtime.database_urls import without_password
    from myi_pipelines.runtime.servers import POSTGRES, REDIS, embedded_servers, servers_of

    settings = read_settings()
    urls = servers_of(settings)
    embedded = embedded_servers(settings)
    table = Table("server", "kind", "state", "version", "url", box=None, pad_edge=False, header_style="dim")
    for name, url, probe in (
        (POSTGRES, urls.database_url, probe_postgres),
        (REDIS, urls.redis_url, probe_redis),
    ):
        found = probe(url)
        server = embedded.get(name)
        pid = f" (pid {server.pid()})" if server and found.running else ""
        state = (
            f"[green]running[/green]{pid}"
            if found.running
            else "[dim]stopped[/dim]"
            if server
            else "[red]no answer[/red]"
        )
        table.add_row(name, "embedded" if server else "your own", state, found.version, without_password(url))
    output().print(table)


@app.command(rich_help_panel="Servers")
def migrate() -> None:
    """Bring the warehouse's tables, and Dagster's own, to the schema of this version. Safe at any time, and twice.

    `myi up` does it by itself. A deployment runs it once before it starts the rest, as docker-compose.yml does.
    """
    from myi_pipelines.orchestration.instance.storage_schema import migrate_dagster
    from myi_pipelines.runtime.servers import servers_of
    from myi_pipelines.warehouse.schema.migrations import migrate as migrate_warehouse

    settings = read_settings()
    ready_servers(settings, redis=False)
    url = servers_of(settings).database_url
    applied = migrate_warehouse(url)
    _show(f"warehouse: {len(applied)} migrations applied" if applied else "warehouse: every migration is applied")
    migrate_dagster(settings)
    _show("Dagster: current")


@app.command(rich_help_panel="Servers")
def url(
    admin: Annotated[bool, typer.Option("--admin", help="The owner's, which may change everything.")] = False,
    only: Annotated[
        Literal["host", "port", "dbname", "user", "password"] | None,
        typer.Option(help="Print one part of it, for a form or a file."),
    ] = None,
) -> None:
    """Print the warehouse's libpq URL, for psql or a BI tool, and see that its server runs.

    It is that of a login which may read the tables and do nothing else.

    Examples:

      psql "$(myi url)"

      pg_dump "$(myi url --admin)" --file warehouse.sql

      myi url --only password
    """
    from psycopg import conninfo

    from myi_pipelines.runtime.reader import reader_url
    from myi_pipelines.runtime.servers import servers_of

    settings = read_settings()
    if admin:
        ready_servers(settings, redis=False)
        found = servers_of(settings).database_url
    else:
        with warehouse_connection(settings) as conn:
            found = reader_url(settings, conn)
    typer.echo(conninfo.conninfo_to_dict(found).get(only) or "" if only else found)


@app.command(rich_help_panel="Servers")
def env() -> None:
    """Print the variables that make Dagster's own commands work here, for a shell's eval.

    Examples:

      eval "$(myi env)" && dagster asset materialize --select '*' --module-name myi_pipelines.definitions

      eval "$(myi env)" && dagster dev
    """
    from myi_pipelines.runtime.dagster_home import dagster_environment, prepare_dagster_home

    settings = read_settings()
    ready_servers(settings, redis=True)
    with warehouse_connection(settings):
        prepare_dagster_home(settings)
    for name, value in sorted(dagster_environment(settings).items()):
        typer.echo(f"export {name}={shlex.quote(value)}")


def _show(line: str) -> None:
    output().print(line, highlight=False)
