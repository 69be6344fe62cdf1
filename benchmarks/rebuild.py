"""What a month of many users costs: its events by an exchange of the partition, against the merge row by row; and its
statistics for all users together, against one user after the other.

All ways use two connections and the same landed plays, in turn, on one database. No other cost is measured here.
"""

from __future__ import annotations

import hashlib
import statistics
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from random import Random
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from rich.console import Console
from rich.table import Table

from benchmarks.pipeline import MIN_PLAY_MS, timed
from myi_pipelines.operations import verify
from myi_pipelines.warehouse import catalog, events, partitions, rebuild, stats, user_months, users
from myi_pipelines.warehouse.binary_copy import Packer, PlayContext, TrackNames
from myi_pipelines.warehouse.database.connections import Connection, connect
from myi_pipelines.warehouse.database.parallel import map_on_connections
from myi_pipelines.warehouse.import_jobs import UploadedFile
from myi_pipelines.warehouse.landing import land_upload
from myi_pipelines.warehouse.session import Session
from myi_pipelines.warehouse.user_months import Stage, UserMonth

NewDatabase: TypeAlias = Callable[[str], str]
"""A fresh, migrated database of a name; its URL."""
Refresh: TypeAlias = Callable[[Sequence[Connection], Sequence[UserMonth]], None]
"""A way to recompute the statistics of user-months on two connections."""

USERS, PLAYS, TRACKS = 100, 1_000, 5_000
MONTH = date(2023, 5, 1)
TARGET = 3.0
CONTEXT: PlayContext = ("ios", "NZ", "trackdone", "trackdone", False, None, False, False)

CASES = {
    "none of its events is there": "DELETE FROM listening_events",
    "every event differs": "UPDATE listening_events SET ms_played = ms_played + 1",
    "every second event differs": "UPDATE listening_events SET ms_played = ms_played + 1 WHERE id % 2 = 0",
    "no event differs": "SELECT",
}

STATISTICS = sorted((verify.FROM_EVENTS | verify.FROM_MONTHS).keys() - {"users"})
STATISTICS_CASES = {
    "none of its statistics are there": "TRUNCATE {}",
    "every row differs": "UPDATE {} SET total_ms = total_ms + 1",
    "no row differs": "SELECT",
}


class Recomputed(NamedTuple):
    """Seconds for the statistics of the month: one user after the other, and all together."""

    what: str
    one_by_one: float
    together: float


class Rebuilt(NamedTuple):
    """Seconds of each way from one state of the month, and whether the second one exchanged the partition."""

    what: str
    rows: int
    merge: float
    rebuild: float
    is_exchanged: bool

    @property
    def ratio(self) -> float:
        """How many times faster the rebuild was than the merge."""
        return self.merge / self.rebuild


def measure(
    new_database: NewDatabase, *, rounds: int, on_step: Callable[[str], object]
) -> tuple[list[Rebuilt], list[Recomputed]]:
    """Measure every case: medians of some rounds in which the ways take turns."""
    on_step(f"landing {USERS * PLAYS:,} plays of {USERS} users")
    url = new_database("rebuild")
    with connect(url) as conn, connect(url) as helper:
        _land(conn, helper)
        rebuilt = [_case(conn, helper, what, spoil, rounds, on_step) for what, spoil in CASES.items()]
        recomputed = [
            _statistics_case(conn, helper, what, spoil, rounds, on_step) for what, spoil in STATISTICS_CASES.items()
        ]
    return rebuilt, recomputed


def show(console: Console, rebuilt: list[Rebuilt], recomputed: list[Recomputed]) -> None:
    """Print a line for each case. The target applies to the month of which everything has to be written."""
    table = Table(title=f"What rebuilding a month of {USERS} users costs", title_justify="left")
    table.add_column("of the month")
    for name in ("plays", "merge, s", "rebuild, s", "plays/s", "times faster"):
        table.add_column(name, justify="right")
    for name in ("chosen", "target", ""):
        table.add_column(name)
    for number, one in enumerate(rebuilt):
        has_target = number == 0
        met = "[green]met" if one.ratio >= TARGET else "[red]missed"
        table.add_row(
            one.what, f"{one.rows:,}", f"{one.merge:.3f}", f"{one.rebuild:.3f}", f"{one.rows / one.rebuild:,.0f}",
            f"{one.ratio:.1f}", "exchange" if one.is_exchanged else "merge of what differs",
            f"≥ {TARGET:.1f}" if has_target else "", met if has_target else "",
        )  # fmt: skip
    console.print(table)
    table = Table(title=f"What the statistics of a month of {USERS} users cost", title_justify="left")
    table.add_column("of the month")
    for name in ("plays", "one by one, s", "together, s", "plays/s", "times faster"):
        table.add_column(name, justify="right")
    for each in recomputed:
        table.add_row(
            each.what, f"{USERS * PLAYS:,}", f"{each.one_by_one:.3f}", f"{each.together:.3f}",
            f"{USERS * PLAYS / each.together:,.0f}", f"{each.one_by_one / each.together:.1f}",
        )  # fmt: skip
    console.print(table)


