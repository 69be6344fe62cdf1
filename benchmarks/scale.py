"""``make bench-scale ROWS=…``: bytes a play, whether costs grow with the plays, and how fast a dashboard is answered.

Three warehouses with a twentieth, a quarter and all of the rows are on one server. Imports and polls take turns between
them, and their medians are compared. Sizes and dashboards are measured on the largest.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.status import Status
from rich.table import Table

from benchmarks import dashboard, exports, many_accounts, many_users, pipeline
from benchmarks.databases import cluster, database
from benchmarks.many_users import MONTHS
from benchmarks.output import open_console
from benchmarks.sql_files import own_statement
from myi_pipelines.warehouse import invariants
from myi_pipelines.warehouse.database.connections import Connection, connect, fetch_scalar
from myi_pipelines.warehouse.landing import PolledPlay
from myi_pipelines.warehouse.partitions import next_month, starts_at

FRACTIONS = (20, 4, 1)
ACCOUNTS = (100, 10_000, 100_000)
"""Numbers of linked users; Spotify allows an app in Development Mode very few."""
SEED = 2
MOST_BYTES_A_PLAY = 575
MOST_GROWTH = 1.3
LEAST_TIMES_FASTER = 20
POLLED_PLAYS = 10
USERS_ASKED_ABOUT = 100
USERS_POLLED = 20
USERS_CHECKED = 20
DISK_BYTES_A_PLAY = 1_200
"""Disk space that a play needs while warehouses are built: tables, indexes, sorting and the write-ahead log."""

OnStep = Callable[[str], object]


class Size(NamedTuple):
    """A table or one of its indexes."""

    relation: str
    table: str
    is_index: bool
    size: int


class Cost(NamedTuple):
    """An operation in a warehouse, and its median seconds."""

    what: str
    events: int
    seconds: float


class InvariantsBroken(Exception):
    """The built warehouse is not correct."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000, help="listening events (default: 2,000,000)")
    parser.add_argument("--rounds", type=int, default=5, help="imports and polls to take medians of (default: 5)")
    parser.add_argument("--import-rows", type=int, default=20_000, help="rows of the export imported (default: 20,000)")
    parser.add_argument(
        "--times", type=int, default=15, help="times that each question is asked about a user (default: 15)"
    )
    parser.add_argument("--keep", type=Path, help="folder in which the warehouses stay, for benchmarks.web")
    options = parser.parse_args()
    console = open_console()
    with ExitStack() as stack:
        folder = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="myi-scale-")))
        folder.mkdir(parents=True, exist_ok=True)
        rows = [options.rows // fraction for fraction in FRACTIONS]
        needed, free = sum(rows) * DISK_BYTES_A_PLAY, shutil.disk_usage(folder).free
        if needed > free:
            sys.exit(
                f"{options.rows:,} rows need {_gb(needed)}, {folder.parent} has {_gb(free)}: set TMPDIR, or fewer ROWS"
            )
        status = stack.enter_context(console.status("starting"))
        server = stack.enter_context(cluster(folder / "server", keep=options.keep is not None))
        urls = []
        for plays in rows:
            urls.append(database(server, "scale"))
            began = time.perf_counter()
            many_users.build(urls[-1], plays=plays, on_step=partial(_show_step, status, plays))
            console.print(f"{plays:,} plays built in {time.perf_counter() - began:,.0f} s", highlight=False)
        with connect(urls[-1]) as conn:
            check(conn)
            show_sizes(console, *sizes(conn))
            status.update("asking the questions of a dashboard")
            users = many_users.some_users(conn, USERS_ASKED_ABOUT)
            show_dashboard(console, dashboard.measure(urls[-1], users, times=options.times))
        exports.write_export(folder / "export.zip", rows=options.import_rows, seed=SEED, years=6)
        show_costs(console, costs(urls, folder / "export.zip", rounds=options.rounds, on_step=status.update))
        status.update("polling linked users")
        ticks = []
        for accounts in ACCOUNTS:
            url = database(server, "accounts")
            ticks.append(many_accounts.measure(url, accounts=accounts, times=options.times))
        show_ticks(console, ticks)


def _show_step(status: Status, plays: int, step: str) -> None:
    status.update(f"{plays:,} plays: {step}")


def check(conn: Connection) -> None:
    """Raises InvariantsBroken when the statistics of some users do not match their events."""
    violations = invariants.check(conn, [one.user_id for one in many_users.some_users(conn, USERS_CHECKED)])
    if violations:
        raise InvariantsBroken(str(violations[0]))


def sizes(conn: Connection) -> tuple[int, list[Size]]:
    """How many events there are, and the bytes of every table and index."""
    events = fetch_scalar(conn, "SELECT sum(total_play_count)::bigint FROM users")
    return events, [Size(*one) for one in conn.execute(own_statement("bytes"))]


def costs(urls: Sequence[str], export: Path, *, rounds: int, on_step: OnStep) -> list[Cost]:
    """Imports of an export by new users, and polls of ten new plays, in the warehouses in turn."""
    imports: list[list[float]] = [[] for _ in urls]
    polls: list[list[float]] = [[] for _ in urls]
    events = []
    for url in urls:
        with connect(url) as conn:
            events.append(sizes(conn)[0])
    for round_no in range(rounds + 1):
        on_step(f"imports and polls: round {round_no} of {rounds}")
        for url, imported, polled in zip(urls, imports, polls, strict=True):
            with connect(url) as conn:
                users = many_users.some_users(conn, USERS_POLLED)
                plays = _polled_plays(conn, round_no)
            took = pipeline.import_file(url, export, user=f"importer-{round_no}").whole
            each = [pipeline.poll(url, plays, user=one.name) for one in users]
            if round_no:  # the first one adds the export's names to the catalog, and warms up
                imported.append(took)
                polled += each
    measured = (("an import", imports), (f"a poll of {POLLED_PLAYS} plays", polls))
    return [
        Cost(what, count, statistics.median(samples))
        for what, warehouses in measured
        for count, samples in zip(events, warehouses, strict=True)
    ]


def _polled_plays(conn: Connection, round_no: int) -> list[PolledPlay]:
    """New plays of known tracks, at the end of the last month with plays."""
    known = conn.execute(
        "SELECT spotify_id FROM tracks WHERE spotify_id IS NOT NULL LIMIT %s", [POLLED_PLAYS]
    ).fetchall()
    first = starts_at(next_month(MONTHS[-1])) - timedelta(hours=20 - round_no)
    return [
        PolledPlay(_minutes_after(first, 4 * number), spotify_id, 200_000) for number, (spotify_id,) in enumerate(known)
    ]


def _minutes_after(instant: datetime, minutes: int) -> datetime:
    return instant + timedelta(minutes=minutes, milliseconds=7)


def show_sizes(console: Console, events: int, found: Sequence[Size]) -> None:
    """Print bytes a play, by table and index, the largest table first. Tables below one byte share a line."""
    total = sum(one.size for one in found)
    table = Table(title=f"Bytes a play, of {events:,} plays", title_justify="left")
    table.add_column("table, index")
    for name in ("rows", "index", "with indexes", "GB"):
        table.add_column(name, justify="right")
    by_table: dict[str, list[Size]] = {}
    for one in found:
        by_table.setdefault(one.table, []).append(one)
    small = 0
    for name, parts in sorted(by_table.items(), key=lambda item: -sum(part.size for part in item[1])):
        whole = sum(part.size for part in parts)
        if whole < events:
            small += whole
            continue
        rows = sum(part.size for part in parts if not part.is_index)
        table.add_row(
            name, f"{rows / events:.1f}", f"{(whole - rows) / events:.1f}", f"{whole / events:.1f}", _gb(whole)
        )
        for part in sorted((part for part in parts if part.is_index), key=lambda part: -part.size):
            table.add_row(f"  {part.relation}", "", f"{part.size / events:.1f}", "", _gb(part.size))
    table.add_row("the others", "", "", f"{small / events:.1f}", _gb(small))
    verdict = _verdict(total / events <= MOST_BYTES_A_PLAY)
    table.add_row(f"everything (≤ {MOST_BYTES_A_PLAY}: {verdict})", "", "", f"{total / events:.1f}", _gb(total))
    console.print(table)


def show_costs(console: Console, measured: Sequence[Cost]) -> None:
    table = Table(title="What costs more with more plays (medians)", title_justify="left")
    table.add_column("what")
    for name in ("plays in the warehouse", "ms", "growth"):
        table.add_column(name, justify="right")
    table.add_column(f"target: ≤ {MOST_GROWTH}")
    smallest: dict[str, Cost] = {}
    for cost in measured:
        growth = cost.seconds / smallest.setdefault(cost.what, cost).seconds
        table.add_row(
            cost.what,
            f"{cost.events:,}",
            f"{cost.seconds * 1_000:,.1f}",
            f"{growth:.2f}",
            _verdict(growth <= MOST_GROWTH),
        )
    console.print(table)


def show_ticks(console: Console, ticks: Sequence[many_accounts.Tick]) -> None:
    table = Table(title="What costs more with more linked users (ms, medians)", title_justify="left")
    for name in ("linked users", "finding due users, a tick", "adding up demand, a tick", "recording a poll"):
        table.add_column(name, justify="right")
    for tick in ticks:
        table.add_row(f"{tick.accounts:,}", *(f"{seconds * 1_000:.1f}" for seconds in tick[1:]))
    console.print(table)


def show_dashboard(console: Console, measured: Sequence[dashboard.Measured]) -> None:
    table = Table(
        title="Questions of a dashboard (ms over users; the most partitions; the median of pages)",
        title_justify="left",
    )
    table.add_column("question")
    for name in ("p50", "p99", "partitions", "buffers"):
        table.add_column(name, justify="right")
    table.add_column("p99 of raw events", justify="right")
    for name in ("partitions", "buffers", "times faster"):
        table.add_column(name, justify="right")
    table.add_column(f"target: ≥ {LEAST_TIMES_FASTER}")
    table.add_column("… prepared", justify="right")
    table.add_column("… and bounded", justify="right")
    for one in measured:
        stats, raw, prepared, bounded = one.stats, one.raw, one.prepared_raw, one.bounded_raw
        table.add_row(
            one.question.name,
            f"{stats.p50_ms:.2f}", f"{stats.p99_ms:.2f}", f"{stats.partitions}", f"{stats.buffers:.0f}",
            f"{raw.p99_ms:.2f}", f"{raw.partitions}", f"{raw.buffers:.0f}", f"{one.times_faster:.1f}",
            _verdict(one.times_faster >= LEAST_TIMES_FASTER) if one.question.is_over_stats else "reads events",
            f"{prepared.p99_ms:.2f}, {prepared.p99_ms / stats.p99_ms:.1f} times",
            "" if bounded is None else f"{bounded.p99_ms:.2f}, {bounded.p99_ms / stats.p99_ms:.1f} times",
        )  # fmt: skip
    console.print(table)


def _verdict(is_met: bool) -> str:
    return "[green]met[/]" if is_met else "[red]missed[/]"


def _gb(size: float) -> str:
    return f"{size / 1e9:,.2f} GB"


if __name__ == "__main__":
    main()
