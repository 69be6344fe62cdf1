"""``make bench``: what an import costs, as ratios to a ceiling that is measured in the same run; what Spotify costs.

The ceiling is a binary COPY of the same finished events into the same partitioned table, with the same indexes and
foreign keys, over one connection. Rounds of ceiling and imports alternate on fresh servers, and medians are shown.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import NamedTuple

import psycopg
from rich.console import Console
from rich.table import Table

from benchmarks import databases, exports, pipeline, rebuild, spotify, startup
from benchmarks.cores import available_cores
from benchmarks.output import open_console
from myi_pipelines.runtime import embedded
from myi_pipelines.sources.exports import open_upload
from myi_pipelines.warehouse import partitions
from myi_pipelines.warehouse.database.connections import connect, fetch_scalar
from myi_pipelines.warehouse.events import SKIP_BELOW_MS
from myi_pipelines.warehouse.landing import PolledPlay

SEED = 1
POLLED_PLAYS = 10
POLLS = 5
SMALL_ROWS, BIG_ROWS = 15_000, 1_500_000
MIB = 1024
STARTUP_SECONDS = 2.5
"""Of the processor, for a small import from the command line."""

COMMAND_RATIO, COMMAND_SECONDS = 1.3, 2.0
"""How long the whole command may take: so many times the import itself, and as many seconds."""

CORES = 1.8
"""Fewer available cores than this do not count as two."""
_numbers = count()

TRIES = 3
"""How many times as many rounds may be measured as are wanted, to find enough with two cores."""


class Round(NamedTuple):
    """One round's seconds; those of ``startup`` are the processor's."""

    ceiling: float
    parse: float
    first: pipeline.Steps
    repeat: pipeline.Steps
    second: pipeline.Steps
    increment: float
    startup: startup.Startup
    command: float
    """The same import by ``myi import``, Dagster's run and all."""
    last_fm: pipeline.Steps
    """The same plays as Last.fm tells them."""
    cores: float
    """The available cores, the lower of before and after."""


class Ratio(NamedTuple):
    """The ratio of two figures of the same round: over all rounds the median, the least and the greatest."""

    median: float
    least: float
    most: float

    @classmethod
    def over(cls, rounds: list[Round], measure: Callable[[Round], float]) -> Ratio:
        ratios = [measure(one) for one in rounds]
        return cls(statistics.median(ratios), min(ratios), max(ratios))

    def __format__(self, spec: str) -> str:
        return f"{self.median:{spec}} ({self.least:{spec}} to {self.most:{spec}})"


class Row(NamedTuple):
    """One line of the table: what was measured and, if there is one, the ratio and its target."""

    what: str
    rows: int
    seconds: float
    ratio: str = ""
    target: str = ""
    is_met: bool | None = None


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--events", type=int, default=300_000, help="listening events of the import (default: 300,000)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds to take medians of (default: 5)")
    parser.add_argument("--skip-memory", action="store_true", help="leave out the import of 1,500,000 rows")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--skip-spotify", action="store_true", help="measure imports only")
    which.add_argument("--only-spotify", action="store_true", help="measure calls to (a simulated) Spotify only")
    which.add_argument("--only-rebuild", action="store_true", help="measure rebuilds of a month only")
    parser.add_argument("--skip-rebuild", action="store_true", help="leave out rebuilds of a month")
    options = parser.parse_args()
    console = open_console()
    with (
        tempfile.TemporaryDirectory(prefix="myi-bench-") as name,
        console.status("starting") as status,
        databases.cluster(Path(name) / "server") as cluster,
    ):
        folder = Path(name)
        new_database = partial(databases.database, cluster)
        if not options.only_spotify and not options.only_rebuild:
            status.update("writing exports")
            data = _Data(folder, options.events)
            status.update("importing a small file from the command line")
            place = startup.prepare(new_database("startup"), folder / "startup")
            rounds = _rounds(folder, data, place, options.rounds, on_step=status.update)
            rows = [*_speed_rows(rounds, data), command_row(rounds), startup_row([one.startup for one in rounds])]
            if not options.skip_memory:
                status.update(f"importing {BIG_ROWS:,} rows for their memory")
                rows.append(_memory_row(cluster, folder))
            _show(console, rows, options.rounds)
            cores = sorted(one.cores for one in rounds)
            console.print(
                f"The ceiling needs one core, an import two: {cores[0]:.1f} to {cores[-1]:.1f} were available. Rounds "
                f"with less than {CORES} were measured again, up to {TRIES} times in all.",
                highlight=False,
            )
        if not options.skip_rebuild and not options.only_spotify:
            rebuild.show(console, *rebuild.measure(new_database, rounds=options.rounds, on_step=status.update))
        if not options.skip_spotify and not options.only_rebuild:
            spotify.show(console, spotify.measure(new_database, folder, events=options.events, on_step=status.update))


