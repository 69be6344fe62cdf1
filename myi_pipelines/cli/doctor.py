"""``myi doctor``: everything that a run needs, checked one by one, each failure with what to do."""

import os
import platform
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import typer
from rich.markup import escape

from myi_pipelines.cli.app import app, message_for_user, output
from myi_pipelines.text import shortened

if TYPE_CHECKING:
    from myi_pipelines.settings import Settings


class Check(NamedTuple):
    """One line of the doctor's report."""

    name: str
    good: bool
    found: str
    remedy: str = ""


@app.command(rich_help_panel="Servers")
def doctor() -> None:
    """Check everything that a run needs, starting the embedded servers if need be. Exit code 1: something is wrong."""
    console = output()
    failed = 0
    for check in _checks():
        mark = "[green]✓[/green]" if check.good else "[red]✗[/red]"
        remedy = f"  [bold]→ {escape(check.remedy)}[/bold]" if check.remedy else ""
        console.print(f"{mark} {check.name:<12} {escape(check.found)}{remedy}", highlight=False, soft_wrap=True)
        failed += not check.good
    if failed:
        raise typer.Exit(1)


def _checks() -> Iterator[Check]:
    """The checks in the order in which they depend on one another; the first one that the others need ends the list."""
    from myi_pipelines.settings import SettingsError, load_settings, unknown_settings

    yield _python()
    try:
        settings = load_settings()
    except SettingsError as error:
        yield Check("settings", False, str(error), "correct the environment variable or the line in .env")
        return
    unknown = unknown_settings()
    yield Check("settings", not unknown, "; ".join(unknown) or "valid", "rename or remove them" if unknown else "")
    yield _folder("home", settings.home, "MYI_HOME")
    yield _folder("uploads", settings.uploads, "MYI_UPLOADS")
    yield _disk(settings.home)
    postgres = _guarded("PostgreSQL", _postgres, settings)
    yield postgres
    yield _guarded("Redis", _redis, settings)
    if postgres.good:
        yield _guarded("schema", _schema, settings)
        yield _guarded("names", _names, settings)
        yield _guarded("Dagster", _dagster, settings)
    yield _guarded("key", _key, settings)
    yield _musicbrainz(settings)
    yield _guarded("definitions", _definitions, settings)
    yield _port(settings)


def _guarded(name: str, check: "Callable[[Settings], Check]", settings: "Settings") -> Check:
    """A check that fails with the error's line instead of ending the report."""
    try:
        return check(settings)
    except Exception as error:
        return Check(name, False, message_for_user(error) or f"{type(error).__name__}: {shortened(str(error), 300)}")


def _python() -> Check:
    version = platform.python_version()
    good = sys.version_info >= (3, 11)
    return Check(
        "Python", good, f"{version} ({sys.executable})", "" if good else "install Python 3.11 or newer, run make setup"
    )


def _folder(name: str, path: Path, variable: str) -> Check:
    there = next(folder for folder in (path, *path.parents) if folder.exists())
    good = there.is_dir() and os.access(there, os.W_OK | os.X_OK)
    state = "writable" if there == path else "will be made"
    remedy = f"change the owner of {there}, or set {variable} to a folder of your own"
    return Check(
        name, good, f"{path} ({state})" if good else f"{there} is not a folder you can write", "" if good else remedy
    )


def _disk(path: Path) -> Check:
    from myi_pipelines.operations.monitoring.health import Level, evaluate_disk
    from myi_pipelines.operations.monitoring.health_snapshot import read_disk

    result = evaluate_disk(read_disk(path))
    found, _, remedy = result.text.partition(": ")
    return Check("disk", result.level == Level.OK, found, remedy)


def _postgres(settings: "Settings") -> Check:
    from myi_pipelines.operations.monitoring.probes import probe_postgres
    from myi_pipelines.runtime.database_urls import without_password
    from myi_pipelines.runtime.servers import POSTGRES, embedded_servers, servers_of
    from myi_pipelines.warehouse.schema.migrations import MINIMUM_POSTGRES

    server = embedded_servers(settings).get(POSTGRES)
    if server:
        server.start()
    url = servers_of(settings).database_url
    probe = probe_postgres(url)
    where = "embedded" if server else without_password(url)
    if not probe.running:
        return Check("PostgreSQL", False, probe.problem, "start it, or correct MYI_DATABASE_URL")
    good = int(probe.version.partition(".")[0]) >= MINIMUM_POSTGRES
    remedy = (
        "" if good else f"MYI needs PostgreSQL {MINIMUM_POSTGRES} or newer: upgrade it, or leave MYI_DATABASE_URL empty"
    )
    return Check("PostgreSQL", good, f"{probe.version} ({where})", remedy)