def _statistics_case(
    conn: Connection, helper: Connection, what: str, spoil: str, rounds: int, on_step: Callable[[str], object]
) -> Recomputed:
    chosen = user_months.all_user_months(conn, [MONTH])
    ways: tuple[Refresh, ...] = (_refresh_one_by_one, _refresh_together)
    seconds: dict[Refresh, list[float]] = {way: [] for way in ways}
    for number in range(rounds):
        on_step(f"statistics of a month, {what}: {number + 1} of {rounds}")
        for refresh in ways:
            _spoil(conn, chosen, "; ".join(map(spoil.format, STATISTICS)), Stage.STATS)
            seconds[refresh].append(timed(partial(refresh, [conn, helper], chosen))[1])
    return Recomputed(what, *map(statistics.median, seconds.values()))


def _refresh_together(conns: Sequence[Connection], chosen: Sequence[UserMonth]) -> None:
    for _ in stats.refresh_user_months(Session(conns[0], conns[1:]), chosen, recount=True):
        pass


def _refresh_one_by_one(conns: Sequence[Connection], chosen: Sequence[UserMonth]) -> None:
    def refresh(mine: Connection, one: UserMonth) -> object:
        return stats.refresh_stats(Session(mine), one.user_id, [one.month])

    for _ in map_on_connections(conns, chosen, refresh):
        pass


def _case(
    conn: Connection, helper: Connection, what: str, spoil: str, rounds: int, on_step: Callable[[str], object]
) -> Rebuilt:
    merges: list[float] = []
    rebuilds: list[float] = []
    exchanged: list[date] = []
    session = Session(conn, [helper], min_play_ms=MIN_PLAY_MS)
    chosen = user_months.all_user_months(conn, [MONTH])
    for number in range(rounds):
        on_step(f"rebuilding a month, {what}: {number + 1} of {rounds}")
        _spoil(conn, chosen, spoil, Stage.EVENTS)
        merge = events.conform_user_months(session, chosen)
        merges.append(timed(partial(list, merge))[1])
        _spoil(conn, chosen, spoil, Stage.EVENTS)
        rebuilding = rebuild.derive_user_months(session, chosen, on_exchange=exchanged.append)
        rebuilds.append(timed(partial(list, rebuilding))[1])
    return Rebuilt(what, USERS * PLAYS, statistics.median(merges), statistics.median(rebuilds), bool(exchanged))


def _spoil(conn: Connection, chosen: Sequence[UserMonth], spoil: str, stage: Stage) -> None:
    conn.execute(spoil.encode())
    conn.execute("VACUUM ANALYZE")
    conn.execute("CHECKPOINT")
    with conn.transaction():
        user_months.invalidate(conn, chosen, stage)


def _land(conn: Connection, helper: Connection) -> None:
    """Land the plays of every user as one upload, and derive all events."""
    session = Session(conn, [helper], min_play_ms=MIN_PLAY_MS)
    for number in range(USERS):
        user_id = users.ensure_user(conn, f"user{number}")
        sha256 = hashlib.sha256(f"{number}".encode()).hexdigest()
        file = UploadedFile(user_id, "history.json", sha256, PLAYS)
        land_upload(session, file, [Packer(MIN_PLAY_MS).pack(_Upload(number))])
    catalog.sync_catalog(conn)
    for _ in events.conform_user_months(session, user_months.all_user_months(conn, [MONTH])):
        pass
    conn.execute("ANALYZE")


class _Upload:
    """The plays of a user in the month: no two in one second, and the first tracks far more often than the last."""

    rows = bytes_read = PLAYS
    rejected: Mapping[str, int] = MappingProxyType({})
    cleaned = 0
    notes: Sequence[str] = ()

    def __init__(self, user: int) -> None:
        chance = Random(user)
        began = partitions.starts_at(MONTH) + timedelta(days=2)  # no play is near another month
        self.plays = [
            (
                _track(int(chance.random() ** 2 * TRACKS)),
                CONTEXT,
                ended,
                ended,
                chance.randrange(MIN_PLAY_MS, 300_000),
                None,
            )
            for ended in (began + timedelta(seconds=at) for at in chance.sample(range(26 * 86_400), PLAYS))
        ]


def _track(number: int) -> TrackNames:
    return f"{number:022}", f"Song {number}", f"Artist {number % 500}", f"Album {number % 900}", "TRACK"