class _Data:
    """The export, the same rows packed differently, and the events that they become."""

    def __init__(self, folder: Path, events: int) -> None:
        rows = round(events / exports.EVENTS_PER_ROW)
        self.export, self.repacked = folder / "export.zip", folder / "repacked.zip"
        exports.write_export(self.export, rows=rows, seed=SEED)
        exports.write_export(self.repacked, rows=rows, seed=SEED, repack=True)
        self.last_fm = folder / "last_fm.csv"
        exports.write_last_fm(self.last_fm, rows=rows, seed=SEED)
        self.events = list(exports.finished_events(rows=rows, seed=SEED))


def _rounds(
    folder: Path, data: _Data, place: startup.Place, wanted: int, *, on_step: Callable[[str], object]
) -> list[Round]:
    """``wanted`` rounds: of the measured ones those that had most of two cores."""
    rounds: list[Round] = []
    while sum(one.cores >= CORES for one in rounds) < wanted and len(rounds) < TRIES * wanted:
        on_step(f"round {len(rounds) + 1}; {wanted} are wanted with two cores available")
        rounds.append(_round(folder, data, place))
    return sorted(rounds, key=lambda one: -one.cores)[:wanted]


def _round(folder: Path, data: _Data, place: startup.Place) -> Round:
    before = available_cores()
    with databases.alone(folder) as url:
        ceiling = _copy_events(url, data.events)
    _, parse = pipeline.timed(lambda: _parse(data.export))
    with databases.alone(folder) as url:
        first = pipeline.import_file(url, data.export)
        repeat = pipeline.import_file(url, data.repacked)
        increments = [pipeline.poll(url, _polled_plays(data, number)) for number in range(POLLS)]
        second = pipeline.import_file(url, data.export, user="another")
    started = place.measure()
    with databases.alone(folder) as url:
        command = startup.prepare(url, folder / f"command_{next(_numbers)}").import_seconds(data.export, "whole")
    with databases.alone(folder) as url:
        last_fm = pipeline.import_file(url, data.last_fm)
    cores = min(before, available_cores())
    increment = statistics.median(increments)
    return Round(ceiling, parse, first, repeat, second, increment, started, command, last_fm, cores)


def _parse(path: Path) -> int:
    with open_upload(path) as upload:
        return sum(len(batch.plays) for batch in upload.batches())


def _copy_events(url: str, events: list[exports.Event]) -> float:
    """Seconds that a binary COPY of finished events takes. Tracks and partitions exist before."""
    with connect(url) as conn:
        first, last = (partitions.month_of(pick(event.played_at for event in events)) for pick in (min, max))
        partitions.ensure_months(conn, partitions.months_between(first, last))
        user_id = fetch_scalar(conn, "INSERT INTO users (name) VALUES ('ceiling') RETURNING id")
        ids = sorted({event.spotify_id for event in events})
        conn.execute("INSERT INTO tracks (spotify_id) SELECT unnest(%s::text[])", [ids])
        tracks: dict[str, int] = dict(conn.execute("SELECT spotify_id, id FROM tracks").fetchall())
        rows: list[tuple[object, ...]] = [
            (
                user_id,
                tracks[event.spotify_id],
                event.played_at,
                event.ms_played,
                "IMPORT",
                False,
                event.ms_played < SKIP_BELOW_MS,
            )
            for event in events
        ]
        conn.execute("ANALYZE tracks")
        return pipeline.timed(lambda: _copy(conn, rows))[1]


def _copy(conn: psycopg.Connection, rows: list[tuple[object, ...]]) -> None:
    columns = "user_id, track_id, played_at, ms_played, source, is_estimated, is_skip"
    with conn.cursor() as cursor, cursor.copy(f"COPY listening_events ({columns}) FROM STDIN (FORMAT binary)") as copy:
        copy.set_types(["int8", "int8", "timestamptz", "int4", "text", "bool", "bool"])
        for row in rows:
            copy.write_row(row)


def _polled_plays(data: _Data, number: int) -> list[PolledPlay]:
    """Ten new plays of known tracks, after the last play of the export and of the earlier polls."""
    began = data.events[-1].played_at + timedelta(hours=1 + number)
    return [
        PolledPlay(began + timedelta(minutes=4 * play, milliseconds=123), data.events[play * 997].spotify_id, 200_000)
        for play in range(POLLED_PLAYS)
    ]


