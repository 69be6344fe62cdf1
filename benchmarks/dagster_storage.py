"""How large Dagster's tables become: simulated days of polls, metadata runs, upkeep and ticks, with what removes them.

``python -m benchmarks.dagster_storage`` prints megabytes by table and day. The first run of each job is a real one, on
a simulated Spotify. All others are copies of its rows at later times, under ids of their own: 13,000 real runs would
take a day. What removes them each night is the product's own, and Dagster's.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from dagster import DagsterInstance
from dagster._core.scheduler.instigation import InstigatorType, TickData, TickStatus
from rich.console import Console
from rich.table import Table

from benchmarks import databases
from benchmarks.linked_accounts import linked
from benchmarks.output import open_console
from benchmarks.sql_files import own_statement
from myi_pipelines.orchestration import names
from myi_pipelines.orchestration.instance.local_instance import local_instance
from myi_pipelines.orchestration.instance.run_history import remove_old_runs
from myi_pipelines.orchestration.instance.storage_schema import migrate_dagster
from myi_pipelines.runtime.embedded.redis import RedisServer
from myi_pipelines.settings import Settings, load_settings
from myi_pipelines.simulator import Setup, Simulator
from myi_pipelines.warehouse.database.connections import Connection, fetch_scalar

DAY = timedelta(days=1)
POLLS, METADATA_RUNS = 288, names.METADATA_RUNS_A_DAY
NIGHTLY = (names.REFRESH_TOP_LISTS, names.MAINTAIN_PARTITIONS, names.PRUNE_RUNS, names.CHECK_WAREHOUSE)
SECONDS_OF_A_SENSOR = {"uploads": 10, "invalidated_user_months": 15, "failure_notices": 60}
SHOWN_DAYS = (1, 2, 3, 4, 5, 7, 10, 15, 20, 25, 30, 31, 35, 40, 60, 90, 91, 100)
LEAST_SHOWN = 100_000
"""Bytes; tables that stay below are shown together."""


class Size(NamedTuple):
    """Of a table at the end of a day."""

    rows: int
    bytes: int


Sizes = Mapping[str, Size]


class Load(NamedTuple):
    """What happens on one day."""

    polls: int = POLLS
    metadata_runs: int = METADATA_RUNS
    nightly: tuple[str, ...] = NIGHTLY
    sensor_seconds: int = 86_400
    """Seconds of the day in which sensors tick."""


def measure(settings: Settings, load: Load, days: int, on_day: Callable[[int], object]) -> list[Sizes]:
    """The sizes of Dagster's tables at the end of each day.

    ``settings`` name an empty storage, a warehouse with a linked account, and the Spotify that it belongs to.
    """
    migrate_dagster(settings)
    began = datetime.now(UTC)
    runs = {names.POLL_PLAYS: load.polls, names.REFRESH_METADATA: load.metadata_runs, **dict.fromkeys(load.nightly, 1)}
    ticks = {"polling": load.polls, "metadata": load.metadata_runs, **dict.fromkeys(load.nightly, 1)}
    ticks |= {name: max(load.sensor_seconds // seconds, 1) for name, seconds in SECONDS_OF_A_SENSOR.items()}
    sizes = []
    with local_instance(settings) as instance, psycopg.connect(settings.dagster_database_url, autocommit=True) as conn:
        for job in runs:
            _real_run(instance, job, began)
        for name in ticks:
            _tick(instance, name, began)
        for day in range(1, days + 1):
            on_day(day)
            start = began + day * DAY
            for job, copies in runs.items():
                latest = fetch_scalar(conn, own_statement("dagster_latest_run"), {"job": job})
                _copy(conn, "dagster_copied_runs", {"run_id": latest}, start, copies)
            for name, copies in ticks.items():
                latest = fetch_scalar(conn, own_statement("dagster_latest_tick"), {"origin": _ids(name)[0]})
                _copy(conn, "dagster_copied_ticks", {"tick_id": latest}, start, copies)
            remove_old_runs(instance, start + DAY)
            _remove_old_ticks(instance, start + DAY)
            conn.execute("VACUUM (ANALYZE)")  # As autovacuum does, many times a day.
            sizes.append(_sizes(conn))
    return sizes


def _copy(conn: Connection, statement: str, what: Mapping[str, Any], start: datetime, copies: int) -> None:
    """Copy rows to times that are spread over a day."""
    times = {"start": start.replace(tzinfo=None), "step": DAY.total_seconds() / copies, "copies": copies}
    conn.execute(own_statement(statement), {**what, **times})


def _real_run(instance: DagsterInstance, job: str, now: datetime) -> None:
    from myi_pipelines.definitions import defs

    configs = {
        names.POLL_PLAYS: names.poll_config(),
        names.REFRESH_METADATA: names.metadata_config(names.CALLS_A_RUN),
        names.REFRESH_TOP_LISTS: names.top_list_config(),
    }
    months = names.recent_months(now) if job in (names.POLL_PLAYS, names.REFRESH_METADATA) else {}
    result = defs.resolve_job_def(job).execute_in_process(
        instance=instance, run_config=configs.get(job), tags=months, raise_on_error=False
    )
    if not result.success:
        raise RuntimeError(f"the first run of {job} failed: its log is above")


def _tick(instance: DagsterInstance, name: str, now: datetime) -> None:
    is_sensor = name in SECONDS_OF_A_SENSOR
    origin, selector = _ids(name)
    instance.create_tick(
        TickData(
            instigator_origin_id=origin,
            instigator_name=name,
            instigator_type=InstigatorType.SENSOR if is_sensor else InstigatorType.SCHEDULE,
            status=TickStatus.SKIPPED if is_sensor else TickStatus.SUCCESS,
            timestamp=now.timestamp(),
            selector_id=selector,
            end_timestamp=now.timestamp() + 1,
            run_ids=[] if is_sensor else ["7f3c1f9e-6f0b-4c55-8a51-2f7c4f2f9d10"],
            skip_reason="No user-month has been invalidated for longer than a minute." if is_sensor else None,
        )
    )


def _ids(name: str) -> tuple[str, str]:
    """Of a schedule's or sensor's origin and selector: as long as Dagster's, which are hashes."""
    return f"origin of {name}".ljust(40, "."), f"selector of {name}".ljust(40, ".")