def _redis(settings: "Settings") -> Check:
    from myi_pipelines.operations.monitoring.probes import probe_redis
    from myi_pipelines.runtime.database_urls import without_password
    from myi_pipelines.runtime.servers import REDIS, embedded_servers, servers_of

    server = embedded_servers(settings).get(REDIS)
    if server:
        server.start()
    url = servers_of(settings).redis_url
    probe = probe_redis(url)
    if not probe.running:
        return Check("Redis", False, probe.problem, "start it, or correct MYI_REDIS_URL; imports work without it")
    return Check("Redis", True, f"{probe.version} ({'embedded' if server else without_password(url)})")


def _key(settings: "Settings") -> Check:
    from myi_pipelines.runtime.token_keys import TokenKeys
    from myi_pipelines.sources.spotify.token_cipher import KeyNotUsable

    keys = TokenKeys.of_settings(settings)
    if keys.missing_file is not None:
        return Check("key", True, f"{keys.missing_file} will be made, to encrypt Spotify's tokens")
    try:
        keys.cipher()
    except KeyNotUsable as error:
        found, _, remedy = str(error).partition("; ")
        return Check("key", False, found, remedy)
    return Check("key", True, "MYI_ENCRYPTION_KEY" if settings.encryption_key else str(settings.key_file))


def _musicbrainz(settings: "Settings") -> Check:
    if not settings.musicbrainz_contact:
        return Check("MusicBrainz", True, "off: MYI_MUSICBRAINZ_CONTACT, an e-mail address or URL, lets it tell genres")
    return Check("MusicBrainz", True, f"asked for genres at {settings.musicbrainz_url}")


def _schema(settings: "Settings") -> Check:
    from myi_pipelines.runtime.servers import servers_of
    from myi_pipelines.warehouse.schema.migrations import migrate

    applied = migrate(servers_of(settings).database_url)
    return Check(
        "schema", True, f"{len(applied)} migrations applied just now" if applied else "every migration is applied"
    )


def _names(settings: "Settings") -> Check:
    from myi_pipelines.operations.monitoring.health import Level, evaluate_shared_names
    from myi_pipelines.runtime.servers import servers_of
    from myi_pipelines.warehouse.database.connections import connect
    from myi_pipelines.warehouse.users import shared_names

    with connect(servers_of(settings).database_url) as conn:
        result = evaluate_shared_names(shared_names(conn))
    found, _, remedy = result.text.partition("; ")
    return Check("names", result.level == Level.OK, found, remedy)


def _dagster(settings: "Settings") -> Check:
    from myi_pipelines.orchestration.instance.self_check import open_and_count_runs

    state = open_and_count_runs(settings)
    found = f"instance loads from {settings.dagster_home}, {state.runs:,} runs ({state.driver})"
    return Check("Dagster", state.is_good, found)


def _definitions(settings: "Settings") -> Check:
    from myi_pipelines.definitions import defs
    from myi_pipelines.orchestration.instance.self_check import validate_definitions

    return Check("definitions", True, f"{validate_definitions(defs)} assets")


def _port(settings: "Settings") -> Check:
    from myi_pipelines.runtime.dagster_processes import answers
    from myi_pipelines.runtime.ports import PortInUse, PortsEqual, require_different_ports, require_free_port
    from myi_pipelines.runtime.stack_state import owner_of

    if owner_of(settings) is not None and answers(settings.ui_url):
        return Check("port", True, f"{settings.port}: our own UI at {settings.ui_url}")
    try:
        require_different_ports(settings)
        require_free_port(settings.port)
    except (PortInUse, PortsEqual) as error:
        found, _, remedy = str(error).partition(": ")
        return Check("port", False, found, remedy)
    return Check("port", True, f"{settings.port} is free")
