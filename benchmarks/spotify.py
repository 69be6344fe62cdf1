"""What Spotify costs: calls for metadata and for polling, and the database's time, measured over HTTP with the
simulator. ``metadata`` and ``polling`` measure; this module makes one table of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypeAlias

from rich.console import Console
from rich.table import Table

from benchmarks import exports, metadata, pipeline, polling
from benchmarks.metadata import MOST_PLAYS, Spent
from benchmarks.polling import TICKS_A_DAY, Followed, Poll
from myi_pipelines.runtime.embedded import RedisServer
from myi_pipelines.simulator import Mode

NewDatabase: TypeAlias = Callable[[str], str]
"""A fresh, migrated database of a name; its URL."""
NewRedis: TypeAlias = Callable[[int], str]
"""The URL of an empty Redis database."""

SEED = 1
HISTORIES = ((1_000, Mode.DEVELOPMENT), (6_000, Mode.DEVELOPMENT), (6_000, Mode.EXTENDED))
"""Plays of the sample histories whose metadata are fetched. A longer history has more tracks of each album."""
MODES = {Mode.DEVELOPMENT: "Development Mode", Mode.EXTENDED: "extended mode"}
NORMAL, HEAVY = "ada", "dalia"
"""The simulated user with about 45 plays a day, and the one with about 220, most of them skipped."""
NEW_PLAYS = (0, 10)
POLLS = 7
DAYS = 7


class Row(NamedTuple):
    """One line of the table: what was measured, what it is compared with, the ratio, and its target."""

    what: str
    measured: str
    rival: str = ""
    ratio: str = ""
    target: str = ""
    is_met: bool | None = None


def measure(new_database: NewDatabase, folder: Path, *, events: int, on_step: Callable[[str], object]) -> list[Row]:
    """Measure everything, on fresh databases and a new Redis; ``on_step`` gets the name of each step."""
    rows: list[Row] = []
    with _redis(folder / "redis") as new_redis:
        for number, (plays, mode) in enumerate(HISTORIES):
            on_step(f"fetching metadata in {MODES[mode]}")
            url, own = new_database("metadata"), _folder(folder, f"metadata-{number}")
            rows += metadata_rows(mode, metadata.spent(url, new_redis(number), own, plays=plays, mode=mode))
        rows += _polling(new_database("polling"), new_redis, _folder(folder, "polling"), events, on_step)
    return rows


def show(console: Console, rows: list[Row]) -> None:
    table = Table(title="What Spotify costs", title_justify="left")
    table.add_column("what")
    for name in ("measured", "against", "ratio"):
        table.add_column(name, justify="right")
    for name in ("target", ""):
        table.add_column(name)
    for row in rows:
        verdict = {True: "[green]met", False: "[red]missed", None: ""}[row.is_met]
        table.add_row(row.what, row.measured, row.rival, row.ratio, row.target, verdict)
    console.print(table)


def metadata_rows(mode: Mode, spent: Spent) -> list[Row]:
    """Calls for 1,000 distinct tracks, against one call for each track and each artist."""

    def row(what: str, calls: int, naive: int, target: str = "", is_met: bool | None = None) -> Row:
        measured, rival = (f"{1_000 * count / spent.tracks:,.0f}" for count in (calls, naive))
        return Row(what, measured, rival, f"{calls / naive:.2f}", target, is_met)

    return [
        row(
            f"calls for 1,000 tracks in {MODES[mode]} (of {spent.tracks:,}, {spent.tracks_an_album:.1f} an album)",
            spent.calls_for_tracks, spent.tracks, "no play left out", not spent.plays_without_metadata,
        ),
        row("… and for their artists", spent.calls.total(), spent.tracks + spent.artists),
        row(f"… until {MOST_PLAYS:.0%} of the plays", spent.calls_for_most_plays, spent.naive_for_most_plays),
    ]  # fmt: skip


def poll_row(poll: Poll, import_ms: float) -> Row:
    """The database's time for one poll, against that for the import of the history."""
    return Row(
        f"a poll with {poll.new_plays} new plays: database ms, asking + deriving",
        f"{poll.asking_ms:.0f} + {poll.deriving_ms:.0f}",
        f"{import_ms:,.0f}",
        f"{poll.database_ms / import_ms:.4f}",
    )


def followed_rows(followed: Followed, days: float, without: Poll, with_plays: Poll) -> list[Row]:
    """A user's polls a day, against one at every tick; what that costs; what was missed."""
    polls, found = followed.polls / days, followed.with_plays / days
    busy = (polls - found) * without.database_ms + found * with_plays.database_ms
    return [
        Row(
            f"polls a day of a user with {followed.plays / days:.0f} plays",
            f"{polls:.0f}", f"{TICKS_A_DAY}", f"{polls / TICKS_A_DAY:.2f}",
        ),
        Row("… calls a poll, access tokens included", f"{followed.calls / followed.polls:.2f}"),
        Row("… database seconds a day, by the polls above", f"{busy / 1_000:.1f}"),
        Row(
            f"… plays lost, doubled, of {followed.plays:,} in {days:.0f} days",
            f"{followed.lost}, {followed.doubled}", "", "", "0, 0", followed.lost == followed.doubled == 0,
        ),
    ]  # fmt: skip


def _polling(url: str, new_redis: NewRedis, folder: Path, events: int, on_step: Callable[[str], object]) -> list[Row]:
    on_step("importing a history to poll on top of")
    exports.write_export(folder / "export.zip", rows=round(events / exports.EVENTS_PER_ROW), seed=SEED)
    with polling.busy_milliseconds(url) as busy:
        before = busy()
        pipeline.import_file(url, folder / "export.zip")
        import_ms = busy() - before
    on_step("polling")
    names = {NORMAL: pipeline.USER}
    polls = polling.polls(url, new_redis(10), folder, names=names, new_plays=NEW_PLAYS, times=POLLS)
    on_step(f"polling for {DAYS} simulated days")
    both = names | {HEAVY: HEAVY}
    followed = polling.followed(url, new_redis(11), folder, names=both, ticks=DAYS * TICKS_A_DAY)
    rows = [poll_row(poll, import_ms) for poll in polls]
    return [*rows, *(row for one in followed.values() for row in followed_rows(one, DAYS, polls[0], polls[1]))]


@contextmanager
def _redis(folder: Path) -> Iterator[NewRedis]:
    server = RedisServer(folder)
    server.start()
    try:
        yield server.url
    finally:
        server.stop()


def _folder(folder: Path, name: str) -> Path:
    made = folder / name
    made.mkdir()
    return made