def _remove_old_ticks(instance: DagsterInstance, now: datetime) -> None:
    """As Dagster does after each tick."""
    for kind, named in (
        (InstigatorType.SCHEDULE, ("polling", "metadata", *NIGHTLY)),
        (InstigatorType.SENSOR, tuple(SECONDS_OF_A_SENSOR)),
    ):
        for status, days in instance.get_tick_retention_settings(kind).items():
            for name in named if days > 0 else ():
                instance.purge_ticks(*_ids(name), (now - days * DAY).timestamp(), [status])


def _sizes(conn: psycopg.Connection) -> Sizes:
    return {
        name: Size(fetch_scalar(conn, f"SELECT count(*) FROM {name}"), size)
        for name, size in conn.execute(own_statement("dagster_tables")).fetchall()
    }


@contextmanager
def simulated(folder: Path, database_url: str, dagster_url: str, redis_url: str) -> Iterator[Settings]:
    """Settings with one linked account of a simulated Spotify."""
    with Simulator(Setup(users=1)) as simulator:
        settings = load_settings(
            home=folder / "home",
            uploads=folder / "uploads",
            database_url=database_url,
            dagster_database_url=dagster_url,
            redis_url=redis_url,
            spotify_client_id="benchmark",
            spotify_accounts_url=simulator.url,
            spotify_api_url=simulator.url,
        )
        settings.home.mkdir()
        with linked(simulator, database_url, redis_url, settings.home, {"ada": "ada"}):
            yield settings


def table(sizes: Sequence[Sizes]) -> Table:
    """Megabytes by table and day."""
    last = sizes[-1]
    named = sorted((name for name in last if last[name].bytes >= LEAST_SHOWN), key=lambda name: -last[name].bytes)
    shown = Table(title="Dagster's tables: MB at the end of each day", title_justify="left")
    for column in ("day", *named, "the others", "together"):
        shown.add_column(column, justify="right")
    for day in [day for day in SHOWN_DAYS if day <= len(sizes)]:
        of_day = sizes[day - 1]
        together = sum(size.bytes for size in of_day.values())
        figures = [of_day[name].bytes for name in named]
        shown.add_row(str(day), *(f"{figure / 1e6:.1f}" for figure in [*figures, together - sum(figures), together]))
    return shown


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dagster_storage", description=__doc__)
    parser.add_argument("--days", type=int, default=30, help="simulated days (default: 30)")
    parser.add_argument("--fraction", type=int, default=1, help="a load so many times smaller (default: 1)")
    options = parser.parse_args()
    load = Load(POLLS // options.fraction, METADATA_RUNS // options.fraction, NIGHTLY, 86_400 // options.fraction)
    console: Console = open_console()
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="myi-bench-") as name,
        console.status("starting") as status,
        databases.cluster(Path(name) / "server") as cluster,
    ):
        folder, redis = Path(name), RedisServer(Path(name) / "redis", throwaway=True)
        redis.start()
        try:
            warehouse, dagster = databases.database(cluster, "warehouse"), databases.empty_database(cluster, "dagster")
            with simulated(folder, warehouse, dagster, redis.url()) as settings:
                sizes = measure(settings, load, options.days, lambda day: status.update(f"day {day}"))
        finally:
            redis.stop()
    console.print(table(sizes))
    runs = f"{load.polls} polls and {load.metadata_runs} metadata runs a day"
    console.print(f"{runs}; {time.monotonic() - began:.0f} s.", highlight=False)


if __name__ == "__main__":
    main()