def _speed_rows(rounds: list[Round], data: _Data) -> list[Row]:
    def median(measure: Callable[[Round], float]) -> float:
        return statistics.median(measure(one) for one in rounds)

    events, rows = len(data.events), rounds[0].first.rows
    whole = Ratio.over(rounds, lambda r: r.ceiling / r.first.whole)
    second = Ratio.over(rounds, lambda r: r.ceiling / r.second.whole)
    repeat = Ratio.over(rounds, lambda r: r.repeat.whole / r.first.whole)
    increment = Ratio.over(rounds, lambda r: r.increment / r.first.whole)
    last_fm = Ratio.over(rounds, lambda r: r.last_fm.whole / r.first.whole)
    return [
        Row("ceiling: binary COPY of the finished events", events, median(lambda r: r.ceiling), "1.00 of the ceiling"),
        Row("parse alone", rows, median(lambda r: r.parse)),
        Row("land (reads the ZIP)", rows, median(lambda r: r.first.land)),
        Row("catalog", rows, median(lambda r: r.first.catalog)),
        Row("conform", events, median(lambda r: r.first.conform)),
        Row("stats", events, median(lambda r: r.first.stats)),
        Row(
            "whole import, from ZIP to last commit", events, median(lambda r: r.first.whole),
            f"{whole:.2f} of the ceiling", "≥ 0.60", whole.median >= 0.6,
        ),
        Row(
            "… of a second user, into months that exist", events, median(lambda r: r.second.whole),
            f"{second:.2f} of the ceiling",
        ),
        Row(
            "repeat, packed differently", rows, median(lambda r: r.repeat.whole),
            f"{repeat:.2f} of the import; {max(one.repeat.added for one in rounds)} rows added", "≤ 0.35, 0 rows",
            repeat.median <= 0.35 and not any(one.repeat.added for one in rounds),
        ),
        Row(
            f"{POLLED_PLAYS} polled plays on top", POLLED_PLAYS, median(lambda r: r.increment),
            f"{increment:.4f} of the import", "≤ 0.02", increment.median <= 0.02,
        ),
        Row(
            "the same plays, from Last.fm", rounds[0].last_fm.rows, median(lambda r: r.last_fm.whole),
            f"{last_fm:.2f} of the import", "≤ 2.0", last_fm.median <= 2,
        ),
    ]  # fmt: skip


def _memory_row(cluster: embedded.Cluster, folder: Path) -> Row:
    """Peak memory of the importing process and its reader, for few rows and for a hundred times as many."""
    peaks = []
    seconds = 0.0
    for rows in (SMALL_ROWS, BIG_ROWS):
        export = folder / f"{rows}.zip"
        exports.write_export(export, rows=rows, seed=SEED)
        command = [sys.executable, "-m", "benchmarks.pipeline", databases.database(cluster, "memory"), str(export)]
        run = partial(subprocess.run, command, check=True, capture_output=True)
        done, seconds = pipeline.timed(run)
        peaks.append(int(done.stdout) / MIB)
    more = peaks[1] - peaks[0]
    return Row(
        f"peak memory for {BIG_ROWS:,} rows", BIG_ROWS, seconds,
        f"{peaks[1]:.0f} MiB, {more:+.0f} MiB on {SMALL_ROWS:,} rows", "≤ +64 MiB", more <= 64,
    )  # fmt: skip


def command_row(rounds: list[Round]) -> Row:
    """The time of the whole command, against that of the import in it."""
    ratio = Ratio.over(rounds, lambda one: one.command / one.first.whole)
    over = statistics.median(one.command - COMMAND_RATIO * one.first.whole for one in rounds)
    return Row(
        "the same import from the command line", rounds[0].first.rows, statistics.median(one.command for one in rounds),
        f"{ratio:.2f} of the import", f"≤ {COMMAND_RATIO} × + {COMMAND_SECONDS:.0f} s", over <= COMMAND_SECONDS,
    )  # fmt: skip


def startup_row(measured: list[startup.Startup]) -> Row:
    """Processor time of a small import, against that of an empty run of Dagster."""
    seconds = statistics.median(one.small_import for one in measured)
    ratios = [one.ratio for one in measured]
    ratio = Ratio(statistics.median(ratios), min(ratios), max(ratios))
    return Row(
        "a small import from the command line: CPU seconds", startup.ROWS, seconds,
        f"{ratio:.2f} of an empty run of Dagster", f"≤ {STARTUP_SECONDS} s", seconds <= STARTUP_SECONDS,
    )  # fmt: skip


def _show(console: Console, rows: list[Row], rounds: int) -> None:
    table = Table(title=f"What an import costs (medians of {rounds} rounds)", title_justify="left")
    table.add_column("what")
    for name in ("rows", "seconds", "rows/s"):
        table.add_column(name, justify="right")
    for name in ("ratio", "target", ""):
        table.add_column(name)
    for row in rows:
        verdict = {True: "[green]met", False: "[red]missed", None: ""}[row.is_met]
        speed = f"{row.rows / row.seconds:,.0f}"
        table.add_row(row.what, f"{row.rows:,}", f"{row.seconds:.3f}", speed, row.ratio, row.target, verdict)
    console.print(table)


if __name__ == "__main__":
    main()
